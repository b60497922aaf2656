"""Answers as they are stored and sent: bytes and headers, made once."""

from __future__ import annotations

import asyncio
import gzip
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import zstandard

from serving.cache import keys
from serving.cache.requests import CanonicalRequest
from serving.endpoints import Endpoint
from serving.endpoints.cursors import encode_cursor
from serving.endpoints.generations import PublishedGeneration
from serving.security.response_headers import DATA_HEADERS

__all__ = ["STALE_LIMIT_S", "CachedResponse", "StoredBody", "cache_visibility", "encode_response", "not_modified"]

STALE_LIMIT_S = 4 * 3600
"""How long beyond its age an answer may serve while PostgreSQL is down."""

_REFRESH_WITHIN = 0.2
"""The last part of an answer's age, within which a hit has it made again."""
_COMPRESS_FROM = 700
"""Bytes; a smaller body fits a packet either way."""
_COMPRESS_IN_THREAD_FROM = 32 * 1024
"""Bytes; compressing more would keep hits waiting for milliseconds."""
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 6

Headers = list[tuple[bytes, bytes]]
Message = dict[str, Any]


class StoredBody(msgspec.Struct, array_like=True, frozen=True):
    """What Redis holds.

    Args:
        made_at: seconds since 1970.
        body: JSON.
        rows: records in it.
        gzip: the same with gzip; empty when that is not worth it.
        zstd: the same with zstd; empty when that is not worth it.
    """

    created_at: float
    body: bytes
    rows: int
    gzip: bytes = b""
    zstd: bytes = b""

    @classmethod
    def of(cls, body: bytes, rows: int) -> StoredBody:
        """Compress a body that was made now, of so many records."""
        if len(body) < _COMPRESS_FROM:
            return cls(time.time(), body, rows)
        compressed = gzip.compress(body, compresslevel=_GZIP_LEVEL, mtime=0)
        return cls(time.time(), body, rows, compressed, zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(body))

    def pack(self) -> bytes:
        """As MessagePack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def unpack(cls, packed: bytes) -> StoredBody:
        """From what `pack` wrote.

        Raises:
            msgspec.DecodeError: somebody else wrote it.
        """
        return msgspec.msgpack.decode(packed, type=cls)


class CachedResponse:
    """An answer ready to be sent.

    Args:
        question: what was asked.
        published: the generation of its data.
        stored: its bytes.
    """

    __slots__ = (
        "aliases",
        "endpoint",
        "etag",
        "fresh_until",
        "hits",
        "hits_at_sweep",
        "hits_reported",
        "messages",
        "not_modified",
        "published",
        "refresh_at",
        "request",
        "stored",
        "target",
    )

    def __init__(self, request: CanonicalRequest, published: PublishedGeneration, stored: StoredBody) -> None:
        self.request = request
        self.endpoint = request.endpoint
        self.published = published
        self.target = request.target
        self.stored = stored
        self.etag = keys.entity_tag(keys.response_key(published, self.endpoint, self.target))
        age_s = self.endpoint.max_age_s
        self.fresh_until = time.monotonic() + age_s - (time.time() - stored.created_at)
        """In the process's monotonic seconds."""
        self.refresh_at = self.fresh_until - random.random() * _REFRESH_WITHIN * age_s
        """When a hit has it made again; drawn, so that processes do not do so together, nor keys of one age."""
        self.hits = 0
        """Hits."""
        self.hits_at_sweep = 0
        """Hits at the last sweep that looked for what to evict."""
        self.hits_reported = 0
        """Hits that the list of what is hot has been told of."""
        self.aliases: list[tuple[str, bytes]] = []
        """Raw paths and queries that led here."""
        self.not_modified = not_modified(self.endpoint, self.etag, b"memory")
        content: Headers = [*self.not_modified["headers"], *DATA_HEADERS, (b"content-type", b"application/json")]
        plain = _messages(content, stored.body)
        self.messages: tuple[tuple[Message, Message], ...] = (
            plain,
            _messages([*content, (b"content-encoding", b"gzip")], stored.gzip) if stored.gzip else plain,
            _messages([*content, (b"content-encoding", b"zstd")], stored.zstd) if stored.zstd else plain,
        )
        """Start and body by form (`serving.http.encodings`), for hits."""

    @property
    def size(self) -> int:
        """Bytes it takes in memory, roughly."""
        return len(self.stored.body) + len(self.stored.gzip) + len(self.stored.zstd) + 2500

    @property
    def may_be_served_stale(self) -> bool:
        """Whether it is young enough to serve while PostgreSQL is down."""
        return time.monotonic() < self.fresh_until + STALE_LIMIT_S


async def encode_response(
    request: CanonicalRequest, published: PublishedGeneration, rows: Sequence[Mapping[str, Any]]
) -> StoredBody:
    """Encode and compress rows of a query.

    Args:
        question: what was asked.
        published: the generation that the rows were read with.
        rows: what the query returned: of a page, one more than its limit when there is a next page.
    """
    limit = request.limit
    next_cursor = None
    if request.endpoint.pagination is not None and limit is not None and len(rows) > limit:
        rows = rows[:limit]
        next_cursor = encode_cursor(request.endpoint.pagination, rows[-1])
    body = _encode(request.endpoint, published, rows, next_cursor)
    if len(body) < _COMPRESS_IN_THREAD_FROM:
        return StoredBody.of(body, len(rows))
    return await asyncio.to_thread(StoredBody.of, body, len(rows))


def not_modified(endpoint: Endpoint, etag: bytes, tier: bytes) -> Message:
    """Start of a 304.

    Browsers, and proxies where anybody may read it, may keep the answer for its age, as long again while they refresh
    it, and as long as this API itself would while they cannot.

    Args:
        endpoint: what was asked.
        etag: of its answer.
        tier: where it was found; a hit takes less time than a clock is worth.
    """
    ages = b"%s, max-age=%d, stale-while-revalidate=%d, stale-if-error=%d" % (
        cache_visibility(endpoint),
        endpoint.max_age_s,
        endpoint.max_age_s,
        STALE_LIMIT_S,
    )
    return _start(
        304, [(b"etag", etag), (b"cache-control", ages), (b"vary", b"accept-encoding"), (b"server-timing", tier)]
    )


def cache_visibility(endpoint: Endpoint) -> bytes:
    """Who may keep an answer, as Cache-Control has it: proxies do not know who may read it."""
    return b"public" if endpoint.target == "public" else b"private"


def _encode(
    endpoint: Endpoint, published: PublishedGeneration, rows: Sequence[Mapping[str, Any]], next_cursor: str | None
) -> bytes:
    records = [{column.name: row[column.name] for column in endpoint.columns} for row in rows]
    meta = {
        "as_of": published.published_at,
        "as_of_date": published.as_of_date,
        "generation": published.generation,
        "mart": endpoint.mart,
        "next": next_cursor,
    }
    return msgspec.json.encode({"data": records if endpoint.is_list else records[0], "meta": meta})


def _messages(headers: Headers, body: bytes) -> tuple[Message, Message]:
    start = _start(200, [*headers, (b"content-length", b"%d" % len(body))])
    return start, {"type": "http.response.body", "body": body}


def _start(status: int, headers: Headers) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}
