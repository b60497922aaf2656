"""Hints for servers that do not respond, which depend on whether the server is embedded."""

from __future__ import annotations

from typing import Literal

from warehouse.core.settings import load_settings

__all__ = ["connection_hint"]

_VARIABLES = {"postgres": "database_url", "valkey": "redis_url"}


def connection_hint(server: Literal["postgres", "valkey"]) -> str:
    """The hint at the end of a message.

    Args:
        server: name of the server in the home.

    Raises:
        ConfigurationError: an environment variable has an invalid value.
    """
    settings = load_settings()
    variable = _VARIABLES[server]
    if getattr(settings, variable) is not None:
        return f"check LADDER_{variable.upper()} and that the server accepts this login"
    log = settings.home / "servers" / f"{server}.log"
    return f"it is the embedded server, which `ladder up` and every other command restart; see {log}"
