"""Answers requests for pages: from what was made already, or by reading and rendering; refusals in words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from serving.auth.access_control import require
from serving.cache import keys
from serving.cache.cache import Cache
from serving.cache.generation_watcher import GenerationWatcher
from serving.cache.responses import StoredBody
from serving.endpoints.generations import PublishedGeneration
from serving.errors import ApiError
from serving.http.delivery import etag_matches
from serving.web.assets import Asset
from serving.web.catalog import Catalog
from serving.web.declaration import Page, Values
from serving.web.endpoint_reader import EndpointReader
from serving.web.page_cache import PageCache, RenderedPage
from serving.web.page_responses import not_modified_response, page_response
from serving.web.pages import PAGES
from serving.web.rendering import PageRenderer

__all__ = ["Site"]

_STALE_MAX_AGE_S = 5
_MAX_ATTEMPTS = 3
_YEAR_S = 365 * 24 * 3600


class Site:
    """Every page, and how each is answered.

    Args:
        cache: what answers the API too; the only thing that pages read.
        watcher: says what is published.
        catalog_file: where `ladder docs` leaves dbt's documentation.
    """

    def __init__(self, cache: Cache, watcher: GenerationWatcher, catalog_file: Path) -> None:
        self._cache = cache
        self._watcher = watcher
        self._catalog = Catalog(catalog_file)
        self._renderer = PageRenderer()
        self._page_cache = PageCache()
        self._renders: dict[tuple[int, str], asyncio.Task[tuple[RenderedPage, bool]]] = {}

    def add_to(self, app: Starlette) -> None:
        """Add the routes of all pages."""
        for page in PAGES:
            app.add_route(page.path, self._handler(page), name=f"page_{page.name}", include_in_schema=False)
        for asset in self._renderer.assets.values():
            app.add_route(asset.path, _asset_handler(asset), name="page_asset", include_in_schema=False)
        app.add_route("/catalog", self._show_catalog, name="page_catalog", include_in_schema=False)

    def wants_html(self, request: Request) -> bool:
        """Whether a browser asks for what is no part of the API."""
        is_api = request.url.path.startswith("/api/")
        return not is_api and "text/html" in request.headers.get("accept", "")

    def error_page(self, request: Request, error: ApiError) -> Response:
        """A refusal in words, as a page."""
        html = self._renderer.error_page(error, self._watcher.current)
        return _uncached_response(request, html, error.status, error.headers)

    def _handler(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            try:
                require(request.scope, "public")
                return await self._respond(page, request)
            except ApiError as error:
                return self.error_page(request, error)

        return handle

    async def _respond(self, page: Page, request: Request) -> Response:
        values = page.values(request.path_params, request.query_params)
        if page.has_live_age:
            page_html, is_stale = await self._render(page, values)
            return page_response(request, page_html.stored, headers=_cache_headers(0, is_stale=is_stale))
        published = self._cache.published_generation()
        target = page.target(values)
        tag = keys.page_tag(published, self._renderer.digest, target)
        if not self._watcher.is_database_down and _client_has(request, tag):
            return not_modified_response({"etag": tag.decode(), **_cache_headers(page.max_age_s)})
        cached = None if self._watcher.is_database_down else self._page_cache.get(target, published)
        if cached is not None:
            page_html = cached
        else:
            page_html, is_stale = await self._render_once(page, values, target, published)
            if is_stale:
                return page_response(request, page_html.stored, headers=_cache_headers(_STALE_MAX_AGE_S, is_stale=True))
            self._page_cache.put(target, page_html)
            tag = keys.page_tag(page_html.published, self._renderer.digest, target)
        return page_response(
            request, page_html.stored, headers={"etag": tag.decode(), **_cache_headers(page.max_age_s)}
        )

    async def _render_once(
        self, page: Page, values: Values, target: str, published: PublishedGeneration
    ) -> tuple[RenderedPage, bool]:
        """Make a page for all who ask for it at the same time."""
        key = (published.published_at_us, target)
        render = self._renders.get(key)
        if render is None:
            render = self._renders[key] = asyncio.create_task(self._render(page, values))
            render.add_done_callback(lambda done: self._on_rendered(key, done))
        # Whoever asked first may hang up; the others still wait for the same page.
        return await asyncio.shield(render)

    def _on_rendered(self, key: tuple[int, str], render: asyncio.Task[tuple[RenderedPage, bool]]) -> None:
        del self._renders[key]
        if not render.cancelled():
            render.exception()  # taken note of, for when everybody who asked has hung up

    async def _render(self, page: Page, values: Values) -> tuple[RenderedPage, bool]:
        """Read and render; again when a publication came between two readings. Says whether it may be stale."""
        for _ in range(_MAX_ATTEMPTS):
            reader = EndpointReader(self._cache, self._watcher)
            context = await page.view(reader, values)
            # Without PostgreSQL the next try would find the same.
            if reader.is_consistent or self._watcher.is_database_down:
                break
        is_stale = reader.is_stale or not reader.is_consistent
        outage = self._watcher if is_stale else None

        def render_html() -> RenderedPage:
            html = self._renderer.page(
                page, values, context, reader.published, outage, is_consistent=reader.is_consistent
            )
            return RenderedPage.of(reader.published, html, reader.rows, page.max_age_s)

        # Some milliseconds, for which hits do not wait.
        return await asyncio.to_thread(render_html), is_stale

    async def _show_catalog(self, request: Request) -> Response:
        try:
            require(request.scope, "public")
        except ApiError as error:
            return self.error_page(request, error)
        catalog = await self._catalog.read()
        if catalog is None:
            html = self._renderer.catalog_missing(self._watcher.current)
            return _uncached_response(request, html, 404, {"cache-control": "no-store"})
        headers = {"content-security-policy": catalog.policy, "cache-control": "no-cache", "etag": catalog.etag}
        if _client_has(request, catalog.etag.encode()):
            return not_modified_response(headers)
        return page_response(request, catalog.stored, headers=headers)


def _asset_handler(asset: Asset) -> Callable[[Request], Awaitable[Response]]:
    headers = {"cache-control": f"public, max-age={_YEAR_S}, immutable"}

    async def handle(request: Request) -> Response:
        return page_response(request, asset.stored, media_type=asset.media_type, headers=headers)

    return handle


def _uncached_response(request: Request, html: str, status: int, headers: Mapping[str, str]) -> Response:
    """A page that is worth keeping to nobody."""
    return page_response(request, StoredBody.of(html.encode(), 0), status=status, headers=headers)


def _cache_headers(max_age_s: int, *, is_stale: bool = False) -> dict[str, str]:
    """How long a page may be kept; 0 is to ask each time."""
    if is_stale:
        return {"cache-control": f"public, max-age={max_age_s}", "x-ladder-stale": "1"}
    if not max_age_s:
        return {"cache-control": "no-cache"}
    return {"cache-control": f"public, max-age={max_age_s}, stale-while-revalidate={max_age_s}"}


def _client_has(request: Request, tag: bytes) -> bool:
    return etag_matches(request.headers.get("if-none-match", "").encode("latin-1"), tag)
