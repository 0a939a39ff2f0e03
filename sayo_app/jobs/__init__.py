"""Start, watch and cancel `python -m training` as a process of its own."""

from sayo_app.jobs.control import (
    MIN_CORRECTED_PICTURES,
    Enough,
    cancel_run,
    check_enough,
    reconcile,
    resume_run,
    start_next,
    start_run,
    training_command,
)
from sayo_app.jobs.keeper import keep_queue
from sayo_app.jobs.progress import log_tail, read_progress, remaining_seconds, without_redone

__all__ = [
    "MIN_CORRECTED_PICTURES",
    "Enough",
    "cancel_run",
    "check_enough",
    "keep_queue",
    "log_tail",
    "read_progress",
    "reconcile",
    "remaining_seconds",
    "resume_run",
    "start_next",
    "start_run",
    "training_command",
    "without_redone",
]
