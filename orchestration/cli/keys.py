"""`ladder keys`: creates, lists and revokes keys of the API."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from orchestration.cli.terminal import VisibleConsole, console, errors, table, write_json
from orchestration.warehouse_access import open_warehouse
from warehouse.core.file_modes import create_private_file
from warehouse.core.settings import load_settings
from warehouse.database.connections import connect
from warehouse.ops.api_keys import SCOPES, ApiKey, create_key, list_keys, revoke_key

__all__ = ["make_key", "revoke", "show_keys"]

_PIPE_WIDTH = 200


def make_key(
    name: str,
    scopes: Sequence[str],
    requests: int | None,
    rows: int | None,
    expires_in_days: int | None,
    to: Path | None = None,
) -> None:
    """Create a key and write it to standard output or a new file. It cannot be shown again.

    Args:
        name: its user or purpose.
        scopes: scopes in addition to public data.
        requests: limit of requests per minute; None for the default.
        rows: limit of rows per minute; None for the default.
        expires_in_days: days until it expires; None for no expiry.
        to: a new file that only the user can read, created before the key; None for standard output.

    Raises:
        ConfigurationError: the name is taken or invalid, or the file exists or cannot be created.
    """
    with _written_to(to) as stream:
        stream.write(f"{_make_key(name, scopes, requests, rows, expires_in_days)}\n")
    place = f"is in {to}" if to else "has to be stored now"
    errors.print(f"the key of {name} {place}: it is not shown again")


@contextmanager
def _written_to(path: Path | None) -> Iterator[TextIO]:
    """Standard output, or a new file, which is deleted if the block fails."""
    if path is None:
        yield sys.stdout
        return
    with os.fdopen(create_private_file(path), "w") as stream:
        try:
            yield stream
            stream.flush()
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _make_key(
    name: str, scopes: Sequence[str], requests: int | None, rows: int | None, expires_in_days: int | None
) -> str:
    expires_at = None if expires_in_days is None else datetime.now(UTC) + timedelta(days=expires_in_days)
    with open_warehouse(load_settings(), redis=False) as warehouse, connect(warehouse.servers.database_url) as admin:
        return create_key(
            admin,
            name,
            scopes=[known for known in SCOPES if known in scopes],
            requests_per_minute=requests,
            rows_per_minute=rows,
            expires_at=expires_at,
            by=_username(),
        )


def show_keys(*, revoked: bool, as_json: bool) -> None:
    """Show keys, newest first."""
    with open_warehouse(load_settings(), redis=False) as warehouse, connect(warehouse.servers.database_url) as admin:
        found = [key for key in list_keys(admin) if revoked or key.revoked_at is None]
    if as_json:
        write_json(found)
        return
    if not found:
        console.print("no keys; `ladder keys create NAME` creates one")
        return
    shown = table(
        ["id", "name", "reads", "requests", "rows", "created", "last used", "state"], numbers=["requests", "rows"]
    )
    for key in found:
        shown.add_row(
            key.key_id,
            key.name,
            ", ".join(key.scopes),
            _limit(key.requests_per_minute),
            _limit(key.rows_per_minute),
            f"{key.created_at:%Y-%m-%d} by {key.created_by}",
            "never" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d %H:%M}",
            _state(key),
        )
    # In a pipe, rows are not wrapped.
    wide = console if console.is_terminal else VisibleConsole(width=_PIPE_WIDTH)
    wide.print(shown)


def revoke(named: Sequence[str]) -> None:
    """Revoke keys by id or name.

    Raises:
        ConfigurationError: there is no such key; keys named before it are revoked.
    """
    with open_warehouse(load_settings(), redis=False) as warehouse, connect(warehouse.servers.database_url) as admin:
        for each in named:
            key = revoke_key(admin, each, by=_username())
            console.print(
                f"{key.key_id} ({key.name}) is revoked; API processes reject it within two seconds",
            )


def _username() -> str:
    """Name of the user who runs the command, which is recorded with the key."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have none
        return f"uid {os.getuid()}"


def _limit(per_minute: int | None) -> str:
    return "" if per_minute is None else f"{per_minute}/min"


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d} by {key.revoked_by}"
    if key.expires_at is None:
        return "valid"
    word = "expired" if key.expires_at <= datetime.now(UTC) else "valid until"
    return f"{word} {key.expires_at:%Y-%m-%d}"
