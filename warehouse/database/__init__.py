"""Connections, locks, roles and the limits of logins."""
