"""SAYO Studio: `python app.py` serves the page on the bundled model; `python app.py --help` lists the flags.

Flags win over `SAYO_*` environment variables, which win over the defaults in `sayo_app.settings`.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

# Gradio reads these as it is imported.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="bundled, a local folder, or a Hugging Face model id")
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--data-dir", type=Path, help="the only folder that is written to")
    parser.add_argument("--host", help="address to serve on; 0.0.0.0 for all")
    parser.add_argument("--port", type=int, help="port to serve on; 0 takes a free one")
    parser.add_argument("--max-new-tokens", type=int, help="longest answer, in tokens")
    parser.add_argument(
        "--trust-remote-code", action="store_true", default=None, help="run code that comes with a model"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    from sayo_app.errors import SayoError
    from sayo_app.settings import Settings

    try:
        flags = vars(parse(arguments))
        if "SAYO_HOST" not in os.environ:
            # Hugging Face Spaces say where to listen in Gradio's own variable.
            flags["host"] = flags["host"] or os.environ.get("GRADIO_SERVER_NAME")
        settings = Settings.from_environment(**flags)
        from sayo_app.ui.page import serve
        from sayo_app.ui.studio import Studio
        from storage.store import Store

        page, url = serve(Studio(settings, Store(settings)))
    except SayoError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"SAYO Studio is at {url}", flush=True)
    page.block_thread()
    return 0


if __name__ == "__main__":
    sys.exit(main())
