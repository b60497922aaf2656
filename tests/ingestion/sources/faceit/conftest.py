"""A warehouse that reads a simulated or a scripted FACEIT of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from ingestion.http.client import RetryPolicy
from ingestion.http.rate_limits import Clock
from ingestion.sources.faceit.connector import CONNECTOR, STREAMS
from ingestion.sources.faceit.source import SOURCE
from ingestion.sync.execution import sync_stream
from ingestion.sync.reports import SyncReport
from sandbox.faceit import KEY
from sandbox.server import Sandbox, serve
from sandbox.world import World
from tests.conftest import Database
from tests.ingestion.scripted_server import Reply, scripted
from warehouse.core.settings import Settings
from warehouse.database.connections import connect
from warehouse.lake.files import Lake
from warehouse.ops.state import track
from warehouse.staging.load import load_pending

QUICK = RetryPolicy(
    connect_timeout_s=2,
    read_timeout_s=1,
    response_timeout_s=3,
    attempts=12,
    total_timeout_s=20,
    initial_backoff_s=0.005,
    max_backoff_s=0.05,
)
#: Headers of a source that allows any rate of requests.
UNLIMITED = {"ratelimit-limit": "1000000, 1000000;w=1", "ratelimit-remaining": "999999", "ratelimit-reset": "1"}


@dataclass
class Warehouse:
    """Tracks entities, syncs streams, and queries the stored data."""

    settings: Settings
    url: str
    lake: Lake

    def track(self, kind: str, *ids: object) -> None:
        with connect(self.url) as connection:
            track(connection, SOURCE.name, kind, [str(id_) for id_ in ids])

    def run(self, *names: str, clock: Clock | None = None, load: bool = True, **settings: Any) -> dict[str, SyncReport]:
        """Sync streams (all by default) with changed settings, and load after each sync."""
        changed = self.settings.model_copy(update=settings)

        async def scenario() -> dict[str, SyncReport]:
            reports = {}
            async with CONNECTOR.open_context(changed, self.url, self.lake, clock=clock, retry_policy=QUICK) as context:
                for stream in STREAMS:
                    if stream.name in (names or {stream.name}):
                        reports[stream.name] = await sync_stream(context, stream)
                        if load:
                            self.load()
            return reports

        return asyncio.run(scenario())

    def run_against(
        self, respond: Callable[[str, int], Reply], name: str, clock: Clock | None = None, **settings: Any
    ) -> tuple[SyncReport, list[str]]:
        """Sync one stream against a scripted source, with changed settings: its report and the requested paths."""
        reports, paths = self.run_all_against(respond, name, clock=clock, **settings)
        return reports[name], paths

    def run_all_against(
        self, respond: Callable[[str, int], Reply], *names: str, clock: Clock | None = None, **settings: Any
    ) -> tuple[dict[str, SyncReport], list[str]]:
        """Sync streams as one run against a scripted source: their reports and the requested paths."""

        def unlimited(path: str, times: int) -> Reply:
            reply = respond(path, times)
            return replace(reply, headers={**UNLIMITED, **reply.headers})

        async def scenario() -> tuple[dict[str, SyncReport], list[str]]:
            reports = {}
            async with scripted(unlimited) as server:
                changed = self.at(server.url).settings.model_copy(update=settings)
                opening = CONNECTOR.open_context(changed, self.url, self.lake, clock=clock, retry_policy=QUICK)
                async with opening as context:
                    for stream in (one for one in STREAMS if one.name in names):
                        reports[stream.name] = await sync_stream(context, stream)
                        self.load()
                return reports, [path.removeprefix("/api") for path in server.requests]

        return asyncio.run(scenario())

    def load(self) -> None:
        load_pending(self.url, self.lake, SOURCE)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with connect(self.url) as connection:
            return connection.execute(query, parameters).fetchall()

    def connection(self) -> closing[psycopg.Connection]:
        return closing(connect(self.url))

    def at(self, url: str) -> Warehouse:
        """The same warehouse, reading from another address."""
        return replace(self, settings=self.settings.model_copy(update={"faceit_url": url}))

    def with_key(self, key: str) -> Warehouse:
        return replace(self, settings=self.settings.model_copy(update={"faceit_key": SecretStr(key)}))


@pytest.fixture
def upstream() -> Iterator[Sandbox]:
    """A simulated FACEIT that one test may change."""
    with serve(World(seed=7, players=30, days=60)) as running:
        yield running


@pytest.fixture
def warehouse(database: Database, lake: Lake) -> Warehouse:
    """A warehouse without an upstream: no server responds at its address."""
    settings = database.settings.model_copy(
        update={"faceit_url": "http://127.0.0.1:9/unreachable", "faceit_key": SecretStr(KEY)}
    )
    return Warehouse(settings, database.url("ingest"), lake)


@pytest.fixture
def simulated(warehouse: Warehouse, upstream: Sandbox) -> Warehouse:
    """The warehouse, reading the simulated FACEIT."""
    return warehouse.at(upstream.faceit_url)


@pytest.fixture
def players(upstream: Sandbox) -> list[str]:
    """Players of the simulated world."""
    return upstream.faceit.world.suggested_players(10)


@pytest.fixture
def requested(upstream: Sandbox) -> Callable[[], list[str]]:
    """Paths and queries requested since the last call."""

    def since() -> list[str]:
        log = upstream.faceit.log
        entries = [f"{entry.path}?{entry.query}" if entry.query else entry.path for entry in log.entries]
        log.clear()
        return entries

    return since
