"""Access control, the first step of every request: identifies the caller, checks permission and rate limits.

All data for the decision is in memory, so for a known caller it costs about as much as reading the headers.
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
"""Maximum number of header lines in a request."""

_CALLER = "ladder.caller"
_PROBE_PATHS = frozenset({"/healthz", "/readyz"})
"""Always served: a supervisor would take an error for a dead process."""
_ADMIN_PATHS = frozenset({"/metrics"})
"""Require the scope `admin` when anonymous access is off."""
_REMOVE_IDLE_EVERY_S = 5.0

_BODY_NOT_ALLOWED = RequestTooLarge(413, "body_not_allowed", "a request must not have a body")
_TOO_MANY_HEADERS = RequestTooLarge(431, "too_many_headers", f"a request may have at most {MAX_HEADERS} headers")
_MISDIRECTED = MisdirectedRequest()
_UNAUTHORIZED = Unauthorized()
_FORBIDDEN = Forbidden("admin")
_KEYS_NOT_LOADED = Unavailable("keys_unknown", "API keys cannot be verified at the moment", 2)


class AccessControl:
    """Admits or rejects requests.

    Args:
        rules: access rules of the operator.
        database_url: login of `ladder_serving`.
        redis: holds the shared rate limit buckets.
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
        """Admit a request and count it, or return the error.

        Args:
            scope: ASGI scope of an HTTP request; the caller is stored in it.
        """
        header_lines = scope["headers"]
        headers = dict(header_lines)
        key = _key(headers)
        error: ApiError | None = None
        if key is None:
            caller = self._anonymous_caller(scope)
            if not self._is_anonymous and scope["method"] != "OPTIONS":  # CORS preflight requests carry no key
                error = _UNAUTHORIZED
        else:
            authenticated = self._api_keys.caller(key)
            if authenticated is None:
                # The request counts against the address.
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
        """Admit a request over its limit again, after the lease was synced with the shared bucket."""
        await self._rate_limit_sync.wait_for_sync(error.caller)
        return self.admit(scope)

    async def refresh(self) -> None:
        """Read the API keys before the first request."""
        await self._api_keys.refresh()

    async def run(self) -> None:
        """Keep rate limits and API keys up to date until cancelled."""
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
    """The caller of an admitted request."""
    caller: Caller = scope[_CALLER]
    return caller


def require(scope: Mapping[str, Any], needed: str) -> None:
    """Check that the caller of a request has a permission.

    Args:
        scope: ASGI scope of an admitted request.
        needed: the required permission.

    Raises:
        Unauthorized: the request has no key.
        Forbidden: the key lacks the permission.
    """
    caller = caller_of(scope)
    if needed not in caller.scopes:
        raise Forbidden(needed) if caller.has_key else Unauthorized()


def _key(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The API key of a request. Other schemes of Authorization belong to a proxy and are ignored."""
    given = headers.get(b"authorization")
    if given is not None and given[:7].lower() == b"bearer ":
        return given[7:].strip()
    return headers.get(b"x-api-key")
