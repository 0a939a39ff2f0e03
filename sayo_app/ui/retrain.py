"""Retrain: start a job on the corrections, watch it, cancel it. The database is the truth, the tab only looks."""

from __future__ import annotations

import html
import time
from datetime import timedelta
from typing import Any

import gradio as gr

from sayo_app.errors import JobError
from sayo_app.jobs.progress import log_tail, read_progress, remaining_seconds
from sayo_app.jobs.runs import cancel_run, check_enough, reconcile, start_run
from sayo_app.ui.charts import training_chart
from sayo_app.ui.handlers import guarded, say
from sayo_app.ui.studio import BASE_LABEL, Studio
from storage.generated import add_generated_corrections
from storage.records import REWARDS, RunConfig, RunRecord

_DEFAULT = RunConfig()
_MOST_GENERATED = 48
_LOG_LINES = 30
_STATES = {
    "queued": "Waiting to start",
    "running": "Training",
    "finished": "Finished",
    "failed": "Failed",
    "cancelled": "Cancelled",
}


def build(studio: Studio, changed: gr.State, tab: gr.Tab, timer: gr.Timer) -> None:
    """Lay out the tab; it looks at the run once a tick of `timer`."""
    gr.Markdown(
        "Training runs in a process of its own on your corrections: you can close this page or restart the app "
        "and come back. A part of the pictures is held out to measure what it brought.",
        elem_classes="hint",
    )
    enough = gr.HTML("", elem_id="retrain-enough", apply_default_css=False)
    with gr.Row(elem_classes="tight", visible=False) as few:
        count = gr.Number(
            12, label="How many", minimum=1, maximum=_MOST_GENERATED, precision=0, min_width=110, scale=0,
            elem_id="retrain-generate-count",
        )  # fmt: skip
        generate = gr.Button("Add generated corrections", elem_id="retrain-generate", scale=0, min_width=240)
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280):
            reward = gr.Radio(
                [(label, name) for name, label in REWARDS.items()],
                value=_DEFAULT.reward,
                label="What is rewarded",
                elem_id="retrain-reward",
            )
            steps = gr.Slider(
                1, 200, value=_DEFAULT.steps, step=1, label="Steps", elem_id="retrain-steps",
                info="More steps learn more and take longer.",
            )  # fmt: skip
            with gr.Accordion("More settings", open=False):
                start_from = gr.Dropdown([], label="Start from", elem_id="retrain-base")
                name = gr.Textbox(
                    label="Name of the adapter", placeholder="made up if empty", elem_id="retrain-name"
                )
                generations = gr.Slider(
                    2, 32, value=_DEFAULT.num_generations, step=1, label="Completions a prompt",
                    elem_id="retrain-generations",
                )  # fmt: skip
                prompts = gr.Slider(
                    1,
                    16,
                    value=_DEFAULT.prompts_per_step,
                    step=1,
                    label="Prompts a step",
                    elem_id="retrain-prompts",
                )
                rate = gr.Number(_DEFAULT.learning_rate, label="Learning rate", elem_id="retrain-rate")
                beta = gr.Number(_DEFAULT.beta, label="KL weight (beta)", elem_id="retrain-beta")
                seed = gr.Number(_DEFAULT.seed, label="Seed", precision=0, elem_id="retrain-seed")
            with gr.Row(elem_classes="tight"):
                start = gr.Button("Retrain", variant="primary", elem_id="retrain-start")
                cancel = gr.Button("Cancel", variant="stop", elem_id="retrain-cancel", interactive=False)
        with gr.Column(scale=2, min_width=320):
            status = gr.HTML("", elem_id="retrain-status", apply_default_css=False)
            chart = gr.Plot(show_label=False, elem_id="retrain-chart", visible=False)
            with gr.Accordion("Log", open=False):
                log = gr.HTML("", elem_id="retrain-log", apply_default_css=False)
    seen = gr.State("")
    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    def on_tick(seen: str, *, force: bool = False) -> Any:
        key, view = _view(studio, "" if force else seen)
        return gr.skip() if key == seen and not force else (key, *view)

    watched = [seen, status, chart, log, cancel]
    timer.tick(guarded(on_tick), seen, watched, queue=False, **private)

    def on_open() -> Any:
        have, needed = check_enough(studio.store)
        choices = [(BASE_LABEL, None), *((it.name, it.id) for it in studio.adapters())]
        missing = max(needed - have, 1)
        return (
            _enough_text(studio, have, needed),
            gr.Row(visible=have < needed),
            min(missing, _MOST_GENERATED),
            gr.Dropdown(choices=choices),
        )

    gr.on([tab.select, changed.change], guarded(on_open), None, [enough, few, count, start_from], **private)

    @guarded
    def on_generate(count: float, changed: int) -> Any:
        most = min(max(int(count or 0), 1), _MOST_GENERATED)
        seed = int(time.time()) % 100_000_000
        added = add_generated_corrections(studio.store, most, seed, studio.settings.model)
        say(f"{len(added)} generated corrections added. They are marked as generated in the gallery.")
        return changed + 1

    generate.click(on_generate, [count, changed], changed, api_visibility="private")

    @guarded
    def on_start(*values: Any) -> Any:
        run = start_run(studio.store, studio.settings, _config(studio, *values))
        say(f"Run {run.id} started.")
        return on_tick("", force=True)

    knobs = [reward, steps, start_from, name, generations, prompts, rate, beta, seed]
    start.click(on_start, knobs, watched, **private)

    @guarded
    def on_cancel() -> Any:
        run = studio.store.active_run()
        if run is None:
            raise JobError(
                expected="a run that is going on", got="none", remedy="There is nothing to cancel."
            )
        again = run.cancel_requested_at is not None
        cancel_run(studio.store, run.id)
        say(f"Run {run.id} is {'already ' if again else ''}being cancelled.")
        return on_tick("", force=True)

    cancel.click(on_cancel, None, watched, **private)


