"""Does it really look? What it looked at is changed, and it is asked again: does the answer hang on it?"""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
import plotly.graph_objects as go
from PIL import Image

from sayo_app.core.attention.said import first_said
from sayo_app.core.attention.steps import answer_text
from sayo_app.core.held import images
from sayo_app.core.rendering.erasing import Cells, Curves, erased
from sayo_app.ui.ask.state import Checking
from sayo_app.ui.ask.trials import (
    WAYS,
    Finding,
    Kind,
    Pictures,
    Place,
    Said,
    changed,
    control,
    deciding,
    finding,
    percent,
    places,
    shown_map,
)
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.charts import BLUE, GRID, ORANGE, layout
from sayo_app.ui.shared.handlers import ON_MODEL, PRIVATE, does, guarded
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer import rerun
from sayo_app.ui.viewer.page_state import PageState
from sayo_app.ui.viewer.values import data_url
from sayo_app.ui.viewer.viewer import Viewer

_EXPLAINED = (
    "Attention alone is no evidence. This covers (with the mean colour), blurs, recolours and moves what you "
    "drew, or with nothing drawn each of the strongest peaks of the map in turn, and asks the same question "
    "again. An answer that stays when what it looked at is gone did not hang on it."
)
_RULE = (
    "The sentence goes by *covered* alone: another answer means that it hangs on it, unless as much covered "
    "somewhere else changes the answer too; the same answer with less than half of its probability, in part. "
    "The **probability** is that of the answer's words where they are said first, after the same words "
    "before them (exp of the sum over their tokens of log p). In the **chart** the cells of the map that was "
    "shown go (deletion, to the mean colour) or come back (insertion, into a blur), those with the most "
    "attention first; dashed are random orders, the mean of three. The area between them is 0 for a map that "
    "is no better than chance ([RISE](https://arxiv.org/abs/1806.07421), section 4)."
)
_SEED = 0
_THUMB_SIDE = 220
# While the curves grow the page is sent no more than one state in this time.
_SECONDS = 0.25


@dataclass
class _Report:
    """What is known so far."""

    question: str
    words: str
    before: Said | None = None
    findings: dict[Kind, Finding] = field(default_factory=dict)
    trials: list[tuple[Place, str, Image.Image, Said]] = field(default_factory=list)
    note: str = ""
    curves: Curves | None = None


class _Parts(NamedTuple):
    go: gr.Button
    stop: gr.Button
    said: gr.HTML
    trials: gr.HTML
    chart: gr.Plot


def build(studio: Studio, session: gr.State, ask_viewer: Viewer) -> None:
    """Lay out the panel below the viewer of Ask, and wire it."""
    parts = _lay_out()

    @does("ask")
    @guarded
    def on_check(state: str, session: Session) -> Iterator[Any]:
        yield from _check(studio, session, PageState.read(state))

    state = gr.Textbox(visible="hidden")
    parts.go.click(
        on_check,
        [state, session],
        [parts.said, parts.trials, parts.chart],
        js=ask_viewer.read_state,
        **ON_MODEL,
    )

    @does("ask")
    def on_stop(session: Session) -> None:
        session.room(Checking).stopping = True

    parts.stop.click(on_stop, session, None, queue=False, **PRIVATE)


def _lay_out() -> _Parts:
    with gr.Accordion("Does it really look?", open=False, elem_id="reallylook"):
        gr.Markdown(_EXPLAINED, elem_classes="hint")
        with gr.Row(elem_classes="tight"):
            go_button = gr.Button(
                "Change it, ask again", variant="primary", elem_id="reallylook-button", scale=0, min_width=160
            )
            stop = gr.Button("Stop", elem_id="reallylook-stop", scale=0, min_width=80)
        said = gr.HTML("", elem_id="reallylook-said", apply_default_css=False)
        trials = gr.HTML("", elem_id="reallylook-trials", apply_default_css=False)
        chart = gr.Plot(show_label=False, elem_id="reallylook-chart", visible=False)
        gr.Markdown(_RULE, elem_classes="hint")
    return _Parts(go_button, stop, said, trials, chart)


def _check(studio: Studio, session: Session, state: PageState) -> Iterator[Any]:
    """States of (what follows, what was tried, the chart)."""
    answered = session.answered(state.id)
    found, values = places(answered, state), shown_map(answered, state)
    checking = session.room(Checking)
    checking.stopping = False

    def stopped() -> bool:
        return checking.stopping or session.current != answered.id

    trace = answered.trace
    report = _Report(answered.question, "".join(trace.tokens[i] for i in first_said(trace.tokens)).strip())
    report.note = "Asking the model how sure it was …"
    yield _said(report), _cards(report), gr.Plot(visible=False)
    score = rerun.likelihood(studio, answered)
    pictures = images(answered.pictures)
    report.before = Said(answer_text(trace.text) or trace.text, score(pictures))
    for _ in _trials(studio, answered, found, score, report, stopped):
        yield _said(report), _cards(report), gr.skip()
        if stopped():
            break
    last = 0.0
    for share, curves in erased(pictures, Cells.of_map(values, trace.grids), score):
        if stopped():
            break
        if share == 1 or time.monotonic() - last >= _SECONDS:
            last = time.monotonic()
            report.note = f"Taking the picture away and bringing it back, cell by cell … {percent(share)}"
            yield _said(report), gr.skip(), gr.Plot(_chart(curves), visible=True)
        report.curves = curves
    report.note = "Stopped. What was known by then is shown." if stopped() else ""
    yield _said(report), _cards(report), gr.skip()


