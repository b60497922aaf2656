"""CORS and security headers for browsers.

Cached responses already contain their security headers (`DATA_HEADERS`); all other responses get them when they are
sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.types import Message, Scope, Send

from serving.security.access_rules import AccessRules

__all__ = ["ALLOWED_METHODS", "DATA_HEADERS", "CorsAndSecurityHeaders"]

Headers = list[tuple[bytes, bytes]]

ALLOWED_METHODS = "GET, HEAD"
"""The supported HTTP methods."""
_CONTENT_SECURITY_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""The response loads nothing and is shown in no frame. Pages that load resources set their own policy."""
DATA_HEADERS: Headers = [(b"x-content-type-options", b"nosniff"), _CONTENT_SECURITY_POLICY]
"""Headers of every data response: browsers must treat it as JSON only."""

_HSTS_MAX_AGE_S = 365 * 24 * 3600
_PREFLIGHT_MAX_AGE_S = 7200
"""How long a browser may cache a preflight response; no browser accepts more."""
_ALLOWED_REQUEST_HEADERS = b"authorization, x-api-key, if-none-match, x-request-id"
_EXPOSED_HEADERS = b"age, etag, ratelimit, ratelimit-policy, retry-after, server-timing, x-ladder-stale, x-request-id"


class CorsAndSecurityHeaders:
    """Adds CORS and security headers to responses.

    Args:
        rules: allowed origins, and whether responses are public.
    """

    def __init__(self, rules: AccessRules) -> None:
        self._origins = frozenset(origin.encode() for origin in rules.cors_origins)
        self._allows_any_origin = b"*" in self._origins
        self._is_private = not rules.is_anonymous
        self._security_headers: Headers = [*DATA_HEADERS, (b"referrer-policy", b"same-origin")]
        if rules.is_https:
            self._security_headers.append((b"strict-transport-security", b"max-age=%d" % _HSTS_MAX_AGE_S))
        self.changes_cached_responses = bool(self._origins) or self._is_private
        """Whether cached responses need headers in addition to those that they contain."""

    def complete(self, headers: Sequence[tuple[bytes, bytes]]) -> Headers:
        """Headers of a response that is not cached, with the missing security headers."""
        present = {name for name, _ in headers}
        return [*headers, *(header for header in self._security_headers if header[0] not in present)]

    def wrap(self, scope: Scope, send: Send) -> Send:
        """Wrap `send`: adds CORS headers, and makes responses private if they require an API key."""
        cors_headers = self._cors_headers(_request_headers(scope).get(b"origin"))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], *cors_headers]
                if self._is_private:
                    headers = [_privately_cached(name, value) for name, value in headers]
                message = {**message, "headers": headers}
            await send(message)

        return send_with_headers

    def preflight(self, scope: Scope) -> Headers | None:
        """Headers of the response to a CORS preflight request; None if it is not one."""
        request_headers = _request_headers(scope)
        if (
            not self._origins
            or b"origin" not in request_headers
            or b"access-control-request-method" not in request_headers
        ):
            return None
        return [
            (b"access-control-allow-methods", ALLOWED_METHODS.encode()),
            (b"access-control-allow-headers", _ALLOWED_REQUEST_HEADERS),
            (b"access-control-max-age", b"%d" % _PREFLIGHT_MAX_AGE_S),
            (b"cache-control", b"no-store"),
        ]

    def _cors_headers(self, origin: bytes | None) -> Headers:
        if not self._origins:
            return []
        exposed = (b"access-control-expose-headers", _EXPOSED_HEADERS)
        if self._allows_any_origin:
            return [(b"access-control-allow-origin", b"*"), exposed]
        # A cache must not reuse the response with these headers for another origin.
        vary = (b"vary", b"origin")
        if origin is None or origin not in self._origins:
            return [vary]
        return [(b"access-control-allow-origin", origin), exposed, vary]


def _request_headers(scope: Scope) -> Mapping[bytes, bytes]:
    return dict(scope["headers"])


def _privately_cached(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    return (name, value.replace(b"public", b"private")) if name == b"cache-control" else (name, value)
