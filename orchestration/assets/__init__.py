"""Dagster assets: one module per source, and one for the marts."""
