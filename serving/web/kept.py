"""Pages that were made already, for as long as their generation is the published one."""

from __future__ import annotations

import time
from dataclasses import dataclass

from serving.cache.responses import Stored
from serving.endpoints.generations import Published

__all__ = ["Kept", "Made"]

_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Made:
    """A page, made and compressed.

    Args:
        published: the generation that it shows.
        stored: HTML, with the number of records in it.
        fresh_until: in the process's monotonic seconds.
    """

    published: Published
    stored: Stored
    fresh_until: float

    @classmethod
    def of(cls, published: Published, html: str, rows: int, max_age_s: int) -> Made:
        """Compress a page of so many records, once."""
        return cls(published, Stored.of(html.encode(), rows), time.monotonic() + max_age_s)


class Kept:
    """A bounded number of pages; the oldest makes room.

    Args:
        capacity: bytes that all of them together may take.
    """

    def __init__(self, capacity: int = _BYTES) -> None:
        self._pages: dict[str, Made] = {}
        self._bytes = 0
        self._capacity = capacity

    def get(self, target: str, published: Published) -> Made | None:
        """The page of a path and query, if it shows this generation and is not past its age."""
        made = self._pages.get(target)
        is_fresh = made is not None and made.published is published and time.monotonic() < made.fresh_until
        return made if is_fresh else None

    def put(self, target: str, made: Made) -> None:
        """Keep a page in place of an earlier one."""
        self._remove(target)
        self._pages[target] = made
        self._bytes += _size(made)
        while self._bytes > self._capacity:
            self._remove(next(iter(self._pages)))

    def _remove(self, target: str) -> None:
        made = self._pages.pop(target, None)
        if made is not None:
            self._bytes -= _size(made)


def _size(made: Made) -> int:
    stored = made.stored
    return len(stored.body) + len(stored.gzip) + len(stored.zstd) + 500
