"""Cached responses: bytes and headers that are encoded and compressed once, then stored and sent as they are."""

from __future__ import annotations

import asyncio
import gzip
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import zstandard

from serving.cache.keys import CacheKey
from serving.endpoints import Endpoint
from serving.endpoints.cursors import encode_cursor
from serving.endpoints.generations import PublishedGeneration
from serving.security.response_headers import DATA_HEADERS

__all__ = ["STALE_LIMIT_S", "CachedResponse", "StoredBody", "cache_visibility", "encode_response", "not_modified"]

STALE_LIMIT_S = 4 * 3600
"""How long after it has expired a response may be served while PostgreSQL is down."""

_REFRESH_WITHIN = 0.2
"""The last part of a response's lifetime, in which a hit starts a refresh."""
_COMPRESS_FROM = 700
"""Bytes; a smaller body fits one packet in either form."""
_COMPRESS_IN_THREAD_FROM = 32 * 1024
"""Bytes; compressing more on the event loop would delay hits by milliseconds."""
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 6

Headers = list[tuple[bytes, bytes]]
Message = dict[str, Any]


class StoredBody(msgspec.Struct, array_like=True, frozen=True):
    """A response body as Redis stores it.

    Args:
        created_at: seconds since 1970.
        body: JSON or another uncompressed form.
        rows: number of records in it.
        gzip: compressed with gzip; empty when compression is not worth it.
        zstd: compressed with zstd; empty when compression is not worth it.
    """

    created_at: float
    body: bytes
    rows: int
    gzip: bytes = b""
    zstd: bytes = b""

    @classmethod
    def of(cls, body: bytes, rows: int) -> StoredBody:
        """Compress a new body that holds the given number of records."""
        if len(body) < _COMPRESS_FROM:
            return cls(time.time(), body, rows)
        compressed = gzip.compress(body, compresslevel=_GZIP_LEVEL, mtime=0)
        return cls(time.time(), body, rows, compressed, zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(body))

    def pack(self) -> bytes:
        """Encode as MessagePack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def unpack(cls, packed: bytes) -> StoredBody:
        """Decode the output of `pack`.

        Raises:
            msgspec.DecodeError: the bytes have another format.
        """
        return msgspec.msgpack.decode(packed, type=cls)


class CachedResponse:
    """A response that is ready to be sent.

    Args:
        key: its cache key.
        stored: its body.
    """

    __slots__ = (
        "aliases",
        "endpoint",
        "etag",
        "fresh_until",
        "hits",
        "hits_at_sweep",
        "hits_reported",
        "key",
        "messages",
        "not_modified",
        "published",
        "refresh_at",
        "stored",
        "target",
    )

    def __init__(self, key: CacheKey, stored: StoredBody) -> None:
        self.key = key
        self.endpoint = key.request.endpoint
        self.published = key.published
        self.target = key.request.target
        self.stored = stored
        self.etag = key.etag
        age_s = self.endpoint.max_age_s
        self.fresh_until = time.monotonic() + age_s - (time.time() - stored.created_at)
        """On the monotonic clock of this process, in seconds."""
        self.refresh_at = self.fresh_until - random.random() * _REFRESH_WITHIN * age_s
        """When a hit starts a refresh. It is random, so that processes and keys of the same age do not coincide."""
        self.hits = 0
        self.hits_at_sweep = 0
        """Hits at the last eviction sweep."""
        self.hits_reported = 0
        """Hits that were already added to the list of hot requests."""
        self.aliases: list[tuple[str, bytes]] = []
        """Raw paths and query strings that lead to this response."""
        self.not_modified = not_modified(self.endpoint, self.etag, b"memory")
        content: Headers = [*self.not_modified["headers"], *DATA_HEADERS, (b"content-type", b"application/json")]
        plain = _messages(content, stored.body)
        self.messages: tuple[tuple[Message, Message], ...] = (
            plain,
            _messages([*content, (b"content-encoding", b"gzip")], stored.gzip) if stored.gzip else plain,
            _messages([*content, (b"content-encoding", b"zstd")], stored.zstd) if stored.zstd else plain,
        )
        """ASGI start and body messages of a hit, by encoding (`serving.http.encodings`)."""

    @property
    def size(self) -> int:
        """Approximate size in memory, in bytes."""
        return len(self.stored.body) + len(self.stored.gzip) + len(self.stored.zstd) + 2500

    @property
    def may_be_served_stale(self) -> bool:
        """Whether it is young enough to be served while PostgreSQL is down."""
        return time.monotonic() < self.fresh_until + STALE_LIMIT_S


async def encode_response(key: CacheKey, rows: Sequence[Mapping[str, Any]]) -> StoredBody:
    """Encode and compress the rows of a query.

    Args:
        key: the request, and the generation that the rows were read from.
        rows: result of the query; one row more than the limit when there is a next page.
    """
    pagination, limit = key.request.endpoint.pagination, key.request.limit
    next_cursor = None
    if pagination is not None and limit is not None and len(rows) > limit:
        rows = rows[:limit]
        next_cursor = encode_cursor(pagination, rows[-1])
    body = _encode(key.request.endpoint, key.published, rows, next_cursor)
    if len(body) < _COMPRESS_IN_THREAD_FROM:
        return StoredBody.of(body, len(rows))
    return await asyncio.to_thread(StoredBody.of, body, len(rows))


def not_modified(endpoint: Endpoint, etag: bytes, tier: bytes) -> Message:
    """The start message of a 304 response.

    Browsers, and proxies for public endpoints, may reuse the response for `max_age_s`, for the same time again while
    they revalidate it, and for `STALE_LIMIT_S` when they cannot reach the API.

    Args:
        endpoint: the requested endpoint.
        etag: entity tag of the response.
        tier: where it was found, for Server-Timing. A hit is not timed, because it takes less time than a clock call.
    """
    cache_control = b"%s, max-age=%d, stale-while-revalidate=%d, stale-if-error=%d" % (
        cache_visibility(endpoint),
        endpoint.max_age_s,
        endpoint.max_age_s,
        STALE_LIMIT_S,
    )
    return _start(
        304,
        [(b"etag", etag), (b"cache-control", cache_control), (b"vary", b"accept-encoding"), (b"server-timing", tier)],
    )


def cache_visibility(endpoint: Endpoint) -> bytes:
    """`public` or `private` for Cache-Control: proxies must not store responses that need a scope."""
    return b"public" if endpoint.scope == "public" else b"private"


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
