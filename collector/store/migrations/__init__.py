"""Alembic's scripts, run by `collector.store.migrate` only."""
