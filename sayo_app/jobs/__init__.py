"""Start, watch and cancel `python -m training` as a process of its own."""

from sayo_app.jobs.progress import log_tail, read_progress, remaining_seconds
from sayo_app.jobs.runs import (
    MIN_CORRECTED_PICTURES,
    Enough,
    cancel_run,
    check_enough,
    reconcile,
    start_run,
    training_command,
)

__all__ = [
    "MIN_CORRECTED_PICTURES",
    "Enough",
    "cancel_run",
    "check_enough",
    "log_tail",
    "read_progress",
    "reconcile",
    "remaining_seconds",
    "start_run",
    "training_command",
]
