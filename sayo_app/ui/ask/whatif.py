"""What if it had looked here? The same question again, with attention biased towards the drawn boxes."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from sayo_app.core.attention.steps import answer_text
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.cells import region_mask
from sayo_app.errors import InputError, RegionError
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.handlers import ON_MODEL, PRIVATE, does, guarded
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer import rerun, view_ids
from sayo_app.ui.viewer.component import ViewerOptions
from sayo_app.ui.viewer.page_state import PageState
from sayo_app.ui.viewer.streaming import streamed
from sayo_app.ui.viewer.values import answer_value
from sayo_app.ui.viewer.viewer import Viewer

_HINT = "Draw a box on the picture above, then answer again."
_EXPLAINED = (
    "No training: while the model answers again, the attention of some heads is pulled towards your boxes. "
    "If the answer turns right, looking there is what was missing. Pulling too many heads too hard breaks an "
    "answer; for the bundled model it was measured which pull helps (assets/benchmarks/steering.json)."
)
_HEADS = {
    "found": "Heads found for this model",
    "looking": "The tenth of heads that look there most already",
    "layers": "All heads of the layers below",
}
_STRENGTH = 2.0


class _Parts(NamedTuple):
    box: gr.Accordion
    heads: gr.Dropdown
    layers: gr.Dropdown
    strength: gr.Slider
    prompt: gr.Checkbox
    go: gr.Button
    said: gr.HTML
    viewers: tuple[Viewer, Viewer]


def build(studio: Studio, session: gr.State, ask_viewer: Viewer) -> None:
    """Lay out the panel below the viewer of Ask, and wire it."""
    parts = _lay_out()

    @does("ask")
    @guarded
    def on_open(session: Session) -> Any:
        return _choices(studio, session)

    parts.box.expand(on_open, session, [parts.heads, parts.layers, parts.strength, parts.prompt], **PRIVATE)

    @does("ask")
    @guarded
    def on_again(
        state: str, session: Session, heads: str, layers: list[int], strength: float, prompt: bool
    ) -> Iterator[Any]:
        plan = rerun.Plan(heads, tuple(layers or ()), float(strength), bool(prompt))
        yield from _again(studio, session, PageState.read(state), plan)

    state = gr.Textbox(visible="hidden")
    parts.go.click(
        on_again,
        [state, session, parts.heads, parts.layers, parts.strength, parts.prompt],
        [parts.said, *(viewer.component for viewer in parts.viewers)],
        js=ask_viewer.read_state,
        **ON_MODEL,
    )
    for viewer in parts.viewers:
        viewer.wire(studio, session)


def _lay_out() -> _Parts:
    with gr.Accordion("What if it had looked here?", open=False, elem_id="whatif") as box:
        gr.Markdown(_EXPLAINED, elem_classes="hint")
        with gr.Row(equal_height=True):
            heads = gr.Dropdown(
                [(label, name) for name, label in _HEADS.items() if name != "found"],
                value="looking",
                label="Pull",
                elem_id="whatif-heads",
                min_width=260,
            )
            layers = gr.Dropdown(
                [], value=[], multiselect=True, label="Layers", elem_id="whatif-layers", visible=False
            )
            strength = gr.Slider(
                0, 8, value=_STRENGTH, step=0.5, label="Strength", elem_id="whatif-strength", min_width=200
            )
            prompt = gr.Checkbox(
                label="Pull the question's words too", value=False, elem_id="whatif-prompt", min_width=200
            )
        with gr.Row(elem_classes="tight"):
            go = gr.Button("Answer again", variant="primary", elem_id="whatif-button", scale=0, min_width=200)
        said = gr.HTML("", elem_id="whatif-said", apply_default_css=False)
        with gr.Row(equal_height=False):
            first = _lay_out_side("whatif-first", "As it answered")
            second = _lay_out_side("whatif-second", "Had it looked there")

    @does("look")
    def on_heads(chosen: str) -> Any:
        return gr.Dropdown(visible=chosen == "layers")

    heads.input(on_heads, heads, layers, queue=False, **PRIVATE)
    return _Parts(box, heads, layers, strength, prompt, go, said, (first, second))


def _lay_out_side(elem_id: str, title: str) -> Viewer:
    with gr.Column(min_width=320):
        gr.HTML(f'<h4 class="side-title">{title}</h4>', apply_default_css=False)
        options = ViewerOptions(elem_id, editable=False, narrow=True, group="whatif")
        return Viewer(options, hint=_HINT)


def _choices(studio: Studio, session: Session) -> tuple[Any, ...]:
    """What can be steered in this model: the found heads first, where somebody has looked for them."""
    found = rerun.found_for(studio)
    answered = session.answers.get(session.current)
    layers = [] if answered is None else [(f"layer {it + 1}", it) for it in answered.trace.layers]
    names = [name for name in _HEADS if name != "found" or found is not None]
    return (
        gr.Dropdown(choices=[(_HEADS[name], name) for name in names], value=names[0]),
        gr.Dropdown(choices=layers, value=[]),
        _STRENGTH if found is None else found.steering.strength,
        False if found is None else found.steering.prompt,
    )


def _again(studio: Studio, session: Session, state: PageState, plan: rerun.Plan) -> Iterator[Any]:
    """States of (what happened, viewer of the first answer, viewer of the steered one)."""
    answered = session.answered(state.id)
    regions = state.fitted(answered)
    masks = [region_mask(own, grid) for own, grid in zip(regions, answered.trace.grids, strict=True)]
    if not any(mask.any() for mask in masks):
        raise RegionError(
            expected="a box on the picture", got="none", remedy="Draw where it should have looked."
        )
    if plan.heads == "layers" and not plan.layers:
        raise InputError(expected="at least one layer", got="none", remedy="Choose layers to pull.")
    shown = session.shown
    first = session.answers.remember(
        Answered(
            view_ids.new_answer("first"),
            answered.pictures,
            answered.question,
            answered.trace,
            model=answered.model,
            adapter_id=answered.adapter_id,
            recorded=answered.recorded,
        )
    )
    before = answer_value(shown, first, regions[0])
    steering, chunks = rerun.steered(studio, answered, masks, plan)
    heads = sum(len(chosen or ()) for chosen in steering.heads.values()) or "all"
    yield _note(f"Pulling {heads} heads …"), before, gr.skip()
    answer_id = view_ids.new_answer("steered")
    for value, trace in streamed(chunks, shown, answer_id):
        if trace is None:
            yield gr.skip(), gr.skip(), value
            continue
        second = Answered(
            answer_id,
            answered.pictures,
            answered.question,
            trace,
            model=answered.model,
            adapter_id=answered.adapter_id,
            steered=True,
        )
        session.answers.remember(second)
        yield _note(outcome(answered.trace, trace, masks)), gr.skip(), answer_value(shown, second, regions[0])


def outcome(before: AttentionTrace, after: AttentionTrace, masks: list[np.ndarray]) -> str:
    """What the steering changed, in a sentence."""
    mask = np.concatenate(masks)
    said = [answer_text(trace.text) or trace.text for trace in (before, after)]
    shares = []
    for trace in (before, after):
        rows = trace.attention.mean(axis=1, dtype=float)
        total = float(rows.sum())
        shares.append(100 * float(rows[:, mask].sum()) / total if total > 0 else 0.0)
    looked = f"It looked into the boxes with {shares[0]:.0f} % before and {shares[1]:.0f} % now."
    if said[0] == said[1]:
        return f"The answer stayed “{said[0]}”. {looked}"
    return f"The answer changed from “{said[0]}” to “{said[1]}”. {looked}"


def _note(text: str) -> str:
    return f'<p class="note" data-testid="whatif-note">{html.escape(text)}</p>'
