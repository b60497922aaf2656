"""Load files of the lake into staging tables, and write the load ledger."""
