"""The warm worker, a resident process that executes runs; its client; Dagster's run launcher."""
