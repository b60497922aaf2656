"""The base of simulated upstreams: an ASGI application with authentication, rate limits, faults and a request log."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from sandbox.faults import FaultInjector, Faults, Kind
from sandbox.request_log import RequestLog

__all__ = ["Upstream", "is_delivered", "json_response"]

_logger = logging.getLogger(__name__)
_DAMAGED: tuple[Kind, ...] = ("hang", "truncate", "cut")


class Upstream(ABC):
    """One upstream over a world, to be mounted under its base path: key, budget and faults come before the routes.

    A subclass implements authentication, request counting and error responses.
    """

    #: Query parameters that `duplicate_page` removes.
    paging: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self, routes: Sequence[BaseRoute], handlers: Mapping[Any, Callable[..., Any]], *, faults: Faults
    ) -> None:
        self.fault_injector = FaultInjector(faults)
        self.log = RequestLog()
        self._routes = Starlette(routes=list(routes), exception_handlers=dict(handlers))

    @abstractmethod
    def authenticate(self, request: Request) -> tuple[bool, Response | None]:
        """Whether the request has a valid key, and the error response if it is rejected."""

    @abstractmethod
    def count_request(self, *, has_key: bool) -> tuple[Mapping[str, str], Response | None]:
        """Count a request: rate-limit headers, and the error response if the limit is exceeded."""

    @abstractmethod
    def fault_response(self, kind: Kind) -> Response | None:
        """The error response of a fault; None for faults that damage a response instead."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = Request(scope)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        query = scope["query_string"].decode()
        entry = self.log.open(path, query)
        entry.has_key, refusal = self.authenticate(request)
        headers, exceeded = self.count_request(has_key=entry.has_key)
        response = refusal or exceeded
        fault = None if response else self.fault_injector.next(path, query)
        entry.fault = fault
        if response is None and fault is not None:
            response = self.fault_response(fault)
        if response is None:
            if fault in ("hang", "slow"):
                await asyncio.sleep(
                    self.fault_injector.faults.hang_s if fault == "hang" else self.fault_injector.faults.slow_s
                )
            if fault == "duplicate_page":
                scope = {**scope, "query_string": self._first_page(request)}
            # A response that is never delivered counts as neither an observed rank nor a malformed record.
            response = await self._run_routes({**scope, "is_delivered": fault not in _DAMAGED}, receive)
        response.headers.update(headers)
        entry.status = response.status_code
        await _deliver(response, fault, scope, receive, send)

    def set_faults(self, faults: Faults) -> None:
        """Replace the faults: counts of faults are reset, the malformed records are kept."""
        served = self.fault_injector.malformed
        self.fault_injector = FaultInjector(faults)
        self.fault_injector.malformed = served

    async def _run_routes(self, scope: Scope, receive: Receive) -> Response:
        """Run the routes and capture their response, so that a fault can damage it before it is sent."""
        status, headers, body = 500, [], b""

        async def capture(message: Any) -> None:
            nonlocal status, headers, body
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
            else:
                body += message.get("body", b"")

        try:
            await self._routes(scope, receive, capture)
        except Exception:
            # The server does not log errors because of injected faults, so errors of the sandbox are logged here.
            _logger.exception("the sandbox failed at %s", scope["path"])
        response = Response(body, status_code=status)
        response.raw_headers = list(headers)
        return response

    def _first_page(self, request: Request) -> bytes:
        kept = [(name, value) for name, value in request.query_params.multi_items() if name not in self.paging]
        return "&".join(f"{name}={value}" for name, value in kept).encode()


def is_delivered(request: Request) -> bool:
    """Whether the response will reach the client completely."""
    return bool(request.scope["is_delivered"])


def json_response(content: Any, status: int = 200) -> Response:
    """A JSON response."""
    return Response(msgspec.json.encode(content), status, media_type="application/json; charset=utf-8")


async def _deliver(response: Response, fault: Kind | None, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response, complete or damaged by a fault."""
    body = bytes(response.body)
    if fault in ("hang", "truncate"):
        # With a wrong content length the server drops the connection.
        response.headers["content-length"] = str(len(body) + 1)
        response.body = b"" if fault == "hang" else body[: len(body) // 2]
    elif fault == "cut":
        response.body = body[: len(body) // 2]
        response.headers["content-length"] = str(len(response.body))
    await response(scope, receive, send)
