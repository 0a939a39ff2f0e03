"""What the server says of itself while it runs: lines for people, or JSON for whatever collects them."""

from __future__ import annotations

import logging
import os
import sys

from pythonjsonlogger.json import JsonFormatter

from sayo_app.access.current import current
from sayo_app.settings import Settings

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_FIELDS = {"levelname": "level", "name": "logger"}
# What they say of each request, and of each plugin of a migration, helps nobody.
_TALKATIVE = ("httpx", "alembic")
# The server's and the libraries' handlers: what they say goes the way of all else instead.
_OTHERS = ("uvicorn", "uvicorn.access", "huggingface_hub")


class WhoFilter(logging.Filter):
    """Adds who it was done for, by account and role, where somebody has signed in."""

    def filter(self, record: logging.LogRecord) -> bool:
        person = current()
        if person.signed_in:
            record.who, record.role = person.name, person.role.word if person.role else None
        return True


def start(settings: Settings) -> None:
    """For this process, unless something was set up before: to stderr, as `log_format` says."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.log_format == "json":
        handler.setFormatter(
            JsonFormatter(
                [*_FIELDS, "message"], rename_fields=_FIELDS, timestamp="time", json_ensure_ascii=False
            )
        )
        handler.addFilter(WhoFilter())
        logging.captureWarnings(True)
        os.environ.setdefault("TQDM_DISABLE", "1")  # bars are lines of their own
    else:
        handler.setFormatter(logging.Formatter(_TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def take_over() -> None:
    """Once the others have set up theirs: one format for all that is said."""
    for name in _OTHERS:
        other = logging.getLogger(name)
        other.handlers.clear()
        other.propagate = True
