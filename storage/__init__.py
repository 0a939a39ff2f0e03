"""The store: SQLAlchemy rows, Alembic migrations, files by content hash."""
