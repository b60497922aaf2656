"""The first thing that looks at a request: who asks, whether that may be, and whether it is too much.

Everything that decides is in memory, so that to a known caller it costs about as much as to look at the headers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.types import Scope

from serving.auth.anonymous_clients import Strangers, client_address
from serving.auth.hosts import Hosts
from serving.auth.keyring import Keyring
from serving.auth.refusals import Forbidden, Limited, Misdirected, TooLarge, Unauthorized
from serving.cache.redis_tier import RedisTier
from serving.errors import Refusal, Unavailable
from serving.policy.rules import Rules
from serving.ratelimit.limits import Allowance, Caller
from serving.ratelimit.sync import Limits

__all__ = ["MAX_HEADERS", "Caller", "Gate", "caller_of", "require"]

MAX_HEADERS = 100
"""Header lines of a request."""

_CALLER = "ladder.caller"
_PROBES = frozenset({"/healthz", "/readyz"})
"""Always answered: who watches over processes would take a refusal for a death."""
_OPERATIONS = frozenset({"/metrics"})
"""Need `admin`, where nothing is open to everybody."""
_PART_EVERY_S = 5.0

_BODY = TooLarge(413, "body_not_allowed", "a request has no body")
_HEADERS = TooLarge(431, "too_many_headers", f"a request has at most {MAX_HEADERS} headers")
_MISDIRECTED = Misdirected()
_UNAUTHORIZED = Unauthorized()
_FORBIDDEN = Forbidden("admin")
_KEYS_UNKNOWN = Unavailable("keys_unknown", "API keys cannot be looked up at the moment", 2)


class Gate:
    """Lets requests in.

    Args:
        rules: what the operator has decided.
        database_url: login of `ladder_serving`.
        redis: where limits are settled.
    """

    def __init__(self, rules: Rules, database_url: str, redis: RedisTier) -> None:
        self._rules = rules
        self._is_anonymous = rules.is_anonymous
        self._hosts = Hosts(rules.hosts)
        self._known_hosts = self._hosts.known
        self._limits = Limits(redis)
        self._keyring = Keyring(database_url, rules, self._limits)
        self._strangers = Strangers(self._make_stranger, self._limits.leave)
        self._by_host = self._strangers.by_host
        self._client_address = client_address(rules.trusted_proxies) if rules.trusted_proxies else None

    def admit(self, scope: Scope) -> Caller | Refusal:
        """Let a request in and count it, or say why not.

        Args:
            scope: of an HTTP request; from here on it holds the caller.
        """
        lines = scope["headers"]
        headers = dict(lines)
        key = _key(headers)
        refusal: Refusal | None = None
        if key is None:
            caller = self._stranger(scope)
            if not self._is_anonymous and scope["method"] != "OPTIONS":  # a browser asks first, and shows no key then
                refusal = _UNAUTHORIZED
        else:
            known = self._keyring.caller(key)
            if known is None:
                # It counts against the address.
                caller = self._stranger(scope)
                refusal = _UNAUTHORIZED if self._keyring.is_read else _KEYS_UNKNOWN
            else:
                caller = known
                if not self._is_anonymous and scope["path"] in _OPERATIONS and "admin" not in caller.scopes:
                    refusal = _FORBIDDEN
        scope[_CALLER] = caller
        requests, rows = caller.requests, caller.rows
        if requests.left >= 1 and rows.left >= 1:
            requests.left -= 1
            caller.is_used = True
        else:
            refusal = Limited(caller)
        if requests.left < requests.low or rows.left < rows.low:
            self._limits.hurry(caller)
        host = headers.get(b"host")
        if host not in self._known_hosts and scope["path"] not in _PROBES and not self._hosts.allows(host or b""):
            return _MISDIRECTED
        if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
            return _BODY
        if len(lines) > MAX_HEADERS:
            return _HEADERS
        return caller if refusal is None or scope["path"] in _PROBES else refusal

    async def admit_late(self, scope: Scope, refusal: Limited) -> Caller | Refusal:
        """Look again at a request over its limit, once it is known whether the shared bucket holds more."""
        await self._limits.settled(refusal.caller)
        return self.admit(scope)

    async def look(self) -> None:
        """Read the keys, before the first request comes."""
        await self._keyring.look()

    async def run(self) -> None:
        """Keep limits and keys up to date until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for work in (self._limits.run(), self._keyring.run(), self._part()):
                tasks.create_task(work)

    def _stranger(self, scope: Scope) -> Caller:
        client = scope["client"]
        host = client[0] if client else ""
        if self._client_address is not None:
            host = self._client_address(host, scope["headers"])
        return self._by_host.get(host) or self._strangers.meet(host)

    def _make_stranger(self, subject: str) -> Caller:
        rules = self._rules
        caller = Caller(
            subject,
            frozenset({"public"} if rules.is_anonymous else ()),
            Allowance(rules.requests_per_minute, rules.processes),
            Allowance(rules.rows_per_minute, rules.processes),
        )
        self._limits.enter(caller)
        return caller

    async def _part(self) -> None:
        while True:
            await asyncio.sleep(_PART_EVERY_S)
            self._strangers.part_with_idle()


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Who was let in with a request."""
    caller: Caller = scope[_CALLER]
    return caller


def require(scope: Mapping[str, Any], needed: str) -> None:
    """See that the caller of a request may read something.

    Args:
        scope: of a request that was let in.
        needed: what it takes.

    Raises:
        Unauthorized: it came without a key.
        Forbidden: its key does not allow that.
    """
    caller = caller_of(scope)
    if needed not in caller.scopes:
        raise Forbidden(needed) if caller.has_key else Unauthorized()


def _key(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The key that a request shows. Other schemes of Authorization are a proxy's, and none of ours."""
    given = headers.get(b"authorization")
    if given is not None and given[:7].lower() == b"bearer ":
        return given[7:].strip()
    return headers.get(b"x-api-key")
