"""Modules that every other package uses: settings, errors, logs, JSON, text and files."""
