"""The valid API keys in memory, read once per second, so that no request waits for a query.

A created or revoked key takes effect in every process within two seconds: one second between two reads, and the
duration of a read. While PostgreSQL is down no key can be revoked, and valid keys stay valid until they expire.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import math
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import AsyncConnection

from serving.ratelimit.leases import KEY_SUBJECT_PREFIX, Caller, RateLimitLease
from serving.ratelimit.sync import RateLimitSync
from serving.security.access_rules import AccessRules
from warehouse.ops.api_keys import KEY_LENGTH, digest_of, id_of

__all__ = ["ApiKeyCache"]

_READ_EVERY_S = 1.0
_READ_LIMIT_S = 1.0
_RECORD_EVERY_S = 60.0
"""Interval in which the last use of a key is recorded."""

_CONNECTION: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 2,
    # The role is read-only except for the table of uses.
    "options": f"-c timezone=UTC -c statement_timeout={_READ_LIMIT_S:.0f}s -c default_transaction_read_only=off",
    "application_name": "ladderhouse-api-keys",
}
_READ_KEYS = (
    "SELECT key_id, digest, scopes, requests_per_minute, rows_per_minute, expires_at FROM ops.api_keys "
    "WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) ORDER BY key_id"
)
_RECORD_USES = (
    "INSERT INTO ops.api_key_uses (key_id, last_used_at) SELECT * FROM unnest(%s::text[], %s::timestamptz[]) "
    "ON CONFLICT (key_id) DO UPDATE SET last_used_at = excluded.last_used_at "
    "WHERE ops.api_key_uses.last_used_at < excluded.last_used_at"
)

_logger = logging.getLogger(__name__)

Row = tuple[str, bytes, list[str], int | None, int | None, datetime | None]


class ApiKeyCache:
    """The valid API keys.

    Args:
        url: login of `ladder_serving`.
        rules: default limits of keys without their own.
        rate_limit_sync: syncs the leases of the keys' callers.
    """

    def __init__(self, url: str, rules: AccessRules, rate_limit_sync: RateLimitSync) -> None:
        self._url = url
        self._rules = rules
        self._rate_limit_sync = rate_limit_sync
        self._connection: AsyncConnection | None = None
        self._rows: list[Row] = []
        self._expires_at: dict[str, datetime] = {}
        self._callers: dict[bytes, tuple[bytes, Caller]] = {}
        self._recorded_at: dict[str, float] = {}
        self._dummy_digest = secrets.token_bytes(32)
        self.is_loaded = False
        """Whether the keys were read at least once; before that, an unknown key may be valid."""

    def caller(self, key: bytes) -> Caller | None:
        """The caller of a key; None when the key is not valid.

        The digests are compared in constant time, even if no key has this id, so the duration reveals neither the
        existing ids nor how much of a key was guessed.
        """
        if len(key) != KEY_LENGTH:
            return None
        digest, caller = self._callers.get(id_of(key), (self._dummy_digest, None))
        return caller if hmac.compare_digest(digest_of(key), digest) else None

    async def run(self) -> None:
        """Read keys and record uses until cancelled."""
        removing_expired = asyncio.create_task(self._remove_expired())
        try:
            while True:
                await asyncio.sleep(_READ_EVERY_S)
                await self.refresh()
        finally:
            removing_expired.cancel()
            await self._disconnect()

    async def refresh(self) -> None:
        """Read the keys once, and record which are in use."""
        try:
            async with asyncio.timeout(_READ_LIMIT_S):
                await self._read_keys()
                await self._record_uses()
        except (psycopg.OperationalError, TimeoutError) as error:
            # PostgreSQL is down; the watcher reports that.
            _logger.debug("API keys could not be read: %r", error)
            await self._disconnect()
        except Exception:
            _logger.exception("API keys could not be read; trying again")
            await self._disconnect()

    async def _remove_expired(self) -> None:
        """Remove expired keys, independently of PostgreSQL."""
        while True:
            await asyncio.sleep(_READ_EVERY_S)
            now = datetime.now(UTC)
            for key_id in [key_id for key_id, expires_at in self._expires_at.items() if expires_at <= now]:
                self._remove(key_id)

    async def _read_keys(self) -> None:
        if self._connection is None:
            self._connection = await AsyncConnection.connect(self._url, **_CONNECTION)
        rows: list[Row] = await (await self._connection.execute(_READ_KEYS)).fetchall()
        self.is_loaded = True
        if rows == self._rows:
            return
        previous = {row[0]: row for row in self._rows}
        for key_id in previous.keys() - {row[0] for row in rows}:
            self._remove(key_id)
        for row in rows:
            if previous.get(row[0]) != row:
                self._add(row)
        self._rows = rows

    def _add(self, row: Row) -> None:
        key_id, digest, scopes, requests_per_minute, rows_per_minute, expires_at = row
        requests = requests_per_minute or self._rules.requests_per_minute
        rows = rows_per_minute or self._rules.rows_per_minute
        caller = Caller(
            KEY_SUBJECT_PREFIX + key_id,
            frozenset(scopes),
            RateLimitLease(requests, self._rules.processes),
            RateLimitLease(rows, self._rules.processes),
        )
        self._callers[key_id.encode()] = digest, caller
        self._rate_limit_sync.add(caller)
        if expires_at is not None:
            self._expires_at[key_id] = expires_at

    def _remove(self, key_id: str) -> None:
        self._expires_at.pop(key_id, None)
        self._recorded_at.pop(key_id, None)
        _, caller = self._callers.pop(key_id.encode(), (b"", None))
        if caller is not None:
            self._rate_limit_sync.remove(caller)

    async def _record_uses(self) -> None:
        assert self._connection is not None
        now = time.monotonic()
        used = {
            key_id.decode(): caller.last_used_at
            for key_id, (_, caller) in self._callers.items()
            if caller.last_used_at > self._recorded_at.get(key_id.decode(), -math.inf) + _RECORD_EVERY_S
        }
        if used:
            last_used_at = [
                datetime.fromtimestamp(time.time() - (now - last_used_at), UTC) for last_used_at in used.values()
            ]
            await self._connection.execute(_RECORD_USES, [list(used), last_used_at])
            self._recorded_at.update(used)

    async def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()
