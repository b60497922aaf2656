"""What simulated upstreams share: an ASGI application that counts, logs, damages and delivers its answers."""

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
    """One upstream over a world, to be mounted under its base path: key, budget and fault come before the routes.

    A subclass tells how requests are admitted and counted, and how its errors look.
    """

    #: Parameters that a `duplicate_page` leaves out.
    paging: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self, routes: Sequence[BaseRoute], handlers: Mapping[Any, Callable[..., Any]], *, faults: Faults
    ) -> None:
        self.fault_injector = FaultInjector(faults)
        self.log = RequestLog()
        self._routes = Starlette(routes=list(routes), exception_handlers=dict(handlers))

    @abstractmethod
    def authenticate(self, request: Request) -> tuple[bool, Response | None]:
        """Whether the request carries a key that is known, and the refusal if it may not come in."""

    @abstractmethod
    def count_request(self, *, has_key: bool) -> tuple[Mapping[str, str], Response | None]:
        """Count a request: headers about the budget, and the refusal when it is exceeded."""

    @abstractmethod
    def fault_response(self, kind: Kind) -> Response | None:
        """The error that a fault of this kind answers, or None when it damages an answer instead."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
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
            # What never arrives has shown nothing: neither a rank nor a malformed record.
            response = await self._run_routes({**scope, "is_delivered": fault not in _DAMAGED}, receive)
        response.headers.update(headers)
        entry.status = response.status_code
        await _deliver(response, fault, scope, receive, send)

    def set_faults(self, faults: Faults) -> None:
        """Replace the faults; what requests and records have met is forgotten, what was malformed is not."""
        served = self.fault_injector.malformed
        self.fault_injector = FaultInjector(faults)
        self.fault_injector.malformed = served

    async def _run_routes(self, scope: Scope, receive: Receive) -> Response:
        """Run the routes and catch their answer, so that it can be damaged before it is sent."""
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
            # The server is kept quiet for the faults' sake, so a mistake of the sandbox's own must speak here.
            _logger.exception("the sandbox failed at %s", scope["path"])
        response = Response(body, status_code=status)
        response.raw_headers = list(headers)
        return response

    def _first_page(self, request: Request) -> bytes:
        kept = [(name, value) for name, value in request.query_params.multi_items() if name not in self.paging]
        return "&".join(f"{name}={value}" for name, value in kept).encode()


def is_delivered(request: Request) -> bool:
    """Whether the answer will reach the client whole."""
    return bool(request.scope["is_delivered"])


def json_response(content: Any, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(msgspec.json.encode(content), status, media_type="application/json; charset=utf-8")


async def _deliver(response: Response, fault: Kind | None, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer, whole or as the fault wants it."""
    body = bytes(response.body)
    if fault in ("hang", "truncate"):
        # A length that is not kept makes the server drop the connection.
        response.headers["content-length"] = str(len(body) + 1)
        response.body = b"" if fault == "hang" else body[: len(body) // 2]
    elif fault == "cut":
        response.body = body[: len(body) // 2]
        response.headers["content-length"] = str(len(response.body))
    await response(scope, receive, send)
