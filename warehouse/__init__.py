"""The warehouse: lake, staging tables, load ledger and publication."""
