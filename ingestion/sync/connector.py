"""The connector of a source: its tables and streams, the kinds of entities that can be tracked, and its HTTP client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg

from ingestion.http.client import Client, RetryPolicy
from ingestion.http.rate_limits import CallBudget, Clock, Limiter, SystemClock
from ingestion.http.refusals import Upstream
from ingestion.sync.execution import plan_stream
from ingestion.sync.identifiers import Nickname, SteamAccount
from ingestion.sync.reports import PlannedSync
from ingestion.sync.run import SyncContext
from ingestion.sync.selection import SelectionContext
from ingestion.sync.streams import Stream
from warehouse.core.errors import ConfigurationError
from warehouse.core.settings import Settings
from warehouse.lake.files import Lake
from warehouse.model.source import Source
from warehouse.model.tables import Table

__all__ = ["FoundPlayer", "SourceConnector"]


@dataclass(frozen=True, slots=True)
class FoundPlayer:
    """A player who was found by a nickname or a Steam account.

    Args:
        id: the source's id.
        nickname: the player's current nickname at the source; empty where the response held none.
    """

    id: str
    nickname: str


@dataclass(frozen=True)
class SourceConnector:
    """The connector of a source.

    Args:
        source: tables and endpoints, and how responses become rows.
        streams: streams in the order of a run. A stream selects from what earlier streams landed, so the caller loads
            the landed pages after each sync.
        kinds: kinds of entities that can be tracked.
        upstream: address and key of the API, by the settings.
        limiter: opens the rate limiter, given a login (`ladder_ingest`), the upstream and a clock.
        call_budget: requests that one run may make.
        parse_identifier: the id in a typed or pasted text about an entity of a kind, or the name for `find_player`.
            Raises `ConfigurationError` for any other text.
        probe_path: a path with a small response, to check that the API responds.
        requires_key: the API rejects every request without a key.
        find_player: finds a player by a nickname or a Steam account. Raises `UnknownPlayer` for none or several.
    """

    source: Source
    streams: tuple[Stream, ...]
    kinds: tuple[str, ...]
    upstream: Callable[[Settings], Upstream]
    limiter: Callable[[str, Upstream, Clock], AbstractAsyncContextManager[Limiter]]
    call_budget: Callable[[Settings], int]
    parse_identifier: Callable[[str, str], str | Nickname | SteamAccount]
    probe_path: str
    requires_key: bool = False
    find_player: Callable[[SyncContext, Nickname | SteamAccount], Awaitable[FoundPlayer]] | None = None

    def tables_by_stream(self) -> dict[str, tuple[Table, ...]]:
        """The tables of each stream, in the order of a run.

        A table belongs to the stream of the same name, or else to the first stream that fills it.
        """
        names = {stream.name for stream in self.streams}
        owned: set[str] = set()
        found: dict[str, tuple[Table, ...]] = {}
        for stream in self.streams:
            filled = [table for name in stream.endpoints for table in self.source.endpoints[name].tables]
            own = tuple(
                table
                for table in filled
                if table.name == stream.name or (table.name not in names and table.name not in owned)
            )
            owned |= {table.name for table in own}
            found[stream.name] = own
        return found

    def require_key(self, settings: Settings) -> None:
        """Check that a key is set if the source requires one.

        Raises:
            ConfigurationError: the key is missing.
        """
        upstream = self.upstream(settings)
        if self.requires_key and upstream.key is None:
            raise ConfigurationError(
                f"{upstream.name} is left out, it needs a key", f"set {upstream.variable_prefix}_KEY"
            )

    def is_readable(self, settings: Settings) -> bool:
        """Whether a run with these settings can read the source: its key is set, or none is required."""
        return not self.requires_key or self.upstream(settings).key is not None

    @asynccontextmanager
    async def open_context(
        self,
        settings: Settings,
        database_url: str,
        lake: Lake,
        *,
        on_progress: Callable[[str, int, int], None] = lambda name, done, total: None,
        clock: Clock | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> AsyncIterator[SyncContext]:
        """Open the state that the streams of one run share: HTTP client, rate limiter and call budget.

        Args:
            settings: the configuration.
            database_url: a login that may read staging and write `ops` (`ladder_ingest`).
            lake: where pages land.
            on_progress: called after each work item with the stream's name, finished items and total items.
            clock: time; the system clock by default.
            retry_policy: timeouts and retries.

        Raises:
            WrongAddressError: the base URL is invalid.
            DatabaseError: the warehouse cannot be reached.
        """
        clock = clock or SystemClock()
        upstream = self.upstream(settings)
        async with (
            self.limiter(database_url, upstream, clock) as limiter,
            Client(
                upstream, limiter, clock, retry_policy or RetryPolicy(), max_bytes=settings.answer_mb << 20
            ) as client,
        ):
            yield SyncContext(
                source=self.source,
                settings=settings,
                database_url=database_url,
                lake=lake,
                client=client,
                budget=CallBudget(self.call_budget(settings)),
                clock=clock,
                on_progress=on_progress,
            )

    def plan(self, connection: psycopg.Connection, settings: Settings, now: datetime) -> tuple[PlannedSync, ...]:
        """The requests that each stream would make now, by the stored state, without making them.

        Args:
            connection: the warehouse, to read from.
            settings: the configuration.
            now: the current time, UTC.

        Raises:
            DatabaseError: the warehouse cannot be read.
        """
        selection_context = SelectionContext(connection, settings, now)
        return tuple(plan_stream(selection_context, self.source.name, stream) for stream in self.streams)
