"""Reads endpoints for one page, through the cache."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from serving.cache.cache import Cache
from serving.cache.generation_watcher import GenerationWatcher
from serving.cache.requests import CanonicalRequest
from serving.cache.responses import CachedResponse
from serving.endpoints import ENDPOINTS, Endpoint, Value
from serving.endpoints.generations import PublishedGeneration

__all__ = ["EndpointReader", "EndpointResult", "Record"]

_ENDPOINTS: Mapping[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS if endpoint.scope == "public"}
"""Cached pages are shared by all readers, so they use public endpoints only."""

Record = dict[str, Any]
"""A record by its columns."""


@dataclass(frozen=True, slots=True)
class EndpointResult:
    """The data of an endpoint's response.

    Args:
        rows: its records; one record for an endpoint that is not a list.
        next_cursor: cursor of the next page; None on the last.
    """

    rows: Sequence[Record]
    next_cursor: str | None

    @property
    def row(self) -> Record:
        """The first record."""
        return self.rows[0]


class EndpointReader:
    """Reads endpoints for one page, and tracks the generations of the responses.

    Args:
        cache: the cache of the API.
        watcher: knows the published generation.
    """

    def __init__(self, cache: Cache, watcher: GenerationWatcher) -> None:
        self._cache = cache
        self._watcher = watcher
        self._responses: list[CachedResponse] = []

    async def read(
        self,
        name: str,
        values: Mapping[str, Value] = MappingProxyType({}),
        *,
        limit: int | None = None,
        cursor: Value = None,
    ) -> EndpointResult:
        """Read an endpoint.

        Args:
            name: name of the endpoint.
            values: its parameters; missing ones take their defaults.
            limit: rows per page; the endpoint's default if None.
            cursor: start of the page.

        Raises:
            ApiError: the subject is unknown, the cursor is invalid, or no response is available now.
        """
        endpoint = _ENDPOINTS[name]
        defaults = {parameter.name: parameter.default for parameter in endpoint.parameters}
        if endpoint.pagination is not None and limit is None:
            limit = endpoint.pagination.default
        cursor_text = None if cursor is None else str(cursor)
        response = await self._cache.get(CanonicalRequest.of(endpoint, {**defaults, **values}, limit, cursor_text))
        self._responses.append(response)
        envelope = msgspec.json.decode(response.stored.body)
        data = envelope["data"]
        return EndpointResult(data if endpoint.is_list else [data], envelope["meta"]["next"])

    async def gather(self, **reads: Awaitable[EndpointResult]) -> dict[str, EndpointResult]:
        """Await several reads concurrently; the results keep their names."""
        results = await asyncio.gather(*reads.values())
        return dict(zip(reads, results, strict=True))

    @property
    def published(self) -> PublishedGeneration:
        """The oldest generation that was read; the published one if nothing was read."""
        if not self._responses:
            return self._cache.published_generation()
        return min(
            (response.published for response in self._responses), key=lambda published: published.published_at_us
        )

    @property
    def rows(self) -> int:
        """Number of records that were read."""
        return sum(response.stored.rows for response in self._responses)

    @property
    def is_consistent(self) -> bool:
        """Whether all responses are of one generation."""
        return all(response.published is self._responses[0].published for response in self._responses)

    @property
    def is_stale(self) -> bool:
        """Whether newer data may be published than was read."""
        now = time.monotonic()
        return self._watcher.is_database_down or any(
            response.published is not self._watcher.current or now >= response.fresh_until
            for response in self._responses
        )
