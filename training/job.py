"""A stored run from queued to its end: load, train, keep the adapter; every way out is written down."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from sayo_app.mllm.adapters import save_adapter
from sayo_app.mllm.loading import load_model
from sayo_app.mllm.steer import found_steering
from sayo_app.settings import Settings
from storage.records import AdapterRecord
from storage.store import Store
from training.checkpoint import FILE_NAME
from training.corrections import load_samples, split_by_picture
from training.loop import train
from training.policy import POLICY
from training.progress import Cancelled, Progress, StopSignal

log = logging.getLogger(__name__)


def run_job(settings: Settings, run_id: int, stop: StopSignal) -> None:
    """Carry out a run; its row ends as finished, cancelled or failed.

    Under `accelerate launch` the first process alone writes to the store.

    Raises:
        Cancelled: it was asked to stop and has.
        Exception: whatever made it fail, after the row says so.
    """
    first = int(os.environ.get("RANK", "0")) == 0
    store = Store(settings)

    def note(**fields: Any) -> None:
        if first:
            store.update_run(run_id, **fields)

    try:
        stop.check()
        if first:
            store.claim_run(run_id)
        adapter = _carry_out(settings, store, run_id, stop, first)
    except Cancelled:
        note(state="cancelled")
        raise
    except BaseException as error:
        note(state="failed", error=str(error) or type(error).__name__)
        raise
    note(state="finished", adapter_id=adapter.id if adapter else None)


def _carry_out(
    settings: Settings, store: Store, run_id: int, stop: StopSignal, first: bool
) -> AdapterRecord | None:
    """Train as the run's configuration says and register the adapter; None on all processes but the first."""
    run = store.get_run(run_id)
    config = run.run_config
    progress = Progress(run.progress_path if first else None)
    progress.write("status", message="Reading the corrections")
    training, held_out = split_by_picture(load_samples(store), config.held_out_share, config.seed)
    stop.check()
    progress.write("status", message=f"Loading the model {config.model}")
    local_rank = os.environ.get("LOCAL_RANK")
    device = settings.device if local_rank is None or settings.device == "cpu" else f"cuda:{local_rank}"
    loaded = load_model(replace(settings, model=config.model, device=device))
    base = None if config.base_adapter_id is None else store.get_adapter(config.base_adapter_id)
    found = found_steering(loaded, settings)
    stop.check()
    progress.write("status", message=f"Training on {len(training)} corrections, {len(held_out)} are held out")
    policy, outcome = train(
        loaded,
        config,
        training,
        held_out,
        folder=run.folder,
        progress=progress,
        base_adapter=base.path if base else None,
        found=found.steering if found else None,
        stop=stop,
    )
    if not first:
        return None
    summary = {"before": outcome.before, "after": outcome.after}
    folder = _free_folder(settings.adapters_dir, f"run-{run_id}")
    save_adapter(policy.model, POLICY, folder)
    adapter = store.add_adapter(
        name=config.name or f"run {run_id}",
        path=folder,
        base_model=config.model,
        run_id=run_id,
        summary=summary,
    )
    progress.write("result", adapter_id=adapter.id, **summary)
    (run.folder / FILE_NAME).unlink(missing_ok=True)
    return adapter


def _free_folder(parent: Path, name: str) -> Path:
    """A folder of this name that does not exist yet; a run that was started again may have left one."""
    folder, tries = parent / name, 1
    while folder.exists():
        tries += 1
        folder = parent / f"{name}-{tries}"
    return folder
