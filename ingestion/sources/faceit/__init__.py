"""FACEIT: its tables, how its answers become rows, and the passes that read it."""
