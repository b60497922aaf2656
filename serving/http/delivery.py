"""Sends stored answers: the same way from the hit path and from behind the router."""

from __future__ import annotations

import time
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving.auth.gate import caller_of
from serving.cache.responses import Answer, audience, not_modified
from serving.cache.watcher import Watcher
from serving.endpoints import Endpoint
from serving.http.encodings import preferred
from serving.telemetry.metrics import Metrics

__all__ = ["AnswerResponse", "NotModified", "deliver", "names_tag"]

_STALE_FOR_S = 5
_MAX_ENCODINGS = 256
_EMPTY = {"type": "http.response.body", "body": b""}


async def deliver(
    answer: Answer, scope: Scope, send: Send, watcher: Watcher, metrics: Metrics, timing: bytes = b""
) -> None:
    """Send an answer: 304 to who has it, compressed to who takes that, marked when it may be stale.

    Args:
        answer: what to send.
        scope: the request.
        send: where to.
        watcher: says what is published.
        metrics: counts the answer.
        timing: where it was found and how long that took, as Server-Timing has it; empty for a hit, whose answer says
            so itself.
    """
    tags = encodings = b""
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            tags = value
        elif name == b"accept-encoding":
            encodings = value
    # The wildcard means any answer that exists, and here is one.
    if tags and (tags in (answer.etag, b"*") or names_tag(tags, answer.etag)):
        start, body, status = answer.not_modified, _EMPTY, 304
    else:
        start, body = answer.sent[preferred(encodings[:_MAX_ENCODINGS])]
        status = 200
        caller_of(scope).count_rows(answer.stored.rows)
    if timing:
        start = _with(start, [(b"server-timing", timing)])
    if watcher.is_database_down or answer.published is not watcher.current or time.monotonic() >= answer.fresh_until:
        start = _with(start, _stale_headers(answer.endpoint, int(time.time() - answer.stored.made_at)))
    metrics.request(answer.endpoint.name, status).add()
    await send(start)
    await send(body)


def names_tag(tags: bytes, etag: bytes) -> bool:
    """Whether an If-None-Match lists the tag; weakly compared, as RFC 9110 says.

    The wildcard names none: whether it matches is known only after the look-up.
    """
    strong = etag.removeprefix(b"W/")
    return bool(tags) and any(tag.strip().removeprefix(b"W/") == strong for tag in tags.split(b","))


class AnswerResponse(Response):
    """An answer that was found behind the router.

    Args:
        answer: what to send.
        timing: where it was found and how long that took, as Server-Timing has it.
        watcher: says what is published.
        metrics: counts the answer.
    """

    def __init__(self, answer: Answer, timing: bytes, watcher: Watcher, metrics: Metrics) -> None:
        super().__init__()
        self._answer = answer
        self._timing = timing
        self._watcher = watcher
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await deliver(self._answer, scope, send, self._watcher, self._metrics, self._timing)


class NotModified(Response):
    """304, told by the tag alone, before anything was looked up."""

    def __init__(self, endpoint: Endpoint, etag: bytes, watcher: Watcher, metrics: Metrics) -> None:
        super().__init__()
        self._start = not_modified(endpoint, etag, b"tag")
        self._endpoint = endpoint
        self._watcher = watcher
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        start = self._start
        if self._watcher.is_database_down:
            start = _with(start, _stale_headers(self._endpoint, self._watcher.unconfirmed_s))
        self._metrics.request(self._endpoint.name, 304).add()
        await send(start)
        await send(_EMPTY)


def _stale_headers(endpoint: Endpoint, age_s: int) -> list[tuple[bytes, bytes]]:
    """Who keeps it may do so for a few seconds: what is left of its max-age beside its age (RFC 9111, 4.2.1)."""
    return [
        (b"cache-control", b"%s, max-age=%d" % (audience(endpoint), age_s + _STALE_FOR_S)),
        (b"age", b"%d" % age_s),
        (b"warning", b'110 - "Response is Stale"'),
        (b"x-ladder-stale", b"1"),
    ]


def _with(start: dict[str, Any], headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """The same start with some headers in place of what it says under their names."""
    names = {name for name, _ in headers}
    return {**start, "headers": [*(header for header in start["headers"] if header[0] not in names), *headers]}
