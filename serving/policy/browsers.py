"""What browsers are told: whose pages may read answers, and that nothing else is made of them.

Answers that are stored carry their headers within them (`DATA`); everything else passes here on its way out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.types import Message, Scope, Send

from serving.policy.rules import Rules

__all__ = ["DATA", "METHODS", "Browsers"]

Headers = list[tuple[bytes, bytes]]

METHODS = "GET, HEAD"
"""All that can be requested."""
_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""Loads nothing and stands in no frame; a page that loads something says so itself."""
DATA: Headers = [(b"x-content-type-options", b"nosniff"), _POLICY]
"""With every answer that is data: nothing may be made of it but JSON."""

_STAY_ON_HTTPS_S = 365 * 24 * 3600
_PREFLIGHT_S = 7200
"""How long a browser may remember what it was allowed; none takes more."""
_ASKED_WITH = b"authorization, x-api-key, if-none-match, x-request-id"
_TOLD = b"age, etag, ratelimit, ratelimit-policy, retry-after, server-timing, x-ladder-stale, x-request-id"


class Browsers:
    """Headers for browsers.

    Args:
        rules: whose pages may read answers, and whether those are for everybody.
    """

    def __init__(self, rules: Rules) -> None:
        self._origins = frozenset(origin.encode() for origin in rules.cors_origins)
        self._takes_all = b"*" in self._origins
        self._is_private = not rules.is_anonymous
        self._always: Headers = [*DATA, (b"referrer-policy", b"same-origin")]
        if rules.is_https:
            self._always.append((b"strict-transport-security", b"max-age=%d" % _STAY_ON_HTTPS_S))
        self.amends = bool(self._origins) or self._is_private
        """Whether stored answers need anything beside what is within them."""

    def complete(self, headers: Sequence[tuple[bytes, bytes]]) -> Headers:
        """Headers of an answer that was not stored, with those for browsers that it lacks."""
        present = {name for name, _ in headers}
        return [*headers, *(header for header in self._always if header[0] not in present)]

    def amending(self, scope: Scope, send: Send) -> Send:
        """Send answers as whoever asks may have them: readable by pages elsewhere, and kept by no proxy."""
        allowed = self._allowed(_lines(scope).get(b"origin"))

        async def send_amended(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], *allowed]
                if self._is_private:
                    headers = [_kept_privately(name, value) for name, value in headers]
                message = {**message, "headers": headers}
            await send(message)

        return send_amended

    def preflight(self, scope: Scope) -> Headers | None:
        """What to say when a browser asks whether a page elsewhere may ask; None when it does not."""
        lines = _lines(scope)
        if not self._origins or b"origin" not in lines or b"access-control-request-method" not in lines:
            return None
        return [
            (b"access-control-allow-methods", METHODS.encode()),
            (b"access-control-allow-headers", _ASKED_WITH),
            (b"access-control-max-age", b"%d" % _PREFLIGHT_S),
            (b"cache-control", b"no-store"),
        ]

    def _allowed(self, origin: bytes | None) -> Headers:
        if not self._origins:
            return []
        told = (b"access-control-expose-headers", _TOLD)
        if self._takes_all:
            return [(b"access-control-allow-origin", b"*"), told]
        # Whoever keeps the answer must not give it to a page of another origin with these headers.
        varies = (b"vary", b"origin")
        if origin is None or origin not in self._origins:
            return [varies]
        return [(b"access-control-allow-origin", origin), told, varies]


def _lines(scope: Scope) -> Mapping[bytes, bytes]:
    return dict(scope["headers"])


def _kept_privately(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    return (name, value.replace(b"public", b"private")) if name == b"cache-control" else (name, value)