def _config(
    studio: Studio, reward: str, steps: float, start_from: int | None, name: str, generations: float,
    prompts: float, rate: float, beta: float, seed: float,
) -> RunConfig:  # fmt: skip
    def whole(label: str, value: float | None) -> int:
        if value is None or value != int(value):
            raise JobError(
                expected=f"{label} as a whole number", got=repr(value), remedy="Change it and start again."
            )
        return int(value)

    return RunConfig(
        reward=reward,
        steps=whole("steps", steps),
        num_generations=whole("completions a prompt", generations),
        prompts_per_step=whole("prompts a step", prompts),
        learning_rate=float(rate if rate is not None else _DEFAULT.learning_rate),
        beta=float(beta if beta is not None else _DEFAULT.beta),
        seed=whole("the seed", seed),
        base_adapter_id=start_from,
        model=studio.settings.model,
        name=(name or "").strip(),
    )


def _enough_text(studio: Studio, have: int, needed: int) -> str:
    records = studio.store.list_corrections()
    generated = sum(record.origin == "generated" for record in records)
    text = f"<b>{len(records)} corrections</b> on {have} pictures" + (
        f", {generated} of them generated" if generated else ""
    )
    if have >= needed:
        return f'<p class="note" data-testid="enough">{text}.</p>'
    return (
        f'<p class="note note-warning" data-testid="too-few">{text}. Training needs corrections on at least '
        f"<b>{needed} pictures</b>: {needed - have} more. Correct answers in the Correct tab, or add generated "
        f"ones from drawn scenes; they stay marked as generated.</p>"
    )


def _view(studio: Studio, seen: str) -> tuple[str, tuple[Any, ...]]:
    """(key of what there is to see, updates for status, chart, log and the cancel button)."""
    active = reconcile(studio.store)
    runs = [active] if active is not None else studio.store.list_runs()[:1]
    if not runs:
        text = '<p class="note">No training yet. With the settings on the left, press <b>Retrain</b>.</p>'
        return "none", (text, gr.skip(), "", gr.Button(interactive=False))
    run = runs[0]
    key = f"{run.id} {run.state} {run.cancel_requested_at} {_size(run.progress_path)} {_size(run.log_path)}"
    if key == seen:
        return key, ()
    events = read_progress(run)
    steps = any(event.get("kind") in ("step", "evaluation") for event in events)
    tail = log_tail(run, _LOG_LINES)
    return key, (
        _status(run, events),
        gr.Plot(training_chart(events), visible=True) if steps else gr.Plot(visible=False),
        f'<pre class="log" data-testid="log">{html.escape(tail) or "The log is empty."}</pre>',
        gr.Button(interactive=run.active),
    )


def _size(path: Any) -> int:
    try:
        return int(path.stat().st_size)
    except OSError:
        return 0


def _status(run: RunRecord, events: list[dict[str, Any]]) -> str:
    steps = [event for event in events if event.get("kind") == "step"]
    total = int(run.config.get("steps", 0)) or 1
    done = int(steps[-1]["step"]) if steps else 0
    share = 1.0 if run.state == "finished" else min(done / total, 1.0)
    words = [f"<b>Run {run.id}</b> · {_STATES[run.state]}"]
    if run.active and run.cancel_requested_at is not None:
        words = [f"<b>Run {run.id}</b> · Being cancelled"]
    words.append(f"step {done} of {total}")
    left = remaining_seconds(events)
    if run.active and left is not None:
        words.append(f"about {_duration(left)} left")
    if run.started_at is not None and run.finished_at is not None:
        words.append(f"took {_duration((run.finished_at - run.started_at).total_seconds())}")
    text = f'<p class="run-line" data-testid="run-state" data-state="{run.state}">{" · ".join(words)}</p>'
    text += (
        f'<div class="bar"><div class="bar-fill is-{run.state}" style="width:{100 * share:.1f}%"></div></div>'
    )
    said = [event["message"] for event in events if event.get("kind") == "status" and event.get("message")]
    if run.active and said:
        text += f'<p class="hint">{html.escape(str(said[-1]))}</p>'
    if run.error:
        text += f'<pre class="log note-error" data-testid="run-error">{html.escape(run.error)}</pre>'
    if run.state == "finished":
        text += '<p class="note">The new adapter is ready: see what it changed in the <b>Compare</b> tab, and switch it on there.</p>'
    return text


def _duration(seconds: float) -> str:
    whole = timedelta(seconds=round(seconds))
    return (
        f"{whole.seconds // 60} min {whole.seconds % 60} s" if whole.seconds >= 60 else f"{whole.seconds} s"
    )
