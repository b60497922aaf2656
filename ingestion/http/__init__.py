"""Requests to an upstream: client, rate limits, bounded bodies, attribution of errors."""
