"""Answers for applications: cache and API."""
