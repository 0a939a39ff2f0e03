"""What the tour's panel shows of the store, looked at by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from sayo_app.core.evaluations import evaluation_files, read_evaluation
from sayo_app.jobs.control import reconcile
from sayo_app.jobs.progress import file_size, read_progress, without_redone
from sayo_app.ui.retrain.curves import training_chart
from sayo_app.ui.retrain.held_out import looks_html, verdict_html
from sayo_app.ui.retrain.run_view import run_line
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.words import counted
from sayo_app.ui.tour.drawn import lying_html, steps_html
from sayo_app.ui.tour.kept import Kept, Plan, kept
from sayo_app.ui.tour.layout import GO_ON, OPEN

_SECTIONS = 4


def step_of(there: Kept | None, plan: Plan) -> int:
    """The step that somebody is at, from 1."""
    if there is None:
        return 1
    if there.trained:
        return 4
    return 2 if len(there.corrections) < plan.corrections and there.run is None else 3


def store_view(studio: Studio, opened: bool, seen: Mapping[str, str], plan: Plan) -> tuple[Any, ...]:
    """(what is seen then, and updates for the rest of `Parts.seen_by_clock`); parts that have not changed are
    left alone.

    Args:
        opened: the panel is.
    """
    there = kept(studio.store)
    opened = opened and there is not None
    if opened and there is not None and there.run is not None and there.run.active:
        reconcile(studio.store)
        there = kept(studio.store)
    run = None if there is None else there.run
    looks = [] if run is None else evaluation_files(run.folder)
    step = step_of(there, plan)
    keys = {
        "way": f"{there is not None} {opened}",
        "step": f"{opened} {step}",
        "taught": ""
        if there is None
        else f"{len(there.corrections)} {[it.origin for it in there.corrections].count('person')}",
        "run": "" if run is None else f"{run.id} {run.state} {run.cancel_requested_at} {step}",
        "progress": "" if run is None else f"{run.id} {run.state} {file_size(run.progress_path)}",
        "looks": "" if run is None else f"{run.id} {len(looks)}",
    }
    new = {name for name, key in keys.items() if seen.get(name) != key}
    if not new:
        return (gr.skip(),) * (1 + 3 + 1 + _SECTIONS + 8)
    events = without_redone(read_progress(run)) if run is not None and new & {"progress", "run"} else []
    return (
        keys,
        *(_way(there, opened) if "way" in new else [gr.skip()] * 3),
        *(_steps(step) if "step" in new else [gr.skip()] * (1 + _SECTIONS)),
        *(_taught(there, plan) if "taught" in new else [gr.skip()] * 2),
        *(_buttons(there, step) if new & {"run", "step", "taught"} else [gr.skip()] * 2),
        *(_measured(studio, there, events) if new & {"run", "progress"} else [gr.skip()] * 2),
        looks_html(looks) if "looks" in new and run is not None else "" if "looks" in new else gr.skip(),
        _verdict(there, events, plan.lying) if "run" in new else gr.skip(),
    )


def _way(there: Kept | None, opened: bool) -> list[Any]:
    """Entry text, button, panel."""
    label = OPEN if there is None else GO_ON
    return [gr.HTML(visible=not opened), gr.Button(label, visible=not opened), gr.Column(visible=opened)]


def _steps(step: int) -> list[Any]:
    """The row of steps, and the sections: what is to be done now is open."""
    wanted = {1, 2} if step <= 2 else {step}
    return [steps_html(step), *(gr.Accordion(open=number in wanted) for number in range(1, _SECTIONS + 1))]


def _taught(there: Kept | None, plan: Plan) -> list[Any]:
    """How many corrections there are, and the button for the others."""
    records = () if there is None else there.corrections
    own = sum(record.origin == "person" for record in records)
    missing = plan.corrections - len(records)
    said = (
        f"<b>{counted(len(records), 'correction')}</b>: {own} drawn by you, {len(records) - own} generated."
    )
    text = f'<p class="note" data-testid="tour-taught" data-count="{len(records)}">{said}</p>'
    label = f"Add {missing} more, generated" if missing > 0 else "All corrections are there"
    return [text, gr.Button(label, interactive=missing > 0)]


def _buttons(there: Kept | None, step: int) -> list[Any]:
    """Retrain and cancel."""
    run = None if there is None else there.run
    active = run is not None and run.active
    again = run is not None and not active
    return [
        gr.Button("Retrain again" if again else "Retrain", interactive=step >= 3 and not active),
        gr.Button(interactive=active and run is not None and run.cancel_requested_at is None),
    ]


def _measured(studio: Studio, there: Kept | None, events: list[dict[str, Any]]) -> list[Any]:
    """Status and chart."""
    run = None if there is None else there.run
    if run is None:
        return ["", gr.Plot(visible=False)]
    drawn = any(event.get("kind") in ("step", "evaluation") for event in events)
    return [
        run_line(run, events),
        gr.Plot(training_chart(events), visible=True) if drawn else gr.Plot(visible=False),
    ]


def _verdict(there: Kept | None, events: list[dict[str, Any]], lying: int) -> str:
    """Args: lying: how many of the pictures that are measured, the first ones, have a stamp that lies."""
    if there is None or there.run is None or not there.trained:
        return ""
    done = max((int(event["step"]) for event in events if event.get("kind") == "step"), default=0)
    if there.repaired is None:
        return verdict_html(None, done)
    step = int(there.repaired.summary.get("step", done))
    evaluations = [read_evaluation(path) for path in evaluation_files(there.run.folder)]
    right = {it.step: sum(one.figures["answer"] == 1 for one in it.answers[:lying]) for it in evaluations}
    said = lying_html(right[0], right[step], lying) if {0, step} <= right.keys() else ""
    return said + verdict_html(there.repaired, done)
