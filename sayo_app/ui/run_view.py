"""What the Retrain tab shows of a run: one line, a bar, curves, the log."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import gradio as gr

from sayo_app.jobs.progress import log_tail, read_progress, remaining_seconds
from sayo_app.jobs.runs import reconcile
from sayo_app.ui.charts import training_chart
from sayo_app.ui.studio import Studio, counted
from storage.records import RunRecord

_LOG_LINES = 30
_STATES = {
    "queued": "Waiting to start",
    "running": "Training",
    "finished": "Finished",
    "failed": "Failed",
    "cancelled": "Cancelled",
}


def enough_text(studio: Studio, have: int, needed: int) -> str:
    """How many corrections there are, and how many more are needed."""
    records = studio.store.list_corrections()
    generated = sum(record.origin == "generated" for record in records)
    text = f"<b>{counted(len(records), 'correction')}</b> on {counted(have, 'picture')}"
    if generated:
        text += f", {generated} of them generated"
    if have >= needed:
        return f'<p class="note" data-testid="enough">{text}.</p>'
    return (
        f'<p class="note note-warning" data-testid="too-few">{text}. Training needs corrections on at least '
        f"<b>{needed} pictures</b>: {needed - have} more. Correct answers in the Correct tab, or add "
        "generated ones from drawn scenes; they stay marked as generated.</p>"
    )


def run_view(studio: Studio, seen: str) -> tuple[Any, ...] | None:
    """(key of what there is to see, updates for status, chart, log and the cancel button).

    None where there is nothing that the key `seen` does not stand for.
    """
    active = reconcile(studio.store)
    runs = [active] if active is not None else studio.store.list_runs()[:1]
    if not runs:
        text = '<p class="note">No training yet. Choose on the left and press <b>Retrain</b>.</p>'
        return None if seen == "none" else ("none", text, gr.skip(), "", gr.Button(interactive=False))
    run = runs[0]
    sizes = f"{_size(run.progress_path)} {_size(run.log_path)}"
    key = f"{run.id} {run.state} {run.cancel_requested_at} {sizes}"
    if key == seen:
        return None
    events = read_progress(run)
    drawn = any(event.get("kind") in ("step", "evaluation") for event in events)
    log = html.escape(log_tail(run, _LOG_LINES)) or "The log is empty."
    return (
        key,
        _status(run, events),
        gr.Plot(training_chart(events), visible=True) if drawn else gr.Plot(visible=False),
        f'<pre class="log" data-testid="log">{log}</pre>',
        gr.Button(interactive=run.active),
    )


def _size(path: Path) -> int:
    try:
        return int(path.stat().st_size)
    except OSError:
        return 0


def _status(run: RunRecord, events: list[dict[str, Any]]) -> str:
    steps = [event for event in events if event.get("kind") == "step"]
    total = max(int(run.config.get("steps", 0)), 1)
    done = int(steps[-1]["step"]) if steps else 0
    share = 1.0 if run.state == "finished" else min(done / total, 1.0)
    cancelling = run.active and run.cancel_requested_at is not None
    words = [
        f"<b>Run {run.id}</b>",
        "Being cancelled" if cancelling else _STATES[run.state],
        f"step {done} of {total}",
    ]
    left = remaining_seconds(events)
    if run.active and left is not None:
        words.append(f"about {duration(left)} left")
    if run.started_at is not None and run.finished_at is not None:
        words.append(f"took {duration((run.finished_at - run.started_at).total_seconds())}")
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
        text += (
            '<p class="note">The new adapter is ready: see what it changed in the <b>Compare</b> tab, and '
            "switch it on there.</p>"
        )
    return text


def duration(seconds: float) -> str:
    """`75` -> "1 min 15 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
