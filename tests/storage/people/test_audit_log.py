"""Every change is in the audit: who, what, from what and to what."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from typing import Any

import pytest

from sayo_app.access.current import acting
from sayo_app.access.roles import Person, Role
from sayo_app.errors import CorrectionError
from sayo_app.jobs.control import cancel_run, resume_run
from sayo_app.run_config import RunConfig
from storage.base.records import CorrectionRecord
from storage.people.audit_log import AuditQuery, changes_text
from storage.store import Store


def told(store: Store) -> list[tuple[str, str, str]]:
    return [(it.who, it.action, it.subject) for it in store.audit.all()]


@pytest.fixture
def ada(store: Store) -> Person:
    account = store.accounts.arrived("header", "ada", "Ada", Role.OWNER)
    return Person(account.role, account.name, account.id)


def test_a_correction_from_first_to_last(
    store: Store, ada: Person, correct: Callable[..., CorrectionRecord]
) -> None:
    with acting(ada):
        one = correct(author="somebody else")
        store.corrections.revise(one.id, corrected_answer="pear")
        store.corrections.revise(one.id, corrected_answer="pear")  # changes nothing
        store.corrections.revise(one.id, flagged=True)
        store.reviews.judge(one.id, "accept")
        store.corrections.delete(one.id)
        store.corrections.restore(one.id, 1)
        store.corrections.revise(one.id, state="skipped", comment="blurred")
    actions = ("save", "save", "flag", "judge", "delete", "restore", "skip")
    assert told(store)[1:] == [("Ada", f"corrections.{it}", f"correction {one.id}") for it in actions]
    judged = list(store.audit.all())[4]
    assert judged.account_id == ada.account_id
    assert judged.before == {"revision": 3, "state": "submitted", "flagged": True}
    assert judged.after == {"revision": 4, "state": "accepted", "flagged": True}


def test_the_typed_name_stands_where_nobody_signs_in(
    store: Store, correct: Callable[..., CorrectionRecord]
) -> None:
    correct(author="Bob")
    correct(author="")
    assert [(it.who, it.account_id) for it in store.audit.all()] == [("Bob", None), ("", None)]


def test_what_was_not_changed_is_not_told(store: Store, correct: Callable[..., CorrectionRecord]) -> None:
    """The entry belongs to the change's own transaction."""
    with pytest.raises(CorrectionError):
        correct(regions=[])
    assert told(store) == []


def test_runs_and_adapters(store: Store) -> None:
    run = store.runs.create(RunConfig(name="mine"))
    store.runs.note(run.id, "a note")
    cancel_run(store, run.id)
    cancel_run(store, run.id)  # changes nothing
    store.runs.requeue(run.id)  # the app itself, looking after its runs
    cancel_run(store, run.id)
    resume_run(store, store.settings, run.id, command=lambda run: ["true"])
    adapter = store.adapters.add(
        name="one", path=store.settings.adapters_dir / "one", base_model="bundled", run_id=run.id
    )
    store.adapters.rename(adapter.id, "two")
    store.adapters.set_active(adapter.id)
    store.adapters.set_active(None)
    store.adapters.delete(adapter.id)
    actions = [(action, subject) for _, action, subject in told(store)]
    mine, its = f"run {run.id}", f"adapter {adapter.id}"
    assert actions == [
        ("runs.start", mine),
        ("runs.note", mine),
        ("runs.cancel", mine),
        ("runs.cancel", mine),
        ("runs.resume", mine),
        ("adapters.add", its),
        ("adapters.rename", its),
        ("adapters.switch", "Ask"),
        ("adapters.switch", "Ask"),
        ("adapters.delete", its),
    ]
    renamed, switched = list(store.audit.all())[6:8]
    assert (renamed.before, renamed.after) == ({"name": "one"}, {"name": "two"})
    assert (switched.before, switched.after) == ({"adapter": None}, {"adapter": adapter.id})


def test_imports_and_roles(store: Store, ada: Person) -> None:
    with acting(ada):
        with store.imports.begin(source="file.jsonl", format="jsonl") as importing:
            importing.summary = {"corrections": 2, "skipped": ["a"]}
        store.imports.undo(importing.id)
        store.imports.undo(importing.id)  # changes nothing
        store.imports.remove(importing.id)
        store.accounts.arrived("header", "bob", "Bob", Role.VISITOR)
        store.accounts.set_role("Bob", Role.OWNER)
        store.accounts.set_role("Bob", Role.OWNER)  # changes nothing
        store.audit.note("corrections.export", "jsonl", after={"rows": 2})
    changes = list(store.audit.all())[1:]
    assert [it.action for it in changes] == [
        "corrections.import",
        "imports.undo",
        "imports.remove",
        "accounts.add",
        "accounts.role",
        "corrections.export",
    ]
    assert changes[0].after == {"source": "file.jsonl", "format": "jsonl", "corrections": 2}
    assert (changes[4].before, changes[4].after) == ({"role": "visitor"}, {"role": "owner"})
    assert {it.who for it in changes} == {"Ada"}
    assert [it.action for it in store.audit.newest(2)] == ["corrections.export", "accounts.role"]


def test_export_as_json_lines_and_as_a_table(store: Store) -> None:
    store.audit.note("runs.start", "run 1", typed="=1+1", after={"name": "ä,b"})
    [line] = changes_text(store.audit.all(), "jsonl")
    change: dict[str, Any] = json.loads(line)
    assert (change["who"], change["action"], change["after"]) == ("=1+1", "runs.start", {"name": "ä,b"})
    head, row = csv.reader(changes_text(store.audit.all(), "csv"))
    cells = dict(zip(head, row, strict=True))
    # Not a formula of a spreadsheet.
    assert (cells["who"], cells["after"], cells["account"]) == ("'=1+1", '{"name": "ä,b"}', "")


def test_the_audit_page_by_page(store: Store) -> None:
    for number in range(7):
        store.audit.note("runs.start", f"run {number}")
    pages, before = [], None
    while True:
        page = store.audit.page(AuditQuery(), before=before, limit=3)
        pages.append([it.subject for it in page.changes])
        before = page.before
        if before is None:
            break
        store.audit.note("runs.start", "a newer one")  # moves nothing on the pages that follow
    assert pages == [["run 6", "run 5", "run 4"], ["run 3", "run 2", "run 1"], ["run 0"]]
    # One that fills its page is the last one.
    assert store.audit.page(AuditQuery(), limit=9).before is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (AuditQuery(), ["run 1", "run 10", "adapter 1"]),
        (AuditQuery(who="ADA"), ["run 1", "adapter 1"]),
        (AuditQuery(what=" delete "), ["run 10"]),
        (AuditQuery(what="run 1"), ["run 1", "run 10"]),
        (AuditQuery(who="ada", what="adapters"), ["adapter 1"]),
        # Text, and no pattern.
        (AuditQuery(what="%"), []),
        (AuditQuery(who="_"), []),
        (AuditQuery(who="\x00"), ["run 1", "run 10", "adapter 1"]),
    ],
)
def test_the_audit_narrowed_down(store: Store, query: AuditQuery, found: list[str]) -> None:
    store.audit.note("runs.start", "run 1", typed="Ada")
    store.audit.note("runs.delete", "run 10", typed="Bob")
    store.audit.note("adapters.add", "adapter 1", typed="Ada L.")
    assert [it.subject for it in store.audit.all(query)] == found
    assert [it.subject for it in store.audit.page(query, limit=9).changes] == found[::-1]
