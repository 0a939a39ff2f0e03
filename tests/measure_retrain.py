"""`python -m tests.measure_retrain`: a retrain of default length on 24 generated corrections, as JSON.

A benchmark, not a test: seconds are the machine's. The held-out figures are the run's own.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from sayo_app.core.scenes.questions import HELD_OUT_SEED
from sayo_app.jobs.control import reconcile, start_run
from sayo_app.jobs.progress import read_progress
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.generated import add_generated_corrections
from storage.store import Store

CORRECTIONS = 24


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        store = Store(settings)
        add_generated_corrections(store, CORRECTIONS, 2 * HELD_OUT_SEED, settings.model)
        began = time.perf_counter()
        run = start_run(store, settings, RunConfig.for_model(settings.model))
        while reconcile(store) is not None:
            time.sleep(0.5)
        seconds = time.perf_counter() - began
        ended = store.runs.get(run.id)
        results = [event for event in read_progress(ended) if event["kind"] == "result"]
    report = {
        "state": ended.state,
        "corrections": CORRECTIONS,
        "steps": ended.run_config.steps,
        "seconds": round(seconds, 1),
        "before": results[-1]["before"] if results else None,
        "after": results[-1]["after"] if results else None,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0 if ended.state == "finished" else 1


if __name__ == "__main__":
    sys.exit(main())
