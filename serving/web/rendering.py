"""Renders templates to HTML, and errors as pages for people."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from serving.cache.generation_watcher import GenerationWatcher
from serving.endpoints.fields import GAMES
from serving.endpoints.generations import PublishedGeneration
from serving.errors import ApiError
from serving.web.assets import load_assets
from serving.web.declaration import Page, Values, href
from serving.web.formatting import FILTERS

__all__ = ["PageRenderer"]

_ERROR_TEXTS: dict[str, tuple[str, str]] = {
    "unknown_player": (
        "No such player",
        "No match or profile of a player with this id has been ingested. Search by name, or check the id.",
    ),
    "unknown_board": (
        "No such leaderboard",
        "There is no leaderboard with this name. The start page lists all leaderboards.",
    ),
    "unknown_hero": ("No such hero", "No match of a hero with this id has been ingested."),
    "not_found": ("Page not found", "There is no page at this address. The menu above lists all pages."),
    "invalid_cursor": (
        "Invalid page of a list",
        "The link was truncated or changed. Start again at the first page.",
    ),
    "not_published": (
        "Nothing is published yet",
        "The first pipeline run has not finished. Reload this page when it has.",
    ),
    "database_unavailable": (
        "The database cannot be reached",
        "Recently viewed pages are still available; this one is not. Try again in a moment.",
    ),
    "overloaded": ("Too many requests at once", "Try again in a moment."),
    "query_timeout": ("The query took too long", "The database is busy. Try again in a moment."),
    "mart_missing": (
        "A part of the data is missing",
        "The published data lacks columns that this page reads. The next pipeline run will fix that.",
    ),
}


class PageRenderer:
    """The templates, compiled at first use."""

    def __init__(self) -> None:
        self.assets = load_assets()
        self.digest = _digest()
        """Digest of all files of this package, so that a change of a template changes the entity tags."""
        self._templates = Environment(
            loader=PackageLoader("serving.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(FILTERS)
        self._templates.globals.update(
            href=href, games=GAMES, style=self.assets["style.css"].path, icon=self.assets["icon.svg"].path
        )

    def page(
        self,
        page: Page,
        values: Values,
        context: Mapping[str, Any],
        published: PublishedGeneration,
        outage: GenerationWatcher | None = None,
        *,
        is_consistent: bool = True,
    ) -> str:
        """Render a page with data.

        Args:
            page: the page.
            values: its parameters.
            context: the data that its view read.
            published: generation of the data.
            outage: the watcher, if the data may be stale; None otherwise.
            is_consistent: whether all data is of that generation.
        """
        base = {"page": page.name, "values": values, "published": published, "outage": outage}
        return self._templates.get_template(f"{page.name}.html").render(**base, is_consistent=is_consistent, **context)

    def error_page(self, error: ApiError, published: PublishedGeneration | None) -> str:
        """Render an error."""
        title, text = _ERROR_TEXTS.get(error.code, (error.message.capitalize(), ""))
        if error.code == "invalid_parameter":
            title, text = "Invalid filter", error.message
        return self._render_without_data("error", published, title=title, text=text, status=error.status)

    def catalog_missing(self, published: PublishedGeneration | None) -> str:
        """Render the instructions for generating the missing catalogue."""
        return self._render_without_data("catalog_missing", published)

    def _render_without_data(self, name: str, published: PublishedGeneration | None, **context: Any) -> str:
        base: dict[str, Any] = {"page": name, "values": {}, "published": published, "outage": None}
        base["is_consistent"] = True
        return self._templates.get_template(f"{name}.html").render(**base, **context)


def _digest() -> str:
    digest = hashlib.blake2b(digest_size=8)
    for name, content in sorted(_files(resources.files("serving.web"))):
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()


def _files(folder: Traversable) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry)
        elif not entry.name.endswith(".pyc"):
            yield entry.name, entry.read_bytes()
