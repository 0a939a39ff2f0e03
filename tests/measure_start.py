"""`python -m tests.measure_start --json`: seconds from `python app.py` to a page that answers, in Chromium.

A benchmark, not a test: the machine decides the figures. The first run warms the file cache, uncounted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from playwright.sync_api import Browser, sync_playwright

from sayo_app.settings import REPOSITORY_DIR

FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]


def measure(browser: Browser) -> dict[str, float]:
    """Seconds to the address, to a model that is ready, and from Enter to the first token."""
    with tempfile.TemporaryDirectory() as data_dir:
        environment = os.environ | {"SAYO_DATA_DIR": data_dir, "PYTHONUNBUFFERED": "1"}
        began = time.perf_counter()
        app = subprocess.Popen(
            [sys.executable, "app.py", "--port", "0"],
            cwd=REPOSITORY_DIR,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert app.stdout is not None
            found = (re.search(r"SAYO Studio is at (\S+)", line) for line in app.stdout)
            url = next(match.group(1) for match in found if match)
            served = time.perf_counter() - began
            page = browser.new_page()
            page.goto(url)
            page.wait_for_selector("[data-testid=model-status][data-state=ready]")
            ready = time.perf_counter() - began
            page.locator("#ask-examples .sc-card").first.click()
            page.wait_for_function(
                "document.querySelector('#ask-question textarea, #ask-question input').value"
            )
            asked = time.perf_counter()
            page.locator("#ask-question textarea, #ask-question input").press("Enter")
            page.wait_for_selector("#ask-viewer [data-testid=token-0]")
            first_token = time.perf_counter() - asked
            page.close()
        finally:
            app.terminate()
            app.wait()
    return {"address_s": served, "ready_s": ready, "first_token_s": first_token}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chromium = os.environ.get("SAYO_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        runs = [measure(browser) for _ in range(options.runs + 1)][1:]
    result = {
        name: {
            "median": round(statistics.median(run[name] for run in runs), 2),
            "max": round(max(run[name] for run in runs), 2),
        }
        for name in runs[0]
    } | {"runs": len(runs), "machine": f"{platform.machine()}, {os.cpu_count()} cores"}
    sys.stdout.write(json.dumps(result, indent=2) + "\n" if options.json else f"{result}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
