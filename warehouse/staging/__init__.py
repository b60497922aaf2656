"""From the lake into staging tables, with the load ledger."""
