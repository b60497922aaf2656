"""The outermost middleware: serves known requests from stored bytes, before FastAPI is entered."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.auth.access_control import AccessControl
from serving.auth.errors import MethodNotAllowed, RateLimited, RequestTooLarge
from serving.cache.cache import Cache
from serving.cache.generation_watcher import GenerationWatcher
from serving.cache.memory_tier import MemoryTier
from serving.errors import ApiError, error_body
from serving.http.delivery import send_response
from serving.security.response_headers import CorsAndSecurityHeaders
from serving.telemetry.metrics import OTHER, Metrics

__all__ = ["CacheFirstMiddleware"]

_MAX_TARGET_LENGTH = 2048
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_logger = logging.getLogger(__name__)


class CacheFirstMiddleware:
    """Checks access, serves hits, and forwards other requests; adds a request id to errors and counts requests.

    Args:
        app: handles requests that are not hits.
        memory: holds the hits.
        cache: refreshes responses before they expire.
        watcher: knows the published generation, of which a hit must be.
        metrics: counts requests.
        access_control: admits requests.
        security_headers: adds CORS and security headers.
    """

    def __init__(
        self,
        app: ASGIApp,
        memory: MemoryTier,
        cache: Cache,
        watcher: GenerationWatcher,
        metrics: Metrics,
        access_control: AccessControl,
        security_headers: CorsAndSecurityHeaders,
    ) -> None:
        self._app = app
        self._raw = memory.raw
        self._cache = cache
        self._watcher = watcher
        self._metrics = metrics
        self._access_control = access_control
        self._security_headers = security_headers
        self._memory_hits = metrics.tiers["memory"]
        self._stale_hits = metrics.tiers["stale"]
        self._request_prefix = secrets.token_hex(4)
        self._request_numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._security_headers.changes_cached_responses:
            send = self._security_headers.wrap(scope, send)
        if scope["method"] == "HEAD":
            # Handled like GET, without the body.
            scope = {**scope, "method": "GET"}
            send = _without_body(send)
        caller = self._access_control.admit(scope)
        if isinstance(caller, RateLimited):
            caller = await self._access_control.admit_after_sync(scope, caller)
        if isinstance(caller, ApiError):
            await self._forward(scope, receive, send, caller)
            return
        if scope["method"] != "GET":
            await self._handle_other_method(scope, receive, send)
            return
        response = self._raw.get((scope["path"], scope["query_string"]))
        if (
            response is not None
            and response.published is self._watcher.current
            and response.endpoint.scope in caller.scopes
            and (time.monotonic() < response.refresh_at or self._cache.fresh_or_refreshing(response))
        ):
            response.hits += 1
            (self._stale_hits if self._watcher.is_database_down else self._memory_hits).add()
            await send_response(response, scope, send, self._watcher, self._metrics)
            return
        await self._forward(scope, receive, send)

    async def _handle_other_method(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a CORS preflight request; reject all other methods."""
        preflight_headers = self._security_headers.preflight(scope) if scope["method"] == "OPTIONS" else None
        if preflight_headers is None:
            await self._forward(scope, receive, send, MethodNotAllowed())
            return
        self._metrics.requests(OTHER, 204).add()
        await send({"type": "http.response.start", "status": 204, "headers": preflight_headers})
        await send({"type": "http.response.body", "body": b""})

    async def _forward(self, scope: Scope, receive: Receive, send: Send, error: ApiError | None = None) -> None:
        request_id = self._request_id(scope)
        status = 0

        async def send_and_record(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = self._security_headers.complete(message["headers"])
                if status >= 400:
                    headers.append((b"x-request-id", request_id))
                message = {**message, "headers": headers}
            await send(message)

        if error is None and len(scope["path"]) + len(scope["query_string"]) > _MAX_TARGET_LENGTH:
            error = RequestTooLarge(
                414, "target_too_long", f"the path and query exceed {_MAX_TARGET_LENGTH} characters"
            )
        if error is not None:
            await _send_error(send_and_record, error)
        else:
            try:
                await self._app(scope, receive, send_and_record)
            except Exception:
                name = request_id.decode()
                _logger.exception("request %s failed", name, extra={"request_id": name})
                if not status:
                    internal_error = ApiError(
                        500, "internal_error", "internal error; see the log under this request id"
                    )
                    await _send_error(send_and_record, internal_error)
        endpoint = getattr(scope.get("route"), "name", OTHER)
        # Data responses were counted when they were sent.
        if status >= 400 or not self._metrics.has_endpoint(endpoint):
            self._metrics.requests(endpoint, status).add()

    def _request_id(self, scope: Scope) -> bytes:
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
                return bytes(value)
        return f"{self._request_prefix}-{next(self._request_numbers):x}".encode()


async def _send_error(send: Send, error: ApiError) -> None:
    body = error_body(error.code, error.message, error.detail)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *((name.encode(), value.encode()) for name, value in error.headers.items()),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _without_body(send: Send) -> Send:
    async def send_start_only(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_start_only
