"""The Dagster instance: storage, event log, interrupts, commands of its processes, web UI."""
