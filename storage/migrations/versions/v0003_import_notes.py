"""What imported rows said that the store has no column for. Never changed: such stores are out there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "sayo_0003"
down_revision = "sayo_0002"


def upgrade() -> None:
    op.create_table(
        "import_notes",
        sa.Column("correction_id", sa.Integer, nullable=False),
        sa.Column("extra", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("correction_id", name="pk_import_notes"),
        sa.ForeignKeyConstraint(
            ["correction_id"], ["corrections.id"], name="fk_import_notes_correction_id_corrections"
        ),
    )
