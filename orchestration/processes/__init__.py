"""Child processes: start, watch, restart, end with their parent."""
