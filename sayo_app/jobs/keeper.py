"""The queue goes on without anybody looking at the page."""

from __future__ import annotations

import logging
import threading

from sayo_app.core.disk import disk, low_words
from sayo_app.errors import SayoError
from sayo_app.jobs.control import Command, start_next, training_command
from sayo_app.settings import Settings
from storage.store import Store

logger = logging.getLogger(__name__)
_EVERY_S = 1.0


def keep_queue(
    store: Store, settings: Settings, *, every_s: float = _EVERY_S, command: Command = training_command
) -> threading.Event:
    """Looks after runs and starts the next one, in a thread of its own, until the event given is set.

    Several apps on one store may each do so: the database gives every run to one of them.
    """
    stop = threading.Event()

    def look_after() -> None:
        said = disk_said = ""
        while not stop.is_set():
            room = low_words(disk(settings))
            if room and not disk_said:
                logger.warning("%s", room)
            disk_said = room
            try:
                start_next(store, settings, command=command)
                said = ""
            except SayoError as error:
                # A store that cannot be written stays so: once is enough in the log.
                if str(error) != said:
                    logger.warning("%s", error)
                said = str(error)
            stop.wait(every_s)

    threading.Thread(target=look_after, name="queue", daemon=True).start()
    return stop
