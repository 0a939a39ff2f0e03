"""What the Retrain tab shows of runs: their list, and of one how far it is, its log and what can be done."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import gradio as gr

from sayo_app.core.evaluations import evaluation_files
from sayo_app.jobs.control import reconcile
from sayo_app.jobs.progress import file_size, log_tail, read_progress, remaining_seconds, without_redone
from sayo_app.ui.retrain.curves import training_chart
from sayo_app.ui.retrain.held_out import looks_html, verdict_html
from sayo_app.ui.shared.handlers import needs
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.verdicts import WORDS, verdict_of
from sayo_app.ui.shared.words import counted, without_paths
from storage.base.records import AdapterRecord, RunRecord

# Chosen where a person has chosen none: the run that is going on, or else the newest.
LATEST = 0
_LOG_LINES = 30
_MOST_LISTED = 50
_STATES = {
    "queued": "Waiting in the queue",
    "running": "Training",
    "finished": "Finished",
    "failed": "Failed",
    "cancelled": "Cancelled",
}


def enough_text(studio: Studio, have: int, needed: int) -> str:
    """How many corrections there are, and how many more are needed."""
    corrections = studio.store.corrections
    generated = corrections.count(origin="generated")
    text = f"<b>{counted(corrections.count(), 'correction')}</b> on {counted(have, 'picture')}"
    if generated:
        text += f", {generated} of them generated"
    if have >= needed:
        return f'<p class="note" data-testid="enough">{text}.</p>'
    return (
        f'<p class="note note-warning" data-testid="too-few">{text}. Training needs corrections on at least '
        f"<b>{needed} pictures</b>: {needed - have} more. Correct answers in the Correct tab, or add "
        "generated ones from drawn scenes; they stay marked as generated.</p>"
    )


def shown_run(studio: Studio, chosen: int) -> RunRecord | None:
    """The run that was chosen, if it is still there; else the one going on, or the newest."""
    active = reconcile(studio.store)
    runs = studio.store.runs.all()
    for run in runs:
        if run.id == chosen:
            return run
    return active or (runs[0] if runs else None)


def run_view(studio: Studio, seen: Mapping[str, str], chosen: int) -> tuple[Any, ...] | None:
    """(what is seen then, and updates for list, chooser, status, chart, looks, log, notes and the buttons).

    None where nothing has changed since `seen`; parts that have not are left alone.
    """
    run = shown_run(studio, chosen)
    runs = studio.store.runs.all()[:_MOST_LISTED]
    looks = [] if run is None else evaluation_files(run.folder)
    keys = {
        "list": "; ".join(f"{it.id} {it.state} {it.notes}" for it in runs),
        "run": "none" if run is None else f"{run.id} {run.state} {run.cancel_requested_at}",
        "progress": "" if run is None else f"{run.id} {run.state} {file_size(run.progress_path)}",
        "log": "" if run is None else f"{run.id} {file_size(run.log_path)}",
        "looks": "" if run is None else f"{run.id} {len(looks)}",
    }
    if keys == dict(seen):
        return None
    new = {name for name, key in keys.items() if seen.get(name) != key}
    adapters = {it.id: it for it in studio.store.adapters.all()} if new & {"list", "run"} else {}
    return (
        keys,
        _list(runs, adapters) if "list" in new else gr.skip(),
        gr.Dropdown(choices=run_choices(runs)) if "list" in new else gr.skip(),
        *_measured(studio, run, new),
        looks_html(looks) if "looks" in new else gr.skip(),
        _log(run) if "log" in new else gr.skip(),
        *(_controls(studio, run, changed_run(seen, keys)) if "run" in new else [gr.skip()] * 5),
    )


def changed_run(seen: Mapping[str, str], keys: Mapping[str, str]) -> bool:
    """Whether another run is shown than before, not only another state of it."""
    return seen.get("run", "").split(" ")[0] != keys["run"].split(" ")[0]


def _measured(studio: Studio, run: RunRecord | None, new: set[str]) -> tuple[Any, Any]:
    """Status and chart."""
    if run is None:
        how = f'<span class="{needs("runs.start")}">Choose on the left and press <b>Retrain</b>.</span>'
        text = f'<p class="note">No training yet. {how}</p>'
        return text, gr.Plot(visible=False)
    if not new & {"progress", "run"}:
        return gr.skip(), gr.skip()
    events = without_redone(read_progress(run))
    drawn = any(event.get("kind") in ("step", "evaluation") for event in events)
    chart = gr.Plot(training_chart(events), visible=True) if drawn else gr.Plot(visible=False)
    return _status(studio, run, events), chart


def _controls(studio: Studio, run: RunRecord | None, other: bool) -> list[Any]:
    """Notes, and the buttons cancel, resume, delete and use."""
    adapter = None if run is None else _adapter(studio, run)
    verdict = None if adapter is None else verdict_of(adapter)
    return [
        gr.Textbox(value=run.notes if run else "", interactive=run is not None) if other else gr.skip(),
        gr.Button(interactive=run is not None and run.active and run.cancel_requested_at is None),
        gr.Button(interactive=run is not None and run.resumable),
        gr.Button(interactive=run is not None and not run.active),
        gr.Button(visible=verdict is not None and verdict.offered),
    ]


def _adapter(studio: Studio, run: RunRecord) -> AdapterRecord | None:
    return next((it for it in studio.store.adapters.all() if it.id == run.adapter_id), None)


def run_choices(runs: list[RunRecord]) -> list[tuple[str, int]]:
    named = [(f"Run {run.id} · {_STATES[run.state].lower()}", run.id) for run in runs]
    return [("The one that is going on", LATEST), *named]


def _list(runs: list[RunRecord], adapters: Mapping[int, AdapterRecord]) -> str:
    if not runs:
        return ""
    rows = []
    for run in runs:
        adapter = adapters.get(run.adapter_id or 0)
        verdict = verdict_of(adapter) if adapter else None
        made = run.config.get("name") or (adapter.name if adapter else "")
        cells = (
            f"Run {run.id}",
            _STATES[run.state],
            WORDS[verdict.word] if verdict else "–",
            made,
            run.notes,
        )
        columns = "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells)
        rows.append(f'<tr data-testid="run-{run.id}" data-state="{run.state}">{columns}</tr>')
    heads = "".join(f"<th>{head}</th>" for head in ("Run", "State", "Verdict", "Name", "Notes"))
    return f'<div class="runs"><table class="plain-table"><tr>{heads}</tr>{"".join(rows)}</table></div>'


def _log(run: RunRecord | None) -> str:
    text = html.escape(without_paths(log_tail(run, _LOG_LINES))) if run else ""
    return f'<pre class="log" data-testid="log">{text or "The log is empty."}</pre>'


def _status(studio: Studio, run: RunRecord, events: list[dict[str, Any]]) -> str:
    text = run_line(run, events)
    return text + (verdict_html(_adapter(studio, run), _done(events)) if run.state == "finished" else "")


def _done(events: list[dict[str, Any]]) -> int:
    """How many steps the run has made."""
    steps = [event for event in events if event.get("kind") == "step"]
    return int(steps[-1]["step"]) if steps else 0


def run_line(run: RunRecord, events: list[dict[str, Any]]) -> str:
    """How far a run is, in words and as a bar. Args: events: `without_redone`."""
    total, done = max(int(run.config.get("steps", 0)), 1), _done(events)
    share = 1.0 if run.state == "finished" else min(done / total, 1.0)
    cancelling = run.active and run.cancel_requested_at is not None
    words = [
        f"<b>Run {run.id}</b>",
        "Being cancelled" if cancelling else _STATES[run.state],
        f"step {done} of {total}",
    ]
    left = remaining_seconds(events)
    if run.state == "running" and left is not None:
        words.append(f"about {duration(left)} left")
    if run.started_at is not None and run.finished_at is not None:
        words.append(f"took {duration((run.finished_at - run.started_at).total_seconds())}")
    text = f'<p class="run-line" data-testid="run-state" data-state="{run.state}">{" · ".join(words)}</p>'
    text += (
        f'<div class="bar"><div class="bar-fill is-{run.state}" style="width:{100 * share:.1f}%"></div></div>'
    )
    said = [event["message"] for event in events if event.get("kind") == "status" and event.get("message")]
    if run.state == "running" and said:
        text += f'<p class="hint">{html.escape(str(said[-1]))}</p>'
    if run.resumable:
        text += '<p class="hint">Resume goes on from its last checkpoint.</p>'
    if run.error:
        error = html.escape(without_paths(run.error))
        text += f'<pre class="log note-error" data-testid="run-error">{error}</pre>'
    return text


def duration(seconds: float) -> str:
    """`75` -> "1 min 15 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
