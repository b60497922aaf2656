"""Dagster assets and the command line: what runs when."""
