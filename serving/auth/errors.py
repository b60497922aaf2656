"""Errors of access control.

ApiError (serving.errors)
+-- Unauthorized          401: no valid API key; the message is the same for all reasons
+-- Forbidden             403: the API key lacks a scope
+-- RateLimited           429: too many requests or rows; `Retry-After` and `RateLimit` say when to try again
+-- RequestTooLarge       413, 414, 431: a body, a target that is too long, or too many headers
+-- MethodNotAllowed      405: neither GET nor HEAD
+-- MisdirectedRequest    421: the host name is not allowed
"""

from __future__ import annotations

import math
import time

from serving.errors import ApiError
from serving.ratelimit.leases import Caller
from serving.security.response_headers import ALLOWED_METHODS

__all__ = ["Forbidden", "MethodNotAllowed", "MisdirectedRequest", "RateLimited", "RequestTooLarge", "Unauthorized"]


class Unauthorized(ApiError):
    """No valid API key. The error does not reveal whether a key is missing, unknown, revoked or expired."""

    def __init__(self) -> None:
        super().__init__(
            401, "unauthorized", "a valid API key is required: Authorization: Bearer <key>, or X-API-Key: <key>"
        )

    @property
    def headers(self) -> dict[str, str]:
        """Adds `WWW-Authenticate`."""
        return {**super().headers, "www-authenticate": 'Bearer realm="ladderhouse"'}


class Forbidden(ApiError):
    """The API key lacks a scope.

    Args:
        scope: the missing scope.
    """

    def __init__(self, scope: str) -> None:
        super().__init__(403, "forbidden", f"this API key lacks the scope {scope}")


class RateLimited(ApiError):
    """The caller has exhausted a rate limit.

    Args:
        caller: the caller whose limit is exhausted.
    """

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.retry_after_s = max(1, math.ceil(caller.wait_s(time.monotonic())))
        exhausted = "requests" if caller.requests.remaining < 1 else "rows"
        super().__init__(
            429, "rate_limited", f"rate limit for {exhausted} exceeded; try again in {self.retry_after_s} s"
        )

    @property
    def headers(self) -> dict[str, str]:
        """Adds `Retry-After` and the fields of draft-ietf-httpapi-ratelimit-headers-10."""
        policies, states = [], []
        for name, lease in (("requests", self.caller.requests), ("rows", self.caller.rows)):
            if lease.per_minute:
                remaining = max(0, math.floor(lease.remaining))
                policies.append(f'"{name}";q={lease.capacity};w={lease.window_s}')
                states.append(f'"{name}";r={remaining}' if remaining else f'"{name}";r=0;t={self.retry_after_s}')
        return {
            **super().headers,
            "retry-after": str(self.retry_after_s),
            "ratelimit-policy": ", ".join(policies),
            "ratelimit": ", ".join(states),
        }


class _ConnectionClosingError(ApiError):
    """An error after which the connection is closed, because the body of the request is not read."""

    @property
    def headers(self) -> dict[str, str]:
        """Adds `Connection: close`, so that the client does not reuse the connection."""
        return {**super().headers, "connection": "close"}


class RequestTooLarge(_ConnectionClosingError):
    """A request with a body, a long target or many headers."""


class MisdirectedRequest(_ConnectionClosingError):
    """A request for a host name that is not allowed."""

    def __init__(self) -> None:
        super().__init__(
            421,
            "unknown_host",
            "this API does not serve that host name; use its address, or list the name in LADDER_API_HOSTS",
        )


class MethodNotAllowed(ApiError):
    """A request with another method than GET and HEAD."""

    def __init__(self) -> None:
        super().__init__(405, "method_not_allowed", "only GET and HEAD are supported")

    @property
    def headers(self) -> dict[str, str]:
        """Adds `Allow`."""
        return {**super().headers, "allow": ALLOWED_METHODS}
