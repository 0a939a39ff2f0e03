"""The first schema. Never changed: stores of this version are out there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "sayo_0001"
down_revision = None

_TIME = sa.DateTime(timezone=True)
_ACTIVE = sa.text("state IN ('queued', 'running')")


def upgrade() -> None:
    op.create_table(
        "pictures",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pictures"),
    )
    op.create_table(
        "adapters",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("base_model", sa.Text, nullable=False),
        sa.Column("run_id", sa.Integer),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("summary", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_adapters"),
    )
    op.create_table(
        "adapter_switches",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("adapter_id", sa.Integer),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_adapter_switches"),
        sa.ForeignKeyConstraint(
            ["adapter_id"], ["adapters.id"], name="fk_adapter_switches_adapter_id_adapters"
        ),
    )
    _corrections()
    _runs()


def _corrections() -> None:
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("picture_id", sa.String(64), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("adapter_id", sa.Integer),
        sa.Column("answer_shown", sa.Text, nullable=False),
        sa.Column("trace_id", sa.String(64)),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("family", sa.String(100)),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_corrections"),
        sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name="fk_corrections_picture_id_pictures"),
        sa.ForeignKeyConstraint(["adapter_id"], ["adapters.id"], name="fk_corrections_adapter_id_adapters"),
        sa.CheckConstraint("origin IN ('person', 'generated')", name=op.f("ck_corrections_origin")),
    )
    op.create_index("ix_corrections_picture_id", "corrections", ["picture_id"])
    op.create_table(
        "correction_revisions",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("correction_id", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("regions", sa.JSON, nullable=False),
        sa.Column("corrected_answer", sa.Text),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_correction_revisions"),
        sa.ForeignKeyConstraint(
            ["correction_id"], ["corrections.id"], name="fk_correction_revisions_correction_id_corrections"
        ),
        sa.UniqueConstraint(
            "correction_id", "revision", name="uq_correction_revisions_correction_id_revision"
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'accepted', 'rejected', 'deleted')",
            name=op.f("ck_correction_revisions_state"),
        ),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("pid", sa.Integer),
        sa.Column("process_started_at", sa.Double),
        sa.Column("error", sa.Text),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("started_at", _TIME),
        sa.Column("cancel_requested_at", _TIME),
        sa.Column("finished_at", _TIME),
        sa.Column("adapter_id", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.ForeignKeyConstraint(["adapter_id"], ["adapters.id"], name="fk_runs_adapter_id_adapters"),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'finished', 'failed', 'cancelled')", name=op.f("ck_runs_state")
        ),
    )
    op.create_index(
        "one_active_run", "runs", ["slot"], unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE
    )
