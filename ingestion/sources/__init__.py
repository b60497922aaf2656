"""The sources: a folder each."""
