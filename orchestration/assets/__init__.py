"""Dagster assets, one module for each source and one for the marts."""
