"""The resident process that executes runs, and its client."""
