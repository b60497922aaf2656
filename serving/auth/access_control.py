"""The first thing that looks at a request: who asks, whether that may be, and whether it is too much.

Everything that decides is in memory, so that to a known caller it costs about as much as to look at the headers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.types import Scope

from serving.auth.allowed_hosts import AllowedHosts
from serving.auth.anonymous_clients import AnonymousClients, client_address_resolver
from serving.auth.api_key_cache import ApiKeyCache
from serving.auth.errors import Forbidden, MisdirectedRequest, RateLimited, RequestTooLarge, Unauthorized
from serving.cache.redis_tier import RedisTier
from serving.errors import ApiError, Unavailable
from serving.ratelimit.leases import Caller, RateLimitLease
from serving.ratelimit.sync import RateLimitSync
from serving.security.access_rules import AccessRules

__all__ = ["MAX_HEADERS", "AccessControl", "Caller", "caller_of", "require"]

MAX_HEADERS = 100
"""Header lines of a request."""

_CALLER = "ladder.caller"
_PROBE_PATHS = frozenset({"/healthz", "/readyz"})
"""Always answered: who watches over processes would take a refusal for a death."""
_ADMIN_PATHS = frozenset({"/metrics"})
"""Need `admin`, where nothing is open to everybody."""
_REMOVE_IDLE_EVERY_S = 5.0

_BODY_NOT_ALLOWED = RequestTooLarge(413, "body_not_allowed", "a request has no body")
_TOO_MANY_HEADERS = RequestTooLarge(431, "too_many_headers", f"a request has at most {MAX_HEADERS} headers")
_MISDIRECTED = MisdirectedRequest()
_UNAUTHORIZED = Unauthorized()
_FORBIDDEN = Forbidden("admin")
_KEYS_NOT_LOADED = Unavailable("keys_unknown", "API keys cannot be looked up at the moment", 2)


class AccessControl:
    """Lets requests in.

    Args:
        rules: what the operator has decided.
        database_url: login of `ladder_serving`.
        redis: where limits are settled.
    """

    def __init__(self, rules: AccessRules, database_url: str, redis: RedisTier) -> None:
        self._rules = rules
        self._is_anonymous = rules.is_anonymous
        self._hosts = AllowedHosts(rules.hosts)
        self._known_host_values = self._hosts.known_values
        self._rate_limit_sync = RateLimitSync(redis)
        self._api_keys = ApiKeyCache(database_url, rules, self._rate_limit_sync)
        self._anonymous_clients = AnonymousClients(self._create_anonymous_caller, self._rate_limit_sync.remove)
        self._by_host = self._anonymous_clients.by_host
        self._resolve_address = client_address_resolver(rules.trusted_proxies) if rules.trusted_proxies else None

    def admit(self, scope: Scope) -> Caller | ApiError:
        """Let a request in and count it, or say why not.

        Args:
            scope: of an HTTP request; from here on it holds the caller.
        """
        header_lines = scope["headers"]
        headers = dict(header_lines)
        key = _key(headers)
        error: ApiError | None = None
        if key is None:
            caller = self._anonymous_caller(scope)
            if not self._is_anonymous and scope["method"] != "OPTIONS":  # a browser asks first, and shows no key then
                error = _UNAUTHORIZED
        else:
            authenticated = self._api_keys.caller(key)
            if authenticated is None:
                # It counts against the address.
                caller = self._anonymous_caller(scope)
                error = _UNAUTHORIZED if self._api_keys.is_loaded else _KEYS_NOT_LOADED
            else:
                caller = authenticated
                if not self._is_anonymous and scope["path"] in _ADMIN_PATHS and "admin" not in caller.scopes:
                    error = _FORBIDDEN
        scope[_CALLER] = caller
        requests, rows = caller.requests, caller.rows
        if requests.remaining >= 1 and rows.remaining >= 1:
            requests.remaining -= 1
            caller.has_new_requests = True
        else:
            error = RateLimited(caller)
        if requests.remaining < requests.low_water_mark or rows.remaining < rows.low_water_mark:
            self._rate_limit_sync.request_sync(caller)
        host = headers.get(b"host")
        if (
            host not in self._known_host_values
            and scope["path"] not in _PROBE_PATHS
            and not self._hosts.allows(host or b"")
        ):
            return _MISDIRECTED
        if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
            return _BODY_NOT_ALLOWED
        if len(header_lines) > MAX_HEADERS:
            return _TOO_MANY_HEADERS
        return caller if error is None or scope["path"] in _PROBE_PATHS else error

    async def admit_after_sync(self, scope: Scope, error: RateLimited) -> Caller | ApiError:
        """Look again at a request over its limit, once it is known whether the shared bucket holds more."""
        await self._rate_limit_sync.wait_for_sync(error.caller)
        return self.admit(scope)

    async def refresh(self) -> None:
        """Read the keys, before the first request comes."""
        await self._api_keys.refresh()

    async def run(self) -> None:
        """Keep limits and keys up to date until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for work in (self._rate_limit_sync.run(), self._api_keys.run(), self._remove_idle()):
                tasks.create_task(work)

    def _anonymous_caller(self, scope: Scope) -> Caller:
        client = scope["client"]
        host = client[0] if client else ""
        if self._resolve_address is not None:
            host = self._resolve_address(host, scope["headers"])
        return self._by_host.get(host) or self._anonymous_clients.get_or_create(host)

    def _create_anonymous_caller(self, subject: str) -> Caller:
        rules = self._rules
        caller = Caller(
            subject,
            frozenset({"public"} if rules.is_anonymous else ()),
            RateLimitLease(rules.requests_per_minute, rules.processes),
            RateLimitLease(rules.rows_per_minute, rules.processes),
        )
        self._rate_limit_sync.add(caller)
        return caller

    async def _remove_idle(self) -> None:
        while True:
            await asyncio.sleep(_REMOVE_IDLE_EVERY_S)
            self._anonymous_clients.remove_idle()


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
