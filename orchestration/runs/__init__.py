"""Runs of Dagster: create, execute, log."""
