"""The warehouse: lake, staging tables, books, publication."""
