"""Child processes: start, supervise, restart, exit with their parent."""
