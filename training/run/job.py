"""A stored run from queued to its end: load, train, keep the adapter; every way out is written down."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from sayo_app.core.evaluations import forget
from sayo_app.core.files import write_text
from sayo_app.core.verdict import Verdict
from sayo_app.errors import LostRunError, RunActiveError
from sayo_app.mllm.answering.steer import found_steering
from sayo_app.mllm.models.adapters import save_adapter
from sayo_app.mllm.models.loading import load_model
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.base.records import AdapterRecord
from storage.store import Store
from training.data.samples import chosen_samples
from training.rl.loop import Outcome, train
from training.run.adapter_card import CARD_FILE, adapter_card
from training.run.held_out_log import HeldOut
from training.run.recipe import data_hash, run_record
from training.state.checkpoint import FILE_NAME
from training.state.policy import POLICY, Policy
from training.state.progress_log import Cancelled, Progress, StopSignal

log = logging.getLogger(__name__)
_TURN_S = 1.0


def submit(settings: Settings, config: RunConfig) -> int:
    """Queue a run that this process itself carries out; its number, in all processes of a launch."""
    found: list[Any] = [None]
    if _first():
        with Store(settings) as store:
            run = store.runs.create(config, mine=True)
        found = [run.id]
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        PartialState(cpu=settings.device == "cpu" or not torch.cuda.is_available())
        found = broadcast_object_list(found)
    return int(found[0])


def run_job(settings: Settings, run_id: int, stop: StopSignal) -> None:
    """Carry out a run when its turn comes; its row ends as finished, cancelled or failed.

    Under `accelerate launch` the first process alone writes to the store.

    Raises:
        Cancelled: it was asked to stop and has.
        LostRunError: the row is another process's by now, or says how the run ended: it is left alone.
        Exception: whatever made it fail, after the row says so.
    """
    first, claimed = _first(), False
    store = Store(settings)

    def note(**fields: Any) -> None:
        if first:
            with suppress(LostRunError):
                store.runs.update(run_id, mine=claimed, **fields)

    try:
        stop.check()
        if first:
            _take_turn(store, run_id, stop)
            claimed = True
        adapter = _carry_out(settings, store, run_id, stop, first)
    except Cancelled:
        note(state="cancelled")
        raise
    except LostRunError:
        log.warning("Run %d is no longer this process's: nothing more is said about it", run_id)
        raise
    except BaseException as error:
        note(state="failed", error=str(error) or type(error).__name__)
        raise
    finally:
        _part()
    note(state="finished", adapter_id=adapter.id if adapter else None)
    if first and store.runs.get(run_id).state == "finished":
        (store.runs.folder(run_id) / FILE_NAME).unlink(missing_ok=True)


def _part() -> None:
    """Close the connections to the other processes: one that ends with them open is aborted now and then."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _first() -> bool:
    return int(os.environ.get("RANK", "0")) == 0


@contextmanager
def logged(settings: Settings, run_id: int) -> Iterator[None]:
    """The first process's log goes into the run's folder, too, where the page shows it."""
    if not _first():
        yield
        return
    handler = logging.FileHandler(settings.runs_dir / str(run_id) / "log.txt", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        log.info("This is run %d", run_id)
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def _take_turn(store: Store, run_id: int, stop: StopSignal) -> None:
    """Claim the run, waiting for the one that is running on this device."""
    waiting = False
    while True:
        stop.check()
        try:
            store.runs.claim(run_id)
            return
        except RunActiveError:
            if not waiting:
                log.info("Another run is going on: this one waits in the queue")
            waiting = True
            time.sleep(_TURN_S)


def _carry_out(
    settings: Settings, store: Store, run_id: int, stop: StopSignal, first: bool
) -> AdapterRecord | None:
    """Train as the run's configuration says and register the adapter; None on all processes but the first."""
    run = store.runs.get(run_id)
    config = run.run_config
    progress = Progress(run.progress_path if first else None)
    progress.write("status", message="Reading the corrections")
    chosen = chosen_samples(config, store, settings)
    samples, training, held_out = chosen.all, chosen.training, chosen.held_out
    if first and run.record and run.record["data"]["sha256"] != data_hash(samples):
        log.warning("The corrections have changed since this run was begun: it starts from its beginning")
        (run.folder / FILE_NAME).unlink(missing_ok=True)
        forget(run.folder)
    stop.check()
    progress.write("status", message=f"Loading the model {config.model}")
    local_rank = os.environ.get("LOCAL_RANK")
    own_gpu = local_rank is not None and settings.device != "cpu" and torch.cuda.is_available()
    device = f"cuda:{local_rank}" if own_gpu else settings.device
    loaded = load_model(settings.replace(model=config.model, device=device))
    if first:
        store.runs.update(run_id, mine=True, record=run_record(config, samples, loaded.device))
    base = None if config.base_adapter_id is None else store.adapters.get(config.base_adapter_id)
    found = found_steering(loaded, settings)
    stop.check()
    progress.write("status", message=f"Training on {len(training)} corrections, {len(held_out)} are held out")
    evaluations = HeldOut(run.folder, loaded, held_out) if first else None
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
        **({"watch": evaluations.keep} if evaluations else {}),
    )
    if evaluations is None:
        return None
    return _register(settings, store, run_id, policy, outcome, evaluations.verdict(outcome.step), progress)


def _register(
    settings: Settings,
    store: Store,
    run_id: int,
    policy: Policy,
    outcome: Outcome,
    verdict: Verdict,
    progress: Progress,
) -> AdapterRecord:
    """The adapter in PEFT's format with its model card, in the registry."""
    run = store.runs.get(run_id)
    config, name = run.run_config, run.run_config.name or f"run {run_id}"
    summary = {
        "before": outcome.before,
        "after": outcome.after,
        "verdict": verdict.to_dict(),
        "step": outcome.step,
    }
    folder = _free_folder(settings.adapters_dir, f"run-{run_id}")
    store.runs.update(run_id, mine=True)
    save_adapter(policy.model, POLICY, folder)
    base_model = Path(config.model).name if Path(config.model).is_dir() else config.model
    card = adapter_card(name, base_model, run.record, verdict, int(outcome.after["count"]))
    write_text(folder / CARD_FILE, card)
    try:
        adapter = store.adapters.add(
            name=name, path=folder, base_model=config.model, run_id=run_id, summary=summary, mine=True
        )
    except LostRunError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    log.info("%s", verdict.text)
    progress.write("result", adapter_id=adapter.id, **adapter.summary)
    return adapter


def _free_folder(parent: Path, name: str) -> Path:
    """A folder of this name that does not exist yet; a run that was started again may have left one."""
    folder, tries = parent / name, 1
    while folder.exists():
        tries += 1
        folder = parent / f"{name}-{tries}"
    return folder
