"""Declarations of sources: tables, columns and endpoints, and the parsers of their values."""
