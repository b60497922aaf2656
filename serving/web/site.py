"""Answers requests for pages: from what was made already, or by reading and rendering; refusals in words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from serving.auth.gate import require
from serving.cache import keys
from serving.cache.cache import Cache
from serving.cache.responses import Stored
from serving.cache.watcher import Watcher
from serving.endpoints.generations import Published
from serving.errors import Refusal
from serving.http.delivery import names_tag
from serving.web.assets import Asset
from serving.web.catalog import Catalog
from serving.web.declaration import Page, Values
from serving.web.kept import Kept, Made
from serving.web.pages import PAGES
from serving.web.reading import Reader
from serving.web.rendering import Rendering
from serving.web.sending import sent, unchanged

__all__ = ["Site"]

_STALE_FOR_S = 5
_ATTEMPTS = 3
_YEAR_S = 365 * 24 * 3600


class Site:
    """Every page, and how each is answered.

    Args:
        cache: what answers the API too; the only thing that pages read.
        watcher: says what is published.
        catalog_file: where `ladder docs` leaves dbt's documentation.
    """

    def __init__(self, cache: Cache, watcher: Watcher, catalog_file: Path) -> None:
        self._cache = cache
        self._watcher = watcher
        self._catalog = Catalog(catalog_file)
        self._rendering = Rendering()
        self._kept = Kept()
        self._making: dict[tuple[int, str], asyncio.Task[tuple[Made, bool]]] = {}

    def add_to(self, app: Starlette) -> None:
        """Add the routes of all pages."""
        for page in PAGES:
            app.add_route(page.path, self._handler(page), name=f"page_{page.name}", include_in_schema=False)
        for asset in self._rendering.assets.values():
            app.add_route(asset.path, _asset_handler(asset), name="page_asset", include_in_schema=False)
        app.add_route("/catalog", self._show_catalog, name="page_catalog", include_in_schema=False)

    def is_for_people(self, request: Request) -> bool:
        """Whether a browser asks for what is no part of the API."""
        is_api = request.url.path.startswith("/api/")
        return not is_api and "text/html" in request.headers.get("accept", "")

    def refuse(self, request: Request, refusal: Refusal) -> Response:
        """A refusal in words, as a page."""
        html = self._rendering.refusal(refusal, self._watcher.current)
        return _once(request, html, refusal.status, refusal.headers)

    def _handler(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            try:
                require(request.scope, "public")
                return await self._answer(page, request)
            except Refusal as refusal:
                return self.refuse(request, refusal)

        return handle

    async def _answer(self, page: Page, request: Request) -> Response:
        values = page.values(request.path_params, request.query_params)
        if page.tells_age:
            made, is_stale = await self._make(page, values)
            return sent(request, made.stored, headers=_ages(0, is_stale=is_stale))
        published = self._cache.published()
        target = page.target(values)
        tag = keys.page_tag(published, self._rendering.digest, target)
        if not self._watcher.is_database_down and _has(request, tag):
            return unchanged({"etag": tag.decode(), **_ages(page.max_age_s)})
        kept = None if self._watcher.is_database_down else self._kept.get(target, published)
        if kept is not None:
            made = kept
        else:
            made, is_stale = await self._make_once(page, values, target, published)
            if is_stale:
                return sent(request, made.stored, headers=_ages(_STALE_FOR_S, is_stale=True))
            self._kept.put(target, made)
            tag = keys.page_tag(made.published, self._rendering.digest, target)
        return sent(request, made.stored, headers={"etag": tag.decode(), **_ages(page.max_age_s)})

    async def _make_once(self, page: Page, values: Values, target: str, published: Published) -> tuple[Made, bool]:
        """Make a page for all who ask for it at the same time."""
        key = (published.moment, target)
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make(page, values))
            making.add_done_callback(lambda done: self._end(key, done))
        # Whoever asked first may hang up; the others still wait for the same page.
        return await asyncio.shield(making)

    def _end(self, key: tuple[int, str], making: asyncio.Task[tuple[Made, bool]]) -> None:
        del self._making[key]
        if not making.cancelled():
            making.exception()  # taken note of, for when everybody who asked has hung up

    async def _make(self, page: Page, values: Values) -> tuple[Made, bool]:
        """Read and render; again when a publication came between two readings. Says whether it may be stale."""
        for _ in range(_ATTEMPTS):
            reader = Reader(self._cache, self._watcher)
            shown = await page.view(reader, values)
            # Without PostgreSQL the next try would find the same.
            if reader.is_whole or self._watcher.is_database_down:
                break
        is_stale = reader.is_stale or not reader.is_whole
        outage = self._watcher if is_stale else None

        def make() -> Made:
            html = self._rendering.page(page, values, shown, reader.published, outage, is_whole=reader.is_whole)
            return Made.of(reader.published, html, reader.rows, page.max_age_s)

        # Some milliseconds, for which hits do not wait.
        return await asyncio.to_thread(make), is_stale

    async def _show_catalog(self, request: Request) -> Response:
        try:
            require(request.scope, "public")
        except Refusal as refusal:
            return self.refuse(request, refusal)
        found = await self._catalog.read()
        if found is None:
            html = self._rendering.without_catalog(self._watcher.current)
            return _once(request, html, 404, {"cache-control": "no-store"})
        headers = {"content-security-policy": found.policy, "cache-control": "no-cache", "etag": found.etag}
        if _has(request, found.etag.encode()):
            return unchanged(headers)
        return sent(request, found.stored, headers=headers)


def _asset_handler(asset: Asset) -> Callable[[Request], Awaitable[Response]]:
    headers = {"cache-control": f"public, max-age={_YEAR_S}, immutable"}

    async def handle(request: Request) -> Response:
        return sent(request, asset.stored, media_type=asset.media_type, headers=headers)

    return handle


def _once(request: Request, html: str, status: int, headers: Mapping[str, str]) -> Response:
    """A page that is worth keeping to nobody."""
    return sent(request, Stored.of(html.encode(), 0), status=status, headers=headers)


def _ages(max_age_s: int, *, is_stale: bool = False) -> dict[str, str]:
    """How long a page may be kept; 0 is to ask each time."""
    if is_stale:
        return {"cache-control": f"public, max-age={max_age_s}", "x-ladder-stale": "1"}
    if not max_age_s:
        return {"cache-control": "no-cache"}
    return {"cache-control": f"public, max-age={max_age_s}, stale-while-revalidate={max_age_s}"}


def _has(request: Request, tag: bytes) -> bool:
    return names_tag(request.headers.get("if-none-match", "").encode("latin-1"), tag)
