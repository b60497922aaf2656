"""Sends cached responses, from the hit path and from the router."""

from __future__ import annotations

import time
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving.auth.access_control import caller_of
from serving.cache.generation_watcher import GenerationWatcher
from serving.cache.responses import CachedResponse, cache_visibility, not_modified
from serving.endpoints import Endpoint
from serving.http.encodings import preferred_encoding
from serving.telemetry.metrics import Metrics

__all__ = ["ApiResponse", "NotModified", "etag_matches", "send_response"]

_STALE_MAX_AGE_S = 5
_MAX_ACCEPT_ENCODING_LENGTH = 256
_EMPTY_BODY = {"type": "http.response.body", "body": b""}


async def send_response(
    response: CachedResponse,
    scope: Scope,
    send: Send,
    watcher: GenerationWatcher,
    metrics: Metrics,
    timing: bytes = b"",
) -> None:
    """Send a response: 304 if the client has it, compressed if the client accepts that, marked if it may be stale.

    Args:
        response: the response.
        scope: ASGI scope of the request.
        send: ASGI send function.
        watcher: knows the published generation.
        metrics: counts the response.
        timing: tier and duration for Server-Timing; empty for a hit, whose stored headers contain the tier.
    """
    if_none_match = accept_encoding = b""
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            if_none_match = value
        elif name == b"accept-encoding":
            accept_encoding = value
    # The wildcard matches any existing response.
    if if_none_match and (if_none_match in (response.etag, b"*") or etag_matches(if_none_match, response.etag)):
        start, body, status = response.not_modified, _EMPTY_BODY, 304
    else:
        start, body = response.messages[preferred_encoding(accept_encoding[:_MAX_ACCEPT_ENCODING_LENGTH])]
        status = 200
        caller_of(scope).count_rows(response.stored.rows)
    if timing:
        start = _with_headers(start, [(b"server-timing", timing)])
    if (
        watcher.is_database_down
        or response.published is not watcher.current
        or time.monotonic() >= response.fresh_until
    ):
        start = _with_headers(start, _stale_headers(response.endpoint, int(time.time() - response.stored.created_at)))
    metrics.requests(response.endpoint.name, status).add()
    await send(start)
    await send(body)


def etag_matches(if_none_match: bytes, etag: bytes) -> bool:
    """Whether an If-None-Match header lists the tag, by the weak comparison of RFC 9110.

    False for the wildcard, because whether the response exists is known only after the lookup.
    """
    strong = etag.removeprefix(b"W/")
    return bool(if_none_match) and any(tag.strip().removeprefix(b"W/") == strong for tag in if_none_match.split(b","))


class ApiResponse(Response):
    """A cached response as a response of Starlette.

    Args:
        response: the response.
        timing: tier and duration for Server-Timing.
        watcher: knows the published generation.
        metrics: counts the response.
    """

    def __init__(self, response: CachedResponse, timing: bytes, watcher: GenerationWatcher, metrics: Metrics) -> None:
        super().__init__()
        self._response = response
        self._timing = timing
        self._watcher = watcher
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        await send_response(self._response, scope, send, self._watcher, self._metrics, self._timing)


class NotModified(Response):
    """304, decided by the entity tag alone, before any lookup."""

    def __init__(self, endpoint: Endpoint, etag: bytes, watcher: GenerationWatcher, metrics: Metrics) -> None:
        super().__init__()
        self._start = not_modified(endpoint, etag, b"tag")
        self._endpoint = endpoint
        self._watcher = watcher
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        start = self._start
        if self._watcher.is_database_down:
            start = _with_headers(start, _stale_headers(self._endpoint, self._watcher.seconds_since_confirmed))
        self._metrics.requests(self._endpoint.name, 304).add()
        await send(start)
        await send(_EMPTY_BODY)


def _stale_headers(endpoint: Endpoint, age_s: int) -> list[tuple[bytes, bytes]]:
    """Allow caches to keep a stale response for a few seconds: max-age minus age (RFC 9111, 4.2.1)."""
    return [
        (b"cache-control", b"%s, max-age=%d" % (cache_visibility(endpoint), age_s + _STALE_MAX_AGE_S)),
        (b"age", b"%d" % age_s),
        (b"warning", b'110 - "Response is Stale"'),
        (b"x-ladder-stale", b"1"),
    ]


def _with_headers(start: dict[str, Any], headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """A start message with some headers replaced."""
    names = {name for name, _ in headers}
    return {**start, "headers": [*(header for header in start["headers"] if header[0] not in names), *headers]}
