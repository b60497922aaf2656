"""Sends stored answers: the same way from the hit path and from behind the router."""

from __future__ import annotations

import time
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving.access.gate import caller_of
from serving.answers import Answer, not_modified
from serving.endpoints import Endpoint
from serving.metrics import Metrics
from serving.watcher import Watcher

__all__ = ["AnswerResponse", "NotModified", "deliver", "names_tag"]

_STALE_FOR_S = 5
_EMPTY = {"type": "http.response.body", "body": b""}


async def deliver(answer: Answer, scope: Scope, send: Send, watcher: Watcher, metrics: Metrics) -> None:
    """Send an answer: 304 to who has it, compressed to who takes gzip, marked when it may be stale."""
    tags = encodings = b""
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            tags = value
        elif name == b"accept-encoding":
            encodings = value
    # The wildcard means any answer that exists, and here is one.
    if tags and (tags in (answer.etag, b"*") or names_tag(tags, answer.etag)):
        start, body, status = answer.not_modified, _EMPTY, 304
    elif b"gzip" in encodings and not _refuses_gzip(encodings):
        start, body, status = answer.gzip_start, answer.gzip_body, 200
    else:
        start, body, status = answer.plain_start, answer.plain_body, 200
    if status == 200:
        caller_of(scope).count_rows(answer.stored.rows)
    if watcher.is_database_down or answer.published is not watcher.current or time.monotonic() >= answer.fresh_until:
        start = _marked_stale(start, watcher)
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
    """An answer that was found behind the router."""

    def __init__(self, answer: Answer, watcher: Watcher, metrics: Metrics) -> None:
        super().__init__()
        self._answer = answer
        self._watcher = watcher
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await deliver(self._answer, scope, send, self._watcher, self._metrics)


class NotModified(Response):
    """304, told by the tag alone, before anything was looked up."""

    def __init__(self, endpoint: Endpoint, etag: bytes, watcher: Watcher, metrics: Metrics) -> None:
        super().__init__()
        self._start = not_modified(endpoint, etag)
        self._name = endpoint.name
        self._watcher = watcher
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        self._metrics.request(self._name, 304).add()
        await send(_marked_stale(self._start, self._watcher) if self._watcher.is_database_down else self._start)
        await send(_EMPTY)


def _refuses_gzip(encodings: bytes) -> bool:
    """Whether gzip is named with a weight of 0."""
    return any(
        parts[0].strip() == b"gzip" and any(part.strip() in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000") for part in parts)
        for parts in (item.split(b";") for item in encodings.split(b","))
    )


def _marked_stale(start: dict[str, Any], watcher: Watcher) -> dict[str, Any]:
    headers = [(name, value) for name, value in start["headers"] if name != b"cache-control"]
    headers += [
        (b"cache-control", b"public, max-age=%d" % _STALE_FOR_S),
        (b"age", b"%d" % watcher.unconfirmed_s),
        (b"warning", b'110 - "Response is Stale"'),
        (b"x-ladder-stale", b"1"),
    ]
    return {**start, "headers": headers}
