"""FACEIT: its tables, the parsing of its responses into rows, and its streams."""
