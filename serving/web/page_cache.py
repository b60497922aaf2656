"""Cache of rendered pages of the published generation."""

from __future__ import annotations

import time
from dataclasses import dataclass

from serving.cache.responses import StoredBody
from serving.endpoints.generations import PublishedGeneration

__all__ = ["PageCache", "RenderedPage"]

_DEFAULT_CAPACITY = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """A rendered and compressed page.

    Args:
        published: the generation that it shows.
        stored: HTML, with its number of records.
        fresh_until: on the monotonic clock of this process, in seconds.
    """

    published: PublishedGeneration
    stored: StoredBody
    fresh_until: float

    @classmethod
    def of(cls, published: PublishedGeneration, html: str, rows: int, max_age_s: int) -> RenderedPage:
        """Compress the HTML of a page with some records."""
        return cls(published, StoredBody.of(html.encode(), rows), time.monotonic() + max_age_s)


class PageCache:
    """A bounded cache of pages; the oldest are evicted first.

    Args:
        capacity: maximum total size of the pages, in bytes.
    """

    def __init__(self, capacity: int = _DEFAULT_CAPACITY) -> None:
        self._pages: dict[str, RenderedPage] = {}
        self._bytes = 0
        self._capacity = capacity

    def get(self, target: str, published: PublishedGeneration) -> RenderedPage | None:
        """The page of a path and query, if it shows this generation and is fresh."""
        page = self._pages.get(target)
        is_fresh = page is not None and page.published is published and time.monotonic() < page.fresh_until
        return page if is_fresh else None

    def put(self, target: str, page: RenderedPage) -> None:
        """Store a page in place of an earlier one."""
        self._remove(target)
        self._pages[target] = page
        self._bytes += _size(page)
        while self._bytes > self._capacity:
            self._remove(next(iter(self._pages)))

    def _remove(self, target: str) -> None:
        page = self._pages.pop(target, None)
        if page is not None:
            self._bytes -= _size(page)


def _size(page: RenderedPage) -> int:
    stored = page.stored
    return len(stored.body) + len(stored.gzip) + len(stored.zstd) + 500
