"""Work items, import batches, drafts, reviews and the work list. Never changed: such stores are out there."""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "sayo_0002"
down_revision = "sayo_0001"

_TIME = sa.DateTime(timezone=True)
_STATE = "state IN ('draft', 'submitted', 'accepted', 'rejected', 'skipped', 'deleted')"
_ENTRY_STATE = "state IN ('todo', 'draft', 'submitted', 'accepted', 'rejected', 'skipped', 'deleted')"
_ROWS_AT_ONCE = 1000


def upgrade() -> None:
    op.create_table(
        "import_batches",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("format", sa.String(40), nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("summary", sa.JSON, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("undone_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_import_batches"),
    )
    _work_items()
    _columns()
    _drafts()
    _work_entries()
    _fill()
    _close_corrections()
    op.add_column("runs", sa.Column("host", sa.Text))


def _work_items() -> None:
    op.create_table(
        "work_items",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("picture_id", sa.String(64), nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("question_sha256", sa.String(64), nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("family", sa.String(100)),
        sa.Column("batch_id", sa.Integer),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("wanted", sa.Integer, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_work_items"),
        sa.UniqueConstraint("picture_id", "question_sha256", name="uq_work_items_picture_id_question_sha256"),
        sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name="fk_work_items_picture_id_pictures"),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["import_batches.id"], name="fk_work_items_batch_id_import_batches"
        ),
    )
    op.create_index("ix_work_items_batch_id", "work_items", ["batch_id"])


def _columns() -> None:
    """On SQLite the tables are made anew under their old names."""
    with op.batch_alter_table("corrections") as corrections:
        corrections.add_column(sa.Column("item_id", sa.Integer))
        corrections.add_column(sa.Column("annotator", sa.String(200)))
        corrections.add_column(sa.Column("batch_id", sa.Integer))
        corrections.create_foreign_key("fk_corrections_item_id_work_items", "work_items", ["item_id"], ["id"])
        corrections.create_foreign_key(
            "fk_corrections_batch_id_import_batches", "import_batches", ["batch_id"], ["id"]
        )
    for column in ("item_id", "batch_id", "trace_id"):
        op.create_index(f"ix_corrections_{column}", "corrections", [column])
    with op.batch_alter_table("correction_revisions") as revisions:
        revisions.drop_constraint(op.f("ck_correction_revisions_state"), type_="check")
        revisions.create_check_constraint(op.f("ck_correction_revisions_state"), _STATE)
        revisions.add_column(sa.Column("comment", sa.Text, nullable=False, server_default=""))
        revisions.add_column(sa.Column("flagged", sa.Boolean, nullable=False, server_default=sa.false()))
        revisions.add_column(sa.Column("reward", sa.Double))


def _close_corrections() -> None:
    with op.batch_alter_table("corrections") as corrections:
        corrections.alter_column("item_id", existing_type=sa.Integer, nullable=False)
        corrections.alter_column("annotator", existing_type=sa.String(200), nullable=False)


def _drafts() -> None:
    op.create_table(
        "drafts",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("item_id", sa.Integer, nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("revises", sa.Integer, nullable=False),
        sa.Column("tab", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("content", sa.JSON),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_drafts"),
        sa.ForeignKeyConstraint(["item_id"], ["work_items.id"], name="fk_drafts_item_id_work_items"),
        sa.UniqueConstraint("item_id", "author", "revises", name="uq_drafts_item_id_author_revises"),
    )


def _work_entries() -> None:
    op.create_table(
        "work_entries",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("item_id", sa.Integer, nullable=False),
        sa.Column("correction_id", sa.Integer),
        sa.Column("batch_id", sa.Integer),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("annotator", sa.String(200), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("family", sa.String(100), nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("flagged", sa.Boolean, nullable=False),
        sa.Column("reward_key", sa.Double, nullable=False),
        sa.Column("priority_key", sa.Integer, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("search_text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_work_entries"),
        sa.ForeignKeyConstraint(["item_id"], ["work_items.id"], name="fk_work_entries_item_id_work_items"),
        sa.ForeignKeyConstraint(
            ["correction_id"], ["corrections.id"], name="fk_work_entries_correction_id_corrections"
        ),
        sa.UniqueConstraint("correction_id", name="uq_work_entries_correction_id"),
        sa.CheckConstraint(_ENTRY_STATE, name=op.f("ck_work_entries_state")),
    )
    op.create_index("ix_work_entries_item_id", "work_entries", ["item_id"])
    op.create_index("ix_work_entries_batch_id_state", "work_entries", ["batch_id", "state"])
    for order in ("reward_key", "updated_at", "priority_key"):
        for first in ([], ["state"], ["annotator"]):
            columns = [*first, order, "id"]
            op.create_index(f"ix_work_entries_{'_'.join(columns)}", "work_entries", columns)


_CORRECTIONS = """
    SELECT c.id, c.picture_id, c.model, c.origin, c.family, c.created_at, c.item_id,
           first.question AS asked, first.author AS annotator,
           last.question, last.corrected_answer, last.state, last.created_at AS updated_at
    FROM corrections c
    JOIN correction_revisions first ON first.correction_id = c.id AND first.revision = 1
    JOIN correction_revisions last ON last.correction_id = c.id AND last.revision = c.revision
    ORDER BY c.id
"""
_TEXTS = {
    name: sa.Text() for name in ("picture_id", "model", "origin", "family", "asked", "annotator", "state")
}


def _fill() -> None:
    """Each correction gets the item of its picture and first question, and its entry in the work list."""
    bind = op.get_bind()
    query = sa.text(_CORRECTIONS).columns(
        id=sa.Integer(), item_id=sa.Integer(), created_at=_TIME, updated_at=_TIME, **_TEXTS
    )
    rows = [dict(row) for row in bind.execute(query).mappings()]
    items: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        row["sha256"] = hashlib.sha256(row["asked"].strip().encode()).hexdigest()
        items.setdefault(
            (row["picture_id"], row["sha256"]),
            {
                "picture_id": row["picture_id"],
                "question": row["asked"].strip(),
                "question_sha256": row["sha256"],
                "family": row["family"],
                "priority": 0,
                "wanted": 0,
                "created_at": row["created_at"],
            },
        )
    _insert("work_items", list(items.values()))
    ids = {
        (picture, sha256): identity
        for identity, picture, sha256 in bind.execute(
            sa.text("SELECT id, picture_id, question_sha256 FROM work_items")
        )
    }
    for row in rows:
        key = (row["picture_id"], row["sha256"])
        row["item_id"], row["item_family"] = ids[key], items[key]["family"]
    if rows:
        bind.execute(
            sa.text("UPDATE corrections SET item_id = :item_id, annotator = :annotator WHERE id = :id"),
            [{name: row[name] for name in ("id", "item_id", "annotator")} for row in rows],
        )
    _insert("work_entries", [_entry(row) for row in rows])


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "item_id": row["item_id"],
        "correction_id": row["id"],
        "state": row["state"],
        "annotator": row["annotator"],
        "model": row["model"],
        "family": row["family"] or row["item_family"] or "",
        "origin": row["origin"],
        "flagged": False,
        "reward_key": 2.0,
        "priority_key": 0,
        "updated_at": row["updated_at"],
        "search_text": f"{row['question']}\n{row['corrected_answer'] or ''}".casefold(),
    }


def _insert(table: str, rows: list[dict[str, Any]]) -> None:
    times = {"created_at", "updated_at"}
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        columns = [sa.column(name, _TIME if name in times else None) for name in rows[0]]
        op.bulk_insert(sa.table(table, *columns), rows[start : start + _ROWS_AT_ONCE])
