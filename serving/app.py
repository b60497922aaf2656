"""Puts the API together."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from serving.auth.gate import Gate
from serving.cache.cache import Cache
from serving.cache.database import Database
from serving.cache.memory import Memory
from serving.cache.redis_tier import RedisTier
from serving.cache.responses import Stored
from serving.cache.warm_up import report_hot
from serving.cache.watcher import Watcher
from serving.endpoints import ENDPOINTS, Endpoint
from serving.errors import Refusal, error_body
from serving.http import documentation
from serving.http.delivery import names_tag
from serving.http.middleware import CacheFirst
from serving.http.operations import add_operations
from serving.http.readiness import Readiness
from serving.http.routes import add_routes
from serving.policy.browsers import Browsers
from serving.policy.rules import Rules
from serving.telemetry.metrics import Metrics
from serving.web.sending import HTML, sent, unchanged
from serving.web.site import Site

__all__ = ["Connections", "create_app"]

_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an API key, from `ladder keys create`"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "the same key"},
}
"""How a client shows a key, as OpenAPI has it."""
_CODES = {404: "not_found", 405: "method_not_allowed"}


@dataclass(frozen=True, slots=True)
class Connections:
    """Where a serving process finds things.

    Args:
        database_url: login of `ladder_serving`.
        redis_url: `redis://` URL.
        metrics_directory: shared by the processes of one server, empty at its start.
        rules: who may ask, and how much.
        catalog_file: dbt's documentation, where somebody made it.
    """

    database_url: str
    redis_url: str
    metrics_directory: Path
    rules: Rules
    catalog_file: Path


def create_app(connections: Connections, endpoints: tuple[Endpoint, ...] = ENDPOINTS) -> ASGIApp:
    """The ASGI application; connects when its lifespan begins, and starts with any server down."""
    metrics = Metrics(connections.metrics_directory)
    redis = RedisTier(connections.redis_url, metrics)
    database = Database(connections.database_url)
    watcher = Watcher(database, redis)
    memory = Memory()
    gate = Gate(connections.rules, connections.database_url, redis)
    cache = Cache(memory, redis, database, watcher, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await database.open()
        await asyncio.gather(watcher.look(), gate.look())
        tasks = [asyncio.create_task(work) for work in (watcher.run(), gate.run(), report_hot(memory, redis))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await database.close()
            await redis.close()

    app = FastAPI(
        title="Ladderhouse",
        description=(
            "Ranks, win rates and trends, as last published. Every answer names its generation. "
            "An API key goes into Authorization: Bearer, or X-API-Key."
        ),
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    # A path has one spelling; a redirect would be a second answer for it.
    app.router.redirect_slashes = False
    api = APIRouter(prefix="/api/v1")
    add_routes(api, endpoints, cache, memory, watcher, metrics)
    app.include_router(api)
    operations = APIRouter(tags=["operations"])
    add_operations(operations, Readiness(database, redis, watcher, memory), watcher, metrics)
    app.include_router(operations)
    _add_documentation(app)
    site = Site(cache, watcher, connections.catalog_file)
    site.add_to(app)
    _add_error_handlers(app, site)
    return CacheFirst(app, memory, cache, watcher, metrics, gate, Browsers(connections.rules))


def _add_documentation(app: FastAPI) -> None:
    made: dict[str, tuple[Stored, str]] = {}

    def described() -> dict[str, Any]:
        document = app.openapi()
        # Without a key as well, as long as anybody may read.
        security: list[dict[str, list[str]]] = [{}, {"bearer": []}, {"key": []}]
        components = {**document.get("components", {}), "securitySchemes": _KEYS}
        return {**document, "components": components, "security": security}

    def answer(request: Request, make: Callable[[], bytes], media_type: str, **headers: str) -> Response:
        # It is the same as long as the process lives, and takes some milliseconds to make.
        path = request.url.path
        if path not in made:
            body = make()
            made[path] = Stored.of(body, 0), f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
        stored, tag = made[path]
        headers |= {"etag": tag, "cache-control": "no-cache"}
        if names_tag(request.headers.get("if-none-match", "").encode("latin-1"), tag.encode()):
            return unchanged(headers)
        return sent(request, stored, media_type=media_type, headers=headers)

    @app.get("/openapi.json", include_in_schema=False)
    async def document(request: Request) -> Response:
        return answer(request, lambda: msgspec.json.encode(described()), "application/json")

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        policy = {"content-security-policy": documentation.POLICY}
        return answer(request, lambda: documentation.page(app.openapi()).encode(), HTML, **policy)


def _add_error_handlers(app: FastAPI, site: Site) -> None:
    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return _error(error.status, error.code, error.message, error.detail, error.headers)

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        detail = [{"parameter": str(item["loc"][1]), "problem": item["msg"]} for item in error.errors()]
        return _error(422, "invalid_parameter", f"{detail[0]['parameter']}: {detail[0]['problem']}", detail)

    async def unrouted(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404 and site.is_for_people(request):
            return site.refuse(request, Refusal(404, "not_found", "not found"))
        code = _CODES.get(error.status_code, "http_error")
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        return _error(error.status_code, code, error.detail.lower(), None, headers)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, unrouted)


def _error(status: int, code: str, message: str, detail: Any = None, headers: dict[str, str] | None = None) -> Response:
    return Response(
        error_body(code, message, detail),
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store", **(headers or {})},
    )
