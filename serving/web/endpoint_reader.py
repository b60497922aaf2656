"""What pages read: answers of the cache, all of one generation."""

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
"""A page is kept for all who may read it, so it shows nothing that only some may."""

Record = dict[str, Any]
"""A record of an answer, by its columns."""


@dataclass(frozen=True, slots=True)
class EndpointResult:
    """What an endpoint answered.

    Args:
        rows: its records; of one that tells of a single thing, that one.
        following: cursor of the next page; None at the end.
    """

    rows: Sequence[Record]
    next_cursor: str | None

    @property
    def row(self) -> Record:
        """The first record."""
        return self.rows[0]


class EndpointReader:
    """Reads for one page, and remembers of which generations it was given.

    Args:
        cache: what answers the API too.
        watcher: says what is published.
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
        """Ask an endpoint, by its name.

        Args:
            name: of the endpoint.
            values: its parameters; its defaults stand for those left out.
            limit: rows of a page; the endpoint's own by default.
            cursor: where the page begins.

        Raises:
            Refusal: there is no such subject, the cursor is wrong, or nothing can be answered now.
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
        """Await several readings at the same time; each keeps its name."""
        results = await asyncio.gather(*reads.values())
        return dict(zip(reads, results, strict=True))

    @property
    def published(self) -> PublishedGeneration:
        """The oldest generation of what was read; what is published, when nothing was."""
        if not self._responses:
            return self._cache.published_generation()
        return min(
            (response.published for response in self._responses), key=lambda published: published.published_at_us
        )

    @property
    def rows(self) -> int:
        """How many records were read."""
        return sum(response.stored.rows for response in self._responses)

    @property
    def is_consistent(self) -> bool:
        """Whether all that was read is of one generation."""
        return all(response.published is self._responses[0].published for response in self._responses)

    @property
    def is_stale(self) -> bool:
        """Whether something newer may be published than what was read."""
        now = time.monotonic()
        return self._watcher.is_database_down or any(
            response.published is not self._watcher.current or now >= response.fresh_until
            for response in self._responses
        )
