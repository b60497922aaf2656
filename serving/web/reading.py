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
from serving.cache.requests import Question
from serving.cache.responses import Answer
from serving.cache.watcher import Watcher
from serving.endpoints import ENDPOINTS, Endpoint, Value
from serving.endpoints.generations import Published

__all__ = ["Found", "Reader", "Record"]

_ENDPOINTS: Mapping[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS if endpoint.scope == "public"}
"""A page is kept for all who may read it, so it shows nothing that only some may."""

Record = dict[str, Any]
"""A record of an answer, by its columns."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an endpoint answered.

    Args:
        rows: its records; of one that tells of a single thing, that one.
        following: cursor of the next page; None at the end.
    """

    rows: Sequence[Record]
    following: str | None

    @property
    def row(self) -> Record:
        """The first record."""
        return self.rows[0]


class Reader:
    """Reads for one page, and remembers of which generations it was given.

    Args:
        cache: what answers the API too.
        watcher: says what is published.
    """

    def __init__(self, cache: Cache, watcher: Watcher) -> None:
        self._cache = cache
        self._watcher = watcher
        self._answers: list[Answer] = []

    async def read(
        self,
        name: str,
        values: Mapping[str, Value] = MappingProxyType({}),
        *,
        limit: int | None = None,
        cursor: Value = None,
    ) -> Found:
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
        if endpoint.page is not None and limit is None:
            limit = endpoint.page.default
        position = None if cursor is None else str(cursor)
        answer = await self._cache.answer(Question.of(endpoint, {**defaults, **values}, limit, position))
        self._answers.append(answer)
        envelope = msgspec.json.decode(answer.stored.body)
        data = envelope["data"]
        return Found(data if endpoint.is_list else [data], envelope["meta"]["next"])

    async def together(self, **asked: Awaitable[Found]) -> dict[str, Found]:
        """Await several readings at the same time; each keeps its name."""
        found = await asyncio.gather(*asked.values())
        return dict(zip(asked, found, strict=True))

    @property
    def published(self) -> Published:
        """The oldest generation of what was read; what is published, when nothing was."""
        if not self._answers:
            return self._cache.published()
        return min((answer.published for answer in self._answers), key=lambda published: published.moment)

    @property
    def rows(self) -> int:
        """How many records were read."""
        return sum(answer.stored.rows for answer in self._answers)

    @property
    def is_whole(self) -> bool:
        """Whether all that was read is of one generation."""
        return all(answer.published is self._answers[0].published for answer in self._answers)

    @property
    def is_stale(self) -> bool:
        """Whether something newer may be published than what was read."""
        now = time.monotonic()
        return self._watcher.is_database_down or any(
            answer.published is not self._watcher.current or now >= answer.fresh_until for answer in self._answers
        )
