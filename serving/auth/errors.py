"""Why a caller is sent away.

Refusal (serving.errors)
+-- Unauthorized          401: a key is needed, or this is none; the same words whatever is wrong with it
+-- Forbidden             403: the key may not read this
+-- Limited               429: too many requests or rows; `Retry-After` and `RateLimit` say when to ask again
+-- TooLarge              413, 414, 431: a body, or a longer target or more headers than anybody needs
+-- WrongMethod           405: something else than a question
+-- Misdirected           421: for a host name that is not one of this API
"""

from __future__ import annotations

import math
import time

from serving.errors import ApiError
from serving.ratelimit.leases import Caller
from serving.security.response_headers import ALLOWED_METHODS

__all__ = ["Forbidden", "MethodNotAllowed", "MisdirectedRequest", "RateLimited", "RequestTooLarge", "Unauthorized"]


class Unauthorized(ApiError):
    """A key is needed, or what came is none: whether it never was one, is revoked or has expired is not told."""

    def __init__(self) -> None:
        super().__init__(
            401, "unauthorized", "a valid API key is needed: Authorization: Bearer <key>, or X-API-Key: <key>"
        )

    @property
    def headers(self) -> dict[str, str]:
        """`WWW-Authenticate` as well."""
        return {**super().headers, "www-authenticate": 'Bearer realm="ladderhouse"'}


class Forbidden(ApiError):
    """The key may not read this.

    Args:
        scope: what it lacks.
    """

    def __init__(self, scope: str) -> None:
        super().__init__(403, "forbidden", f"this API key lacks the scope {scope}")


class RateLimited(ApiError):
    """Too much was asked in too short a time.

    Args:
        caller: whose limits are spent.
    """

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.retry_after_s = max(1, math.ceil(caller.wait_s(time.monotonic())))
        exhausted = "requests" if caller.requests.remaining < 1 else "rows"
        super().__init__(
            429, "rate_limited", f"more {exhausted} than this caller may have; ask again in {self.retry_after_s} s"
        )

    @property
    def headers(self) -> dict[str, str]:
        """`Retry-After`, and the fields of draft-ietf-httpapi-ratelimit-headers-10."""
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
    """A refusal after which the connection ends: a body that came with the request is not read."""

    @property
    def headers(self) -> dict[str, str]:
        """`Connection: close` as well, so that a client does not send its next request on a connection that ends."""
        return {**super().headers, "connection": "close"}


class RequestTooLarge(_ConnectionClosingError):
    """A request that carries more than a question."""


class MisdirectedRequest(_ConnectionClosingError):
    """A request for a host name that is not one of this API."""

    def __init__(self) -> None:
        super().__init__(
            421,
            "unknown_host",
            "this API does not answer to that host name; use its address, or list it in LADDER_API_HOSTS",
        )


class MethodNotAllowed(ApiError):
    """A request that asks for nothing."""

    def __init__(self) -> None:
        super().__init__(405, "method_not_allowed", "only GET and HEAD are answered")

    @property
    def headers(self) -> dict[str, str]:
        """`Allow` as well."""
        return {**super().headers, "allow": ALLOWED_METHODS}
