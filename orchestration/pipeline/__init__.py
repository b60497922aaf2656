"""The steps of a run: sync, transform, publish, verify."""
