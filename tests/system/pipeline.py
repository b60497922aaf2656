"""The whole pipeline in this process, against simulated upstreams: sync, load, build, promote."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import psycopg
from pydantic import SecretStr

from ingestion.http.client import RetryPolicy
from ingestion.http.rate_limits import Clock, SystemClock
from ingestion.registry import connectors
from ingestion.sync.connector import SourceConnector
from ingestion.sync.execution import sync_stream
from ingestion.sync.reports import SyncReport
from orchestration.dbt.manifests import prepare
from orchestration.pipeline.transform import TransformResult, transform
from orchestration.warehouse_access import Warehouse
from sandbox.faceit import KEY
from tests.conftest import Database
from warehouse.core.settings import Settings
from warehouse.database.connections import connect
from warehouse.embedded import Servers
from warehouse.lake.files import Lake
from warehouse.ops.state import track
from warehouse.staging.load import load_pending

__all__ = ["Pipeline", "marts_of"]

#: Short timeouts for tests.
_RETRY_POLICY = RetryPolicy(
    connect_timeout_s=2,
    read_timeout_s=0.5,
    response_timeout_s=5,
    attempts=6,
    total_timeout_s=10,
    initial_backoff_s=0.02,
    max_backoff_s=0.1,
)


@dataclass
class Pipeline:
    """A warehouse and its upstreams.

    Args:
        database: its database and home.
        url: base URL of OpenDota.
        clock: clock of the syncs.
        match_budget: number of matches whose details a sync may fetch.
        faceit_url: base URL of FACEIT; None to skip it.
    """

    database: Database
    url: str
    clock: Clock
    match_budget: int = 100
    faceit_url: str | None = None
    #: Number of unreadable records and fields that were loaded in the last sync of all streams.
    unreadable: int = 0

    @classmethod
    def on(
        cls,
        database: Database,
        url: str,
        *,
        clock: Clock | None = None,
        match_budget: int = 100,
        faceit_url: str | None = None,
    ) -> Pipeline:
        """A pipeline with the system clock, unless another is given."""
        return cls(database, url, clock or SystemClock(), match_budget, faceit_url)

    @property
    def settings(self) -> Settings:
        """Settings with the addresses of the upstreams."""
        update: dict[str, Any] = {
            "opendota_url": self.url,
            "opendota_match_budget": self.match_budget,
            "opendota_rescan_days": 1,
        }
        if self.faceit_url is not None:
            update |= {
                "faceit_url": self.faceit_url,
                "faceit_key": SecretStr(KEY),
                "faceit_match_budget": self.match_budget,
            }
        return self.database.settings.model_copy(update=update)

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse, on the servers of the test session."""
        assert self.settings.redis_url is not None
        servers = Servers(self.database.admin_url, self.settings.redis_url.get_secret_value(), False, False)
        return Warehouse(self.settings, servers)

    @property
    def lake(self) -> Lake:
        """The lake."""
        return self.warehouse.lake

    def track(self, kind: str, *ids: int | str, source: str = "opendota") -> None:
        """Track entities of a kind."""
        with connect(self.database.url("ingest")) as connection:
            track(connection, source, kind, [str(id_) for id_ in ids])

    def ingest(self) -> list[SyncReport]:
        """Sync every stream once, and load its files."""
        return asyncio.run(self._sync_all())

    def sync_until_complete(self) -> None:
        """Sync repeatedly, like schedules: work items that failed by a fault are fetched by the next sync."""
        for _ in range(8):
            self.unreadable = 0
            reports = self.ingest()
            if all(report.is_ok for report in reports) and not self.unreadable:
                return
        raise AssertionError([self.unreadable, *(report for report in reports if not report.is_ok or report.rejected)])

    def build(self, *, full_refresh: bool = False) -> TransformResult:
        """Build, test and promote the marts. A failed test is raised."""
        prepared = prepare(self.settings, self.database.url("transform"))
        done = transform(self.warehouse, prepared, full_refresh=full_refresh)
        if done.failure is not None:
            raise done.failure
        return done

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query, as the analyst."""
        with connect(self.database.url("analyst")) as connection:
            return connection.execute(query, values).fetchall()  # type: ignore[arg-type]  # text of the tests

    def staging(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query over staging or `ops`, as the ingest role."""
        with connect(self.database.url("ingest")) as connection:
            return connection.execute(query, values).fetchall()  # type: ignore[arg-type]  # text of the tests

    def any_rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query over staging, `ops` and marts, as the owner of the database."""
        with connect(self.database.admin_url) as connection:
            return connection.execute(query, values).fetchall()  # type: ignore[arg-type]  # text of the tests

    async def _sync_all(self) -> list[SyncReport]:
        reports = []
        for reader in connectors().values():
            if reader.is_readable(self.settings):
                reports += await self._sync_source(reader)
        return reports

    async def _sync_source(self, reader: SourceConnector) -> list[SyncReport]:
        reports = []
        url = self.database.url("ingest")
        self._load(reader)
        async with reader.open_context(
            self.settings, url, self.lake, clock=self.clock, retry_policy=_RETRY_POLICY
        ) as context:
            for definition in reader.streams:
                reports.append(await sync_stream(context, definition))
                self._load(reader)
        return reports

    def _load(self, reader: SourceConnector) -> None:
        loaded = load_pending(self.database.url("ingest"), self.lake, reader.source)
        self.unreadable += loaded.rejected + loaded.field_rejects


def marts_of(connection: psycopg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all published marts, sorted."""
    names = [row[0] for row in connection.execute("SELECT viewname FROM pg_views WHERE schemaname = 'marts'")]
    found = {}
    for name in sorted(names):
        rows = connection.execute(f'SELECT * FROM marts."{name}"').fetchall()
        found[name] = sorted(rows, key=repr)
    return found
