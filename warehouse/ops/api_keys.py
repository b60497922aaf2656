"""Create, list and revoke API keys in `ops.api_keys`.

A key is `ldr_<id>_<secret>`: a prefix that secret scanners recognise, an id that is not secret, and 190 random bits.
Only its SHA-256 is stored. A slow hash is needed for passwords, to make guesses expensive; 190 random bits cannot be
guessed, and serving processes compute a hash for every request.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import psycopg
from psycopg.rows import class_row

from warehouse.core.errors import ConfigurationError
from warehouse.database.role_names import SET_ROLE_OWNER

__all__ = ["KEY_LENGTH", "SCOPES", "ApiKey", "KeyScope", "create_key", "digest_of", "id_of", "list_keys", "revoke_key"]

KeyScope = Literal["public", "business", "admin"]
SCOPES: tuple[KeyScope, ...] = get_args(KeyScope)
"""Scopes that a key may have; every key has the scope `public`."""

_PREFIX = "ldr_"
_ID_LENGTH = 8
_SECRET_LENGTH = 32
_ID_LETTERS = string.ascii_lowercase + string.digits
_SECRET_LETTERS = string.ascii_letters + string.digits
_ID = slice(len(_PREFIX), len(_PREFIX) + _ID_LENGTH)
_NAME_LENGTH = 64
KEY_LENGTH = len(_PREFIX) + _ID_LENGTH + 1 + _SECRET_LENGTH
"""Characters of a key."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as shown to operators.

    Args:
        key_id: its id, which is not secret.
        name: its owner or purpose.
        scopes: what it may read.
        requests_per_minute: its own limit; None for the default.
        rows_per_minute: its own limit; None for the default.
        created_at: when it was created.
        created_by: who created it.
        expires_at: when it expires; None for never.
        revoked_at: when it was revoked, or None.
        revoked_by: who revoked it, or None.
        last_used_at: when it was last used, to about a minute, or None.
    """

    key_id: str
    name: str
    scopes: list[str]
    requests_per_minute: int | None
    rows_per_minute: int | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    last_used_at: datetime | None


def id_of(key: bytes) -> bytes:
    """The id in a key; arbitrary bytes if the text is not a key."""
    return key[_ID]


def digest_of(key: bytes) -> bytes:
    """The digest that is stored of a key."""
    return hashlib.sha256(key).digest()


def create_key(
    connection: psycopg.Connection,
    name: str,
    *,
    scopes: Sequence[KeyScope] = (),
    requests_per_minute: int | None = None,
    rows_per_minute: int | None = None,
    expires_at: datetime | None = None,
    by: str,
) -> str:
    """Create a key.

    Args:
        connection: the administrator's.
        name: its owner or purpose; unique among the keys that are not revoked.
        scopes: what it may read besides public endpoints.
        requests_per_minute: its own limit; None for the default limit.
        rows_per_minute: its own limit; None for the default limit.
        expires_at: when it expires; None for never.
        by: who creates it.

    Returns:
        The key, which cannot be retrieved later.

    Raises:
        ConfigurationError: the name is in use or invalid.
    """
    if not name.strip() or len(name) > _NAME_LENGTH or not name.isprintable():
        raise ConfigurationError(f"a key's name has 1 to {_NAME_LENGTH} printable characters", "choose another name")
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    key = f"{_PREFIX}{key_id}_" + "".join(secrets.choice(_SECRET_LETTERS) for _ in range(_SECRET_LENGTH))
    try:
        with connection.transaction():
            connection.execute(SET_ROLE_OWNER)
            connection.execute(
                "INSERT INTO ops.api_keys (key_id, name, digest, scopes, requests_per_minute, rows_per_minute, "
                "expires_at, created_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    key_id,
                    name,
                    digest_of(key.encode()),
                    [scope for scope in SCOPES if scope == "public" or scope in scopes],
                    requests_per_minute,
                    rows_per_minute,
                    expires_at,
                    by,
                ],
            )
    except psycopg.errors.UniqueViolation:
        raise ConfigurationError(f"there is a key named {name!r}", "revoke it, or choose another name") from None
    return key


def list_keys(connection: psycopg.Connection) -> list[ApiKey]:
    """All keys, including expired and revoked ones, newest first."""
    with connection.transaction(), connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        cursor.execute(SET_ROLE_OWNER)
        return cursor.execute(
            "SELECT key_id, name, scopes, requests_per_minute, rows_per_minute, created_at, created_by, expires_at, "
            "revoked_at, revoked_by, last_used_at FROM ops.api_keys LEFT JOIN ops.api_key_uses USING (key_id) "
            "ORDER BY created_at DESC, key_id"
        ).fetchall()


def revoke_key(connection: psycopg.Connection, named: str, *, by: str) -> ApiKey:
    """Revoke a key permanently.

    Args:
        connection: the administrator's.
        named: its id or its name.
        by: who revokes it.

    Raises:
        ConfigurationError: there is no active key with this id or name.
    """
    with connection.transaction():
        connection.execute(SET_ROLE_OWNER)
        live = [key for key in list_keys(connection) if key.revoked_at is None]
        found = [key for key in live if key.key_id == named] or [key for key in live if key.name == named]
        if not found:
            raise ConfigurationError(f"there is no active key with the id or name {named!r}", "see `ladder keys list`")
        connection.execute(
            "UPDATE ops.api_keys SET revoked_at = now(), revoked_by = %s WHERE key_id = %s AND revoked_at IS NULL",
            [by, found[0].key_id],
        )
    return found[0]
