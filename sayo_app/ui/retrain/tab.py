"""Retrain: start a job on the corrections, watch it, cancel it.

The database row is the truth and the tab only looks at it: closing the tab or restarting the app loses
nothing.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import gradio as gr

from sayo_app.core.scenes.questions import HELD_OUT_SEED
from sayo_app.errors import JobError
from sayo_app.jobs.control import cancel_run, check_enough, resume_run, start_run
from sayo_app.run_config import RunConfig
from sayo_app.ui.retrain import config_form
from sayo_app.ui.retrain.run_view import LATEST, enough_text, run_choices, run_view, shown_run
from sayo_app.ui.shared.handlers import ON_MODEL, PRIVATE, does, guarded, needs, say, typed
from sayo_app.ui.shared.refresh import Refresh, read_shown, shown_last
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.words import BASE_ID, BASE_LABEL
from storage.base.records import RunRecord
from storage.generated import add_generated_corrections

_MOST_GENERATED = 48
# Generated corrections are drawn beyond the scenes that pretraining saw and evaluation measures on.
_FIRST_SEED = 2 * HELD_OUT_SEED


class _Watched(NamedTuple):
    """In the order of the values of `run_view`."""

    seen: gr.HTML
    runs: gr.HTML
    chosen: gr.Dropdown
    status: gr.HTML
    chart: gr.Plot
    looks: gr.HTML
    log: gr.HTML
    notes: gr.Textbox
    cancel: gr.Button
    resume: gr.Button
    delete: gr.Button
    use: gr.Button


class _Few(NamedTuple):
    text: gr.HTML
    row: gr.Row
    number: gr.Number
    generate: gr.Button


def build(studio: Studio, changed: gr.State, tab: gr.Tab, refresh: Refresh) -> None:
    """Lay out the tab; `refresh` looks at the run."""
    gr.Markdown(
        "Training runs in a process of its own on your corrections: you can close this page or restart the "
        "app and come back. A part of the pictures is held out to measure what the training brought.",
        elem_classes="hint",
    )
    defaults = RunConfig.for_model(studio.settings.model)
    few = _lay_out_few()
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280, elem_classes=needs("runs.start")):
            fields = config_form.lay_out(defaults)
            config_form.wire(fields)
            start = gr.Button("Retrain", variant="primary", elem_id="retrain-start")
        with gr.Column(scale=2, min_width=320):
            watched = _lay_out_run()
    _wire_few(studio, few, fields["base_adapter_id"], changed, tab)
    _wire_run(studio, watched, changed, refresh)

    @does("runs.start")
    @guarded
    def on_start(*values: Any) -> Any:
        config = config_form.config_of(defaults, dict(zip(fields, values, strict=True)))
        run = start_run(studio.store, studio.settings, config)
        say(f"Run {run.id} {'waits in the queue' if run.state == 'queued' else 'started'}.")
        return gr.Dropdown(value=LATEST if run.state == "running" else run.id)

    refresh.on(start.click(on_start, list(fields.values()), watched.chosen, **PRIVATE).then)


def _lay_out_few() -> _Few:
    text = gr.HTML("", elem_id="retrain-enough", elem_classes=needs("runs.start"), apply_default_css=False)
    with gr.Row(elem_classes=["tight", needs("corrections.generate")], visible=False) as row:
        count = gr.Number(
            12,
            label="How many generated corrections",
            show_label=False,
            container=False,
            minimum=1,
            maximum=_MOST_GENERATED,
            precision=0,
            scale=0,
            min_width=90,
            elem_id="retrain-generate-count",
        )
        generate = gr.Button("Add generated corrections", elem_id="retrain-generate", scale=0, min_width=240)
    return _Few(text, row, count, generate)


def _lay_out_run() -> _Watched:
    def button(label: str, elem_id: str, **more: Any) -> gr.Button:
        return gr.Button(label, elem_id=elem_id, scale=0, min_width=110, interactive=False, **more)

    with gr.Row(elem_classes="tight", equal_height=False):
        chosen = gr.Dropdown(
            [("The one that is going on", LATEST)],
            value=LATEST,
            label="Run",
            elem_id="retrain-run",
            min_width=240,
        )
        cancel = button("Cancel", "retrain-cancel", variant="stop")
        resume, delete = button("Resume", "retrain-resume"), button("Delete", "retrain-delete")
    status = gr.HTML("", elem_id="retrain-status", apply_default_css=False)
    use = gr.Button("Use it in Ask", variant="primary", elem_id="retrain-use", visible=False)
    chart = gr.Plot(show_label=False, elem_id="retrain-chart", visible=False)
    gr.Markdown(
        "In the curves, lines are the completions that it trains on and diamonds are held-out corrections.",
        elem_classes="hint",
    )
    with gr.Accordion("Where it looks on held-out corrections", open=True, elem_id="retrain-looks-box"):
        looks = gr.HTML("", elem_id="retrain-looks", apply_default_css=False)
    notes = gr.Textbox(
        label="Notes on this run", elem_id="retrain-notes", lines=1, max_lines=4, interactive=False
    )
    with gr.Accordion("All runs", open=False, elem_id="retrain-runs-box"):
        runs = gr.HTML("", elem_id="retrain-runs", apply_default_css=False)
    with gr.Accordion("Log", open=False, elem_id="retrain-log-box"):
        log = gr.HTML("", elem_id="retrain-log", apply_default_css=False)
    return _Watched(shown_last(), runs, chosen, status, chart, looks, log, notes, cancel, resume, delete, use)


def cancelled_text(before: RunRecord, after: RunRecord) -> str:
    """What a press of Cancel did. Args: before, after: the run as it was and as it is."""
    if after.active:
        return f"Run {after.id} is being cancelled."
    if after.state == "cancelled" and before.active:
        return f"Run {after.id} is cancelled."
    return f"Run {after.id} is {after.state} already: there is nothing to cancel."


def _wire_run(studio: Studio, watched: _Watched, changed: gr.State, refresh: Refresh) -> None:
    def shown(seen: Any, chosen: int) -> Any:
        view = run_view(studio, read_shown(seen), chosen)
        return gr.skip() if view is None else view

    @does("runs.cancel")
    @guarded
    def on_cancel(chosen: int) -> Any:
        before = _required(studio, chosen)
        say(cancelled_text(before, cancel_run(studio.store, before.id)))
        return run_view(studio, {}, chosen)

    @does("runs.start")
    @guarded
    def on_resume(chosen: int) -> Any:
        run = resume_run(studio.store, studio.settings, _required(studio, chosen).id)
        say(f"Run {run.id} {'waits in the queue' if run.state == 'queued' else 'goes on'}.")
        return run_view(studio, {}, chosen)

    @does("runs.delete")
    @guarded
    def on_delete(chosen: int) -> Any:
        run = _required(studio, chosen)
        studio.store.runs.delete(run.id)
        say(f"Run {run.id} deleted. An adapter that it made stays.")
        seen, runs, _, *rest = run_view(studio, {}, LATEST) or ()
        return seen, runs, gr.Dropdown(run_choices(studio.store.runs.all()), value=LATEST), *rest

    @does("adapters.switch")
    @guarded
    def on_use(chosen: int, changed: int) -> Any:
        run = _required(studio, chosen)
        studio.switch(run.adapter_id)
        say(f"Ask now uses the adapter of run {run.id}. The Compare tab switches back.")
        return changed + 1

    @does("runs.note")
    @guarded
    def on_notes(chosen: int, notes: str | None) -> None:
        studio.store.runs.note(_required(studio, chosen).id, typed(notes))

    everything = list(watched)
    refresh.add(shown, [watched.seen, watched.chosen], everything)
    refresh.on(watched.chosen.input)
    for button, handler in (
        (watched.cancel, on_cancel),
        (watched.resume, on_resume),
        (watched.delete, on_delete),
    ):
        refresh.on(button.click(handler, watched.chosen, everything, **PRIVATE).then)
    watched.use.click(on_use, [watched.chosen, changed], changed, **ON_MODEL)
    watched.notes.blur(on_notes, [watched.chosen, watched.notes], None, **PRIVATE)


def _required(studio: Studio, chosen: int) -> RunRecord:
    """Raises JobError where there is no run at all."""
    run = shown_run(studio, chosen)
    if run is None:
        raise JobError(expected="a run", got="none", remedy="Press Retrain first.")
    return run


def _wire_few(studio: Studio, few: _Few, base: Any, changed: gr.State, tab: gr.Tab) -> None:
    @does("look")
    @guarded
    def on_open(start_from: int) -> Any:
        have, needed = check_enough(studio.store)
        choices = [(BASE_LABEL, BASE_ID), *((it.name, it.id) for it in studio.adapters())]
        known = {value for _, value in choices}
        return (
            enough_text(studio, have, needed),
            gr.Row(visible=have < needed),
            min(max(needed - have, 1), _MOST_GENERATED),
            gr.Dropdown(choices=choices, value=start_from if start_from in known else BASE_ID),
        )

    @does("corrections.generate")
    @guarded
    def on_generate(count: float, changed: int) -> Any:
        most = min(max(int(count or 0), 1), _MOST_GENERATED)
        seed = _FIRST_SEED + random.randrange(HELD_OUT_SEED)
        added = add_generated_corrections(studio.store, most, seed, studio.settings.model)
        say(f"{len(added)} generated corrections added. They are marked as generated in the gallery.")
        return changed + 1

    outputs = [few.text, few.row, few.number, base]
    gr.on([tab.select, changed.change], on_open, base, outputs, **PRIVATE)
    few.generate.click(on_generate, [few.number, changed], changed, api_visibility="private")
