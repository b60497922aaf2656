"""Counters and metrics."""
