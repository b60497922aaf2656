"""Answers as they are stored and sent: bytes and headers, made once."""

from __future__ import annotations

import gzip
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from serving import keys
from serving.access.browsers import DATA
from serving.cursors import cursor
from serving.endpoints import Endpoint
from serving.generations import Published

__all__ = ["STALE_LIMIT_S", "Answer", "Stored", "make", "not_modified"]

STALE_LIMIT_S = 4 * 3600
"""How long beyond its age an answer may serve while PostgreSQL is down."""

_COMPRESS_FROM = 700
"""Bytes; a smaller body fits a packet either way."""

Headers = list[tuple[bytes, bytes]]


class Stored(msgspec.Struct, array_like=True, frozen=True):
    """What Redis holds.

    Args:
        made_at: seconds since 1970.
        body: JSON.
        compressed: the same with gzip; empty when that is not worth it.
        rows: records in it.
    """

    made_at: float
    body: bytes
    compressed: bytes
    rows: int

    def pack(self) -> bytes:
        """As MessagePack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def unpack(cls, packed: bytes) -> Stored:
        """From what `pack` wrote.

        Raises:
            msgspec.DecodeError: somebody else wrote it.
        """
        return msgspec.msgpack.decode(packed, type=cls)


class Answer:
    """An answer ready to be sent.

    Args:
        endpoint: what was asked.
        published: the generation of its data.
        scope: its canonical form.
        stored: its bytes.
    """

    __slots__ = (
        "aliases",
        "endpoint",
        "etag",
        "fresh_until",
        "gzip_body",
        "gzip_start",
        "is_used",
        "not_modified",
        "plain_body",
        "plain_start",
        "published",
        "scope",
        "stored",
    )

    def __init__(self, endpoint: Endpoint, published: Published, scope: str, stored: Stored) -> None:
        self.endpoint = endpoint
        self.published = published
        self.scope = scope
        self.stored = stored
        self.etag = keys.entity_tag(keys.answer_key(published, endpoint, scope))
        self.fresh_until = time.monotonic() + endpoint.max_age_s - (time.time() - stored.made_at)
        """In the process's monotonic seconds."""
        self.is_used = False
        """Set by a hit, cleared by the sweep that looks for what to evict."""
        self.aliases: list[tuple[str, bytes]] = []
        """Raw paths and queries that led here."""
        self.not_modified = not_modified(endpoint, self.etag)
        content: Headers = [*self.not_modified["headers"], *DATA, (b"content-type", b"application/json")]
        self.plain_start = _start(200, [*content, _length(stored.body)])
        self.plain_body = {"type": "http.response.body", "body": stored.body}
        if stored.compressed:
            compressed = [*content, (b"content-encoding", b"gzip"), _length(stored.compressed)]
            self.gzip_start = _start(200, compressed)
            self.gzip_body = {"type": "http.response.body", "body": stored.compressed}
        else:
            self.gzip_start, self.gzip_body = self.plain_start, self.plain_body

    @property
    def size(self) -> int:
        """Bytes it takes in memory, roughly."""
        return len(self.stored.body) + len(self.stored.compressed) + 2000

    @property
    def may_serve_stale(self) -> bool:
        """Whether it is young enough to serve while PostgreSQL is down."""
        return time.monotonic() < self.fresh_until + STALE_LIMIT_S


def make(endpoint: Endpoint, published: Published, rows: Sequence[Mapping[str, Any]], limit: int | None) -> Stored:
    """Encode and compress rows of a query.

    Args:
        endpoint: what was asked.
        published: the generation that the rows were read with.
        rows: what the query returned: of a page, one more than `limit` when there is a next page.
        limit: rows of the page; None for an answer without pages.
    """
    following = None
    if endpoint.page is not None and limit is not None and len(rows) > limit:
        rows = rows[:limit]
        following = cursor(endpoint.page, rows[-1])
    records = [{column.name: row[column.name] for column in endpoint.columns} for row in rows]
    meta = {
        "as_of": published.published_at,
        "as_of_date": published.as_of_date,
        "generation": published.generation,
        "mart": endpoint.mart,
        "next": following,
    }
    body = msgspec.json.encode({"data": records if endpoint.is_list else records[0], "meta": meta})
    compressed = gzip.compress(body, compresslevel=6, mtime=0) if len(body) >= _COMPRESS_FROM else b""
    return Stored(time.time(), body, compressed, len(records))


def not_modified(endpoint: Endpoint, etag: bytes) -> dict[str, Any]:
    """Start of a 304. Browsers and proxies may keep the answer for its age, and as long again while they refresh it."""
    ages = b"public, max-age=%d, stale-while-revalidate=%d" % (endpoint.max_age_s, endpoint.max_age_s)
    return _start(304, [(b"etag", etag), (b"cache-control", ages), (b"vary", b"accept-encoding")])


def _start(status: int, headers: Headers) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers}


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)
