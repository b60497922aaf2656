"""Pages that were made already, for as long as their generation is the published one."""

from __future__ import annotations

import gzip
import time
from dataclasses import dataclass

from serving.generations import Published

__all__ = ["Kept", "Made"]

_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Made:
    """A page, made and compressed.

    Args:
        published: the generation that it shows.
        body: HTML.
        compressed: the same with gzip.
        fresh_until: in the process's monotonic seconds.
    """

    published: Published
    body: bytes
    compressed: bytes
    fresh_until: float

    @classmethod
    def of(cls, published: Published, html: str, max_age_s: int) -> Made:
        """Compress a page, once."""
        body = html.encode()
        compressed = gzip.compress(body, compresslevel=6, mtime=0)
        return cls(published, body, compressed, time.monotonic() + max_age_s)


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
    return len(made.body) + len(made.compressed) + 500
