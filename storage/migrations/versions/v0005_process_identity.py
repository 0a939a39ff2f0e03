"""A process is named by boot and clock ticks, not by the time of day. Never changed: it is out there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "sayo_0005"
down_revision = "sayo_0004"


def upgrade() -> None:
    op.add_column("runs", sa.Column("process_identity", sa.String(100)))
