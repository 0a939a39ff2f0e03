"""Alembic's entry: `storage.base.database` hands over its open transaction."""

from __future__ import annotations

from alembic import context

from storage.base.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
