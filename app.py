"""SAYO Studio: `python app.py` serves the page on the bundled model; `python app.py --help` lists the flags.

Flags win over `SAYO_*` environment variables, which win over the defaults in `sayo_app.settings`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

# Gradio reads these as it is imported.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    from sayo_app.settings import Settings

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for option in Settings.options().values():
        if option.place == "flag":
            switch: dict[str, Any] = (
                {"action": "store_true", "default": None} if option.default is False else {}
            )
            parser.add_argument(f"--{option.name.replace('_', '-')}", help=option.help, **switch)
    return parser.parse_args(arguments)


def write_only_into(data_dir: Path) -> None:
    """Temporary files and downloads go into the data folder: on some hosts nothing else can be written.

    A folder that cannot be made is left to the store, which says what is wrong with it.
    """
    scratch = data_dir / "tmp"
    try:
        scratch.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
    if not os.access(Path.home(), os.W_OK):
        os.environ.setdefault("HF_HOME", str(data_dir / "huggingface"))


def main(arguments: list[str] | None = None) -> int:
    from sayo_app.errors import SayoError
    from sayo_app.settings import Settings

    try:
        settings = Settings.from_environment(**vars(parse(arguments)))
        write_only_into(settings.data_dir)
        from sayo_app.ui.web import logs

        logs.start(settings)
        from storage.leftovers import clear

        clear(settings.data_dir)
        from sayo_app.ui.serving import serve
        from sayo_app.ui.shared.studio import Studio
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
