"""Run by Alembic with each command: on the connection that `store.schema` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from fleetcast.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=context.config.attributes["connection"].dialect.name == "sqlite",
    transaction_per_migration=False,
)
context.run_migrations()
