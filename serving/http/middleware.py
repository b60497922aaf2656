"""The outermost layer: answers a known request from stored bytes before any framework sees it."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.auth.gate import Gate
from serving.auth.refusals import Limited, TooLarge, WrongMethod
from serving.cache.cache import Cache
from serving.cache.memory import Memory
from serving.cache.watcher import Watcher
from serving.errors import Refusal, error_body
from serving.http.delivery import deliver
from serving.policy.browsers import Browsers
from serving.telemetry.metrics import OTHER, Metrics

__all__ = ["CacheFirst"]

_MAX_TARGET = 2048
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_logger = logging.getLogger(__name__)


class CacheFirst:
    """Lets requests in, answers hits; lets everything else through, gives errors a request id, counts.

    Args:
        app: what answers the rest.
        memory: where hits are found.
        cache: makes hits again before their age is over.
        watcher: says which generation a hit has to be of.
        metrics: counts requests.
        gate: says who is let in.
        browsers: says what browsers are told.
    """

    def __init__(
        self,
        app: ASGIApp,
        memory: Memory,
        cache: Cache,
        watcher: Watcher,
        metrics: Metrics,
        gate: Gate,
        browsers: Browsers,
    ) -> None:
        self._app = app
        self._raw = memory.raw
        self._cache = cache
        self._watcher = watcher
        self._metrics = metrics
        self._gate = gate
        self._browsers = browsers
        self._memory_hits = metrics.tiers["memory"]
        self._stale_hits = metrics.tiers["stale"]
        self._request_prefix = secrets.token_hex(4)
        self._request_numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._browsers.amends:
            send = self._browsers.amending(scope, send)
        if scope["method"] == "HEAD":
            # The same as GET, without the body.
            scope = {**scope, "method": "GET"}
            send = _without_body(send)
        caller = self._gate.admit(scope)
        if isinstance(caller, Limited):
            caller = await self._gate.admit_late(scope, caller)
        if isinstance(caller, Refusal):
            await self._pass_on(scope, receive, send, caller)
            return
        if scope["method"] != "GET":
            await self._answer_other(scope, receive, send)
            return
        answer = self._raw.get((scope["path"], scope["query_string"]))
        if (
            answer is not None
            and answer.published is self._watcher.current
            and answer.endpoint.scope in caller.scopes
            and (time.monotonic() < answer.refresh_at or self._cache.keep_fresh(answer))
        ):
            answer.uses += 1
            (self._stale_hits if self._watcher.is_database_down else self._memory_hits).add()
            await deliver(answer, scope, send, self._watcher, self._metrics)
            return
        await self._pass_on(scope, receive, send)

    async def _answer_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a browser that asks whether a page may ask; nothing else but GET and HEAD has a meaning here."""
        allowed = self._browsers.preflight(scope) if scope["method"] == "OPTIONS" else None
        if allowed is None:
            await self._pass_on(scope, receive, send, WrongMethod())
            return
        self._metrics.request(OTHER, 204).add()
        await send({"type": "http.response.start", "status": 204, "headers": allowed})
        await send({"type": "http.response.body", "body": b""})

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, refusal: Refusal | None = None) -> None:
        request_id = self._request_id(scope)
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = self._browsers.complete(message["headers"])
                if status >= 400:
                    headers.append((b"x-request-id", request_id))
                message = {**message, "headers": headers}
            await send(message)

        if refusal is None and len(scope["path"]) + len(scope["query_string"]) > _MAX_TARGET:
            refusal = TooLarge(414, "target_too_long", f"the path and query exceed {_MAX_TARGET} characters")
        if refusal is not None:
            await _send_refusal(watch, refusal)
        else:
            try:
                await self._app(scope, receive, watch)
            except Exception:
                name = request_id.decode()
                _logger.exception("request %s failed", name, extra={"request_id": name})
                if not status:
                    unforeseen = Refusal(500, "internal_error", "something went wrong here; it is in the log")
                    await _send_refusal(watch, unforeseen)
        endpoint = getattr(scope.get("route"), "name", OTHER)
        # Answers with data were counted when they were delivered.
        if status >= 400 or not self._metrics.has_endpoint(endpoint):
            self._metrics.request(endpoint, status).add()

    def _request_id(self, scope: Scope) -> bytes:
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
                return bytes(value)
        return f"{self._request_prefix}-{next(self._request_numbers):x}".encode()


async def _send_refusal(send: Send, refusal: Refusal) -> None:
    body = error_body(refusal.code, refusal.message, refusal.detail)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *((name.encode(), value.encode()) for name, value in refusal.headers.items()),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _without_body(send: Send) -> Send:
    async def send_start_only(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_start_only
