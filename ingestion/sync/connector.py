"""A source as a run reads it: what it is called, what can be tracked of it, its passes, and its connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg

from ingestion.http.client import Client, RetryPolicy
from ingestion.http.rate_limits import CallBudget, Clock, Limiter, SystemClock
from ingestion.http.refusals import Upstream
from ingestion.sync.identifiers import Nickname, SteamAccount
from ingestion.sync.reports import PlannedSync
from ingestion.sync.selection import SelectionContext
from ingestion.sync.streams import Stream, SyncContext, plan_stream
from warehouse.core.errors import ConfigurationError
from warehouse.core.settings import Settings
from warehouse.lake.files import Lake
from warehouse.model.source import Source
from warehouse.model.tables import Table

__all__ = ["FoundPlayer", "SourceConnector"]


@dataclass(frozen=True, slots=True)
class FoundPlayer:
    """A player who was looked up.

    Args:
        id: the source's id.
        nickname: the player's name there now; empty where the answer held none.
    """

    id: str
    nickname: str


@dataclass(frozen=True)
class SourceConnector:
    """A source as a run reads it.

    Args:
        source: its tables, and how its answers become rows.
        passes: in the order of a run; each finds what the ones before it landed and the caller loaded: load after each.
        kinds: what can be tracked.
        upstream: where it answers.
        limiter: keeps requests within its limits, given a login (`ladder_ingest`), the upstream and time.
        call_budget: requests that one run may make.
        identify: the typed or pasted id of a kind, as the source writes it, or what `look_up` needs.
            Raises `ConfigurationError` for what is neither.
        probe: a path that costs next to nothing to ask for.
        needs_key: it answers nobody without a key.
        look_up: finds a player by a nickname or a Steam account. Raises `UnknownName` where there is none, or several.
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
        """The tables of each pass, in the order of a run.

        A table belongs to the first pass that is named for it, or else to the first that fills it.
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
        """Refuse to ask without a key where none is answered.

        Raises:
            ConfigurationError: a key is needed and not set.
        """
        upstream = self.upstream(settings)
        if self.requires_key and upstream.key is None:
            raise ConfigurationError(
                f"{upstream.name} is left out, it needs a key", f"set {upstream.variable_prefix}_KEY"
            )

    def is_readable(self, settings: Settings) -> bool:
        """Whether a run with these settings can ask it."""
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
        """What the passes of one run share: a client, its limits and the call budget.

        Args:
            settings: the configuration.
            database_url: a login that may read staging and write `ops` (`ladder_ingest`).
            lake: where pages land.
            on_progress: told the name of a pass, things read so far and things to read, after each thing.
            clock: time; the machine's by default.
            patience: timeouts and retries.

        Raises:
            WrongAddressError: the base URL is not an address.
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
        """What each pass of a run would request now, by what is stored, without a request.

        Args:
            connection: the warehouse, to read from.
            settings: the configuration.
            now: this moment, UTC.

        Raises:
            DatabaseError: the warehouse cannot be read.
        """
        selection_context = SelectionContext(connection, settings, now)
        return tuple(plan_stream(selection_context, self.source.name, stream) for stream in self.streams)
