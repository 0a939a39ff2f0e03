"""The database, its rows, and what is handed out of it."""
