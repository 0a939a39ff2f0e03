"""Runs queue, one running a device; adapters can be deleted. Never changed: such stores are out there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "sayo_0004"
down_revision = "sayo_0003"

_RUNNING = sa.text("state = 'running'")


def upgrade() -> None:
    op.drop_index("one_active_run", "runs")
    op.drop_column("runs", "slot")
    op.add_column("runs", sa.Column("record", sa.JSON, nullable=False, server_default="{}"))
    op.add_column("runs", sa.Column("notes", sa.Text, nullable=False, server_default=""))
    op.add_column("runs", sa.Column("device", sa.String(40), nullable=False, server_default="auto"))
    op.create_index(
        "one_running_run",
        "runs",
        ["host", "device"],
        unique=True,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    op.add_column("adapters", sa.Column("deleted_at", sa.DateTime(timezone=True)))
