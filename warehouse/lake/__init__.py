"""The lake: fetched pages as files."""
