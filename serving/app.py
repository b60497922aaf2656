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

from serving.auth.access_control import AccessControl
from serving.cache.cache import Cache
from serving.cache.database import Database
from serving.cache.generation_watcher import GenerationWatcher
from serving.cache.memory_tier import MemoryTier
from serving.cache.redis_tier import RedisTier
from serving.cache.responses import StoredBody
from serving.cache.warm_up import report_hot_requests
from serving.endpoints import ENDPOINTS, Endpoint
from serving.errors import ApiError, error_body
from serving.http import documentation
from serving.http.delivery import etag_matches
from serving.http.middleware import CacheFirstMiddleware
from serving.http.operations import add_operations
from serving.http.readiness import Readiness
from serving.http.routes import add_routes
from serving.security.access_rules import AccessRules
from serving.security.response_headers import CorsAndSecurityHeaders
from serving.telemetry.metrics import Metrics
from serving.web.page_responses import HTML, not_modified_response, page_response
from serving.web.site import Site

__all__ = ["Connections", "create_app"]

_SECURITY_SCHEMES = {
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
    rules: AccessRules
    catalog_file: Path


def create_app(connections: Connections, endpoints: tuple[Endpoint, ...] = ENDPOINTS) -> ASGIApp:
    """The ASGI application; connects when its lifespan begins, and starts with any server down."""
    metrics = Metrics(connections.metrics_directory)
    redis = RedisTier(connections.redis_url, metrics)
    database = Database(connections.database_url)
    watcher = GenerationWatcher(database, redis)
    memory = MemoryTier()
    access_control = AccessControl(connections.rules, connections.database_url, redis)
    cache = Cache(memory, redis, database, watcher, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await database.open()
        await asyncio.gather(watcher.refresh(), access_control.refresh())
        tasks = [
            asyncio.create_task(work)
            for work in (watcher.run(), access_control.run(), report_hot_requests(memory, redis))
        ]
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
    return CacheFirstMiddleware(
        app, memory, cache, watcher, metrics, access_control, CorsAndSecurityHeaders(connections.rules)
    )


def _add_documentation(app: FastAPI) -> None:
    rendered: dict[str, tuple[StoredBody, str]] = {}

    def openapi_document() -> dict[str, Any]:
        document = app.openapi()
        # Without a key as well, as long as anybody may read.
        security: list[dict[str, list[str]]] = [{}, {"bearer": []}, {"key": []}]
        components = {**document.get("components", {}), "securitySchemes": _SECURITY_SCHEMES}
        return {**document, "components": components, "security": security}

    def response(request: Request, render: Callable[[], bytes], media_type: str, **headers: str) -> Response:
        # It is the same as long as the process lives, and takes some milliseconds to make.
        path = request.url.path
        if path not in rendered:
            body = render()
            rendered[path] = StoredBody.of(body, 0), f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
        stored, tag = rendered[path]
        headers |= {"etag": tag, "cache-control": "no-cache"}
        if etag_matches(request.headers.get("if-none-match", "").encode("latin-1"), tag.encode()):
            return not_modified_response(headers)
        return page_response(request, stored, media_type=media_type, headers=headers)

    @app.get("/openapi.json", include_in_schema=False)
    async def document(request: Request) -> Response:
        return response(request, lambda: msgspec.json.encode(openapi_document()), "application/json")

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        policy = {"content-security-policy": documentation.POLICY}
        return response(request, lambda: documentation.documentation_page(app.openapi()).encode(), HTML, **policy)


def _add_error_handlers(app: FastAPI, site: Site) -> None:
    async def api_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        return _error(error.status, error.code, error.message, error.detail, error.headers)

    async def validation_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        detail = [{"parameter": str(item["loc"][1]), "problem": item["msg"]} for item in error.errors()]
        return _error(422, "invalid_parameter", f"{detail[0]['parameter']}: {detail[0]['problem']}", detail)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404 and site.wants_html(request):
            return site.error_page(request, ApiError(404, "not_found", "not found"))
        code = _CODES.get(error.status_code, "http_error")
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        return _error(error.status_code, code, error.detail.lower(), None, headers)

    app.add_exception_handler(ApiError, api_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(HTTPException, http_error)


def _error(status: int, code: str, message: str, detail: Any = None, headers: dict[str, str] | None = None) -> Response:
    return Response(
        error_body(code, message, detail),
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store", **(headers or {})},
    )
