"""Templates to HTML, and refusals in words that a person understands."""

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
        "No match or profile of a player with this id has been read. Look the name up, or check the id.",
    ),
    "unknown_board": ("No such board", "There is no board of this name. All boards are on the first page."),
    "unknown_hero": ("No such hero", "No match of a hero with this id has been read."),
    "not_found": ("Nothing is here", "The address leads nowhere. All pages are in the menu above."),
    "invalid_cursor": (
        "This page of the list is gone",
        "The link to it was cut short or changed. Begin again at the first page.",
    ),
    "not_published": (
        "Nothing is published yet",
        "The first run of the pipeline has not ended. Reload this page when it has.",
    ),
    "database_unavailable": (
        "The database cannot be reached",
        "Pages that were read lately are still shown; this one was not among them. Try again in a moment.",
    ),
    "overloaded": ("Too many are asking at once", "Try again in a moment."),
    "query_timeout": ("This took too long", "The database is busy. Try again in a moment."),
    "mart_missing": (
        "A part of the data is missing",
        "What is published does not have the form that this page reads. The next run of the pipeline mends that.",
    ),
}


class PageRenderer:
    """The templates, compiled when they are needed first."""

    def __init__(self) -> None:
        self.assets = load_assets()
        self.digest = _digest()
        """Of everything that makes a page out of data."""
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
        """A page of data.

        Args:
            page: which.
            values: its parameters.
            shown: what its view read.
            published: the generation of that.
            outage: says since when nothing is confirmed, where it may be stale.
            is_whole: whether all of it is of that generation, and nothing of the next one.
        """
        base = {"page": page.name, "values": values, "published": published, "outage": outage}
        return self._templates.get_template(f"{page.name}.html").render(**base, is_consistent=is_consistent, **context)

    def error_page(self, error: ApiError, published: PublishedGeneration | None) -> str:
        """Why there is no page."""
        title, text = _ERROR_TEXTS.get(error.code, (error.message.capitalize(), ""))
        if error.code == "invalid_parameter":
            title, text = "This filter cannot be", error.message
        return self._render_without_data("error", published, title=title, text=text, status=error.status)

    def catalog_missing(self, published: PublishedGeneration | None) -> str:
        """How to make the catalogue that is not there."""
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
