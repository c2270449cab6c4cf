"""What must survive a crash: SQLAlchemy Core on SQLite and PostgreSQL alike."""
