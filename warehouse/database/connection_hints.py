"""What to do where a server does not answer, which depends on whose it is."""

from __future__ import annotations

from typing import Literal

from warehouse.core.settings import load_settings

__all__ = ["connection_hint"]

_VARIABLES = {"postgres": "database_url", "valkey": "redis_url"}


def connection_hint(server: Literal["postgres", "valkey"]) -> str:
    """The next step, as the end of a message.

    Args:
        server: which one, by its name in the home.

    Raises:
        ConfigurationError: a variable has a value that cannot be used.
    """
    settings = load_settings()
    variable = _VARIABLES[server]
    if getattr(settings, variable) is not None:
        return f"check LADDER_{variable.upper()} and that the server accepts this login"
    log = settings.home / "servers" / f"{server}.log"
    return f"it is the embedded one, which `ladder up` and every other command start again; see {log}"