def _trials(
    studio: Studio,
    answered: Answered,
    found: list[Place],
    score: Callable[[Pictures], float],
    report: _Report,
    stopped: Callable[[], bool],
) -> Iterator[None]:
    """Fill the report: the places covered, as much somewhere else, what follows, then the other ways."""
    rng = np.random.default_rng(_SEED)
    own = images(answered.pictures)
    kinds = list(dict.fromkeys(place.kind for place in found))
    total = len(found) * len(WAYS) + len(kinds)
    begun = 0

    def tried(place: Place, way: str) -> Iterator[Said | None]:
        nonlocal begun
        begun += 1
        report.note = f"{place.name}, {WAYS[way]} … {begun} of {total}"
        yield None
        pictures = changed(own, place, way, rng)
        if pictures is None or stopped():
            return
        answer = rerun.answer_on(studio, answered, pictures, stopped)
        if stopped():
            return  # an answer that was cut off says nothing
        said = Said(answer, score(pictures))
        [first, *_] = [it for it, own in zip(pictures, place.regions, strict=True) if own]
        report.trials.append((place, way, first, said))
        yield said

    assert report.before is not None
    for kind in kinds:
        covered = []
        for place in (it for it in found if it.kind == kind):
            for said in tried(place, "cover"):
                yield
                covered += [] if said is None else [(place, said)]
        if not covered:
            return
        place, after = deciding(report.before, covered)
        there = control(own, place, found, rng)
        elsewhere_said = None
        for said in tried(there, "cover") if there is not None else ():
            yield
            elsewhere_said = said
        report.findings[kind] = finding(kind, report.before, after, elsewhere_said)
    for place in found:
        for way in list(WAYS)[1:]:
            for _ in tried(place, way):
                yield


def _said(report: _Report) -> str:
    parts = []
    for kind, found in report.findings.items():
        tone = "note-good" if found.good else "note-warning"
        parts.append(
            f'<p class="note {tone}" data-testid="reallylook-finding" data-kind="{kind}">'
            f"{html.escape(found.text)}</p>"
        )
    if report.note:
        parts.append(
            f'<p class="note" role="status" data-testid="reallylook-note">{html.escape(report.note)}</p>'
        )
    if report.before is not None:
        text = (
            f"Asked “{report.question}” it answered “{report.before.answer}”. The probability of "
            f"“{report.words}” was {percent(report.before.probability)}."
        )
        parts.append(f'<p class="hint">{html.escape(text)}</p>')
    return f'<div class="findings">{"".join(parts)}</div>'


def _cards(report: _Report) -> str:
    cards = "".join(_card(*trial, report) for trial in report.trials)
    return f'<ul class="trials">{cards}</ul>{_areas(report.curves)}'


def _card(place: Place, way: str, picture: Image.Image, said: Said, report: _Report) -> str:
    assert report.before is not None
    change = f"{percent(report.before.probability)} → {percent(said.probability)}"
    return (
        f'<li data-testid="trial" data-way="{way}">'
        f'<img src="{data_url(picture, _THUMB_SIDE)}" alt="The changed picture">'
        f"<b>{html.escape(place.name)}, {WAYS[way]}</b>"
        f"<span>“{html.escape(said.answer)}”</span>"
        f"<span>probability of “{html.escape(report.words)}”: {change}</span></li>"
    )


def _chart(curves: Curves) -> go.Figure:
    """The answer's probability over the part of the cells that was changed."""
    figure = go.Figure()
    for name, lines, colour in (
        ("taken away", curves.deletion, ORANGE),
        ("brought back", curves.insertion, BLUE),
    ):
        for order, values, dash in (
            ("the map", lines[0], "solid"),
            ("random", lines[1:].mean(axis=0), "dash"),
        ):
            figure.add_scatter(
                x=100 * curves.shares,
                y=100 * values,
                name=f"{name}, {order}",
                mode="lines+markers",
                line={"color": colour, "width": 2, "dash": dash},
                marker={"size": 5},
                hovertemplate="%{x:.0f} % of the cells: %{y:.1f} %<extra></extra>",
            )
    axis = {"gridcolor": GRID, "zeroline": False}
    figure.update_layout(
        layout(height=330),
        margin={"l": 50, "r": 20, "t": 24, "b": 40},
        xaxis=axis | {"title": {"text": "cells, per cent"}},
        yaxis=axis | {"title": {"text": "probability, per cent"}, "rangemode": "tozero"},
    )
    return figure


def _areas(curves: Curves | None) -> str:
    if curves is None or np.isnan(curves.area):
        return ""
    whole, deletion, insertion = (f"{area:+.2f}".replace("-", "−") for area in (curves.area, *curves.areas))
    return (
        f'<p class="hint" data-testid="reallylook-area">Area between the map and chance: <b>{whole}</b> '
        f"({deletion} taken away, {insertion} brought back).</p>"
    )
