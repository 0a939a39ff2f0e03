"""Where uploads lie, how many there may be, and when they go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.requests import HTTPConnection

from sayo_app.access.roles import Person
from sayo_app.core.disk import megabytes, require_room, trim
from sayo_app.core.ledger import Ledger
from sayo_app.errors import StorageError
from sayo_app.settings import Settings
from sayo_app.ui.shared.visitors import visitor_of, with_person
from sayo_app.ui.web.bodies import Allowance, allowance_of

# An upload is opened as soon as it is there; this long after, nobody needs it to make room for others.
_NEEDED_S = 600.0


class Uploads:
    """The folder that Gradio writes uploads into, and what each visitor has sent."""

    def __init__(self, settings: Settings, folder: Path, who: Callable[[HTTPConnection], Person]) -> None:
        self._settings, self._folder, self._who = settings, folder, who
        self._sent = Ledger(settings.max_upload_bytes_each)

    def allowance(self, connection: HTTPConnection) -> tuple[str, Allowance]:
        """(the visitor, what they may send now); what is old is removed first.

        Raises:
            StorageError: there is no room for anything.
        """
        person = self._who(connection)
        visitor = visitor_of(HTTPConnection(with_person(connection.scope, person))).lasting
        require_room(self._settings, "an upload")
        most = self._settings.max_upload_bytes
        kept = trim(self._folder, most, self._settings.upload_hours * 3600.0, _NEEDED_S)
        if kept > most:
            raise StorageError(
                expected=f"uploads of {megabytes(most)} in all",
                got="more than that within a few minutes",
                remedy="Wait ten minutes and upload it again.",
            )
        return visitor, allowance_of(self._settings, person, self._sent.left(visitor))

    def charge(self, visitor: str, size: int) -> None:
        self._sent.charge(visitor, size)
