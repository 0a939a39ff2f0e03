"""Who may do what: one table, and the one place that checks it."""

from __future__ import annotations

from typing import NamedTuple

from sayo_app.access.roles import Person, Role
from sayo_app.errors import AccessError


class Action(NamedTuple):
    """What can be done in the app.

    Attributes:
        least: the lowest role that may.
        words: what it is, after "to".
    """

    least: Role
    words: str


# Every function that the page can be asked to call does one of these; the page is not built otherwise.
ACTIONS: dict[str, Action] = {
    "look": Action(Role.VISITOR, "look at corrections, runs and adapters"),
    "ask": Action(Role.VISITOR, "ask the model"),
    "draft": Action(Role.VISITOR, "keep drafts"),
    "corrections.try": Action(Role.VISITOR, "try corrections that are not kept"),
    "answers.export": Action(Role.VISITOR, "take away one's answers"),
    "corrections.save": Action(Role.ANNOTATOR, "save corrections"),
    "corrections.skip": Action(Role.ANNOTATOR, "skip questions"),
    "corrections.flag": Action(Role.ANNOTATOR, "flag corrections"),
    "corrections.export": Action(Role.ANNOTATOR, "export corrections"),
    "corrections.change": Action(Role.REVIEWER, "change what somebody else corrected"),
    "corrections.judge": Action(Role.REVIEWER, "accept corrections or send them back"),
    "corrections.restore": Action(Role.REVIEWER, "bring back earlier revisions"),
    "corrections.generate": Action(Role.TRAINER, "add generated corrections"),
    "corrections.import": Action(Role.TRAINER, "import questions and corrections"),
    "corrections.delete": Action(Role.OWNER, "delete corrections"),
    "imports.undo": Action(Role.OWNER, "undo imports"),
    "runs.start": Action(Role.TRAINER, "start and resume runs"),
    "runs.cancel": Action(Role.TRAINER, "cancel runs"),
    "runs.note": Action(Role.TRAINER, "write notes on runs"),
    "runs.delete": Action(Role.OWNER, "delete runs"),
    "adapters.import": Action(Role.TRAINER, "bring in adapters"),
    "adapters.export": Action(Role.TRAINER, "take away adapters"),
    "adapters.rename": Action(Role.TRAINER, "rename adapters"),
    "adapters.switch": Action(Role.OWNER, "change the model that everybody asks"),
    "adapters.delete": Action(Role.OWNER, "delete adapters"),
    "audit.read": Action(Role.OWNER, "read and take away who changed what"),
    "accounts.read": Action(Role.OWNER, "see who has an account"),
    "accounts.role": Action(Role.OWNER, "give people other roles"),
    "tour.begin": Action(Role.OWNER, "begin the tour, which changes the model that everybody asks"),
    "tour.remove": Action(Role.OWNER, "remove what the tour made"),
}


def least_role(action: str) -> Role:
    """The lowest role that may do this.

    Raises:
        AccessError: it is not in the table.
    """
    return _listed(action).least


def may(person: Person, action: str) -> bool:
    """Raises AccessError for what is not in the table."""
    least = least_role(action)
    return person.role is not None and person.role >= least


def require(person: Person, action: str) -> None:
    """The check that everything which is asked of the app goes through.

    Raises:
        AccessError: this person may not, or it is not in the table.
    """
    if may(person, action):
        return
    least, words = _listed(action)
    remedy = "Ask an owner for that role." if person.signed_in else "Sign in with an account of that role."
    raise AccessError(
        expected=f"somebody with the role {least.word} or a higher one to {words}",
        got=person.words,
        remedy=f"{remedy} Nothing was changed.",
    )


def _listed(action: str) -> Action:
    if action not in ACTIONS:
        raise AccessError(
            expected="an action that the table of rights lists",
            got=repr(action),
            remedy="Put it into ACTIONS with the lowest role that may do it.",
        )
    return ACTIONS[action]
