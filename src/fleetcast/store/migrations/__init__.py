"""Alembic's environment: how an older database becomes today's. A step in `versions` is final once released."""
