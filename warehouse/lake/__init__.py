"""The lake: received pages, as files."""
