"""Creates and executes runs in this process, from the definitions and the Dagster instance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dagster import DagsterInstance, DagsterRun, RepositoryDefinition

from orchestration.assets.marts import CACHE_KEY, STEP, model_key
from orchestration.assets.staging import StagingAssets, staging_assets
from orchestration.dbt.graph import Graph, models_digest
from orchestration.dbt.manifests import prepare, warm_up
from orchestration.definitions import build_definitions
from orchestration.engine.instance import prepare_instance, storage_url
from orchestration.jobs import RUN_JOB
from orchestration.progress import RunDone, emit
from orchestration.runs.execution import create_run, execute, open_instance
from orchestration.warehouse_access import Warehouse, skipped_sources
from warehouse.core.errors import ConfigurationError
from warehouse.core.settings import Settings

__all__ = ["Pipeline", "open_pipeline", "select_streams"]


def select_streams(names: Sequence[str], settings: Settings) -> list[tuple[StagingAssets, str]]:
    """Streams by name: `<source>/<stream>`, `<stream>`, or `<source>` for all streams of a source.

    Raises:
        ConfigurationError: there is no such stream, and the message lists all streams; or its source lacks a key.
    """
    known = {f"{one.name}/{name}": (one, name) for one in staging_assets().values() for name in one.streams}
    found = []
    for name in names:
        matching = [value for full, value in known.items() if name in (full, *full.split("/"))]
        if not matching:
            raise ConfigurationError(f"there is no stream {name}", f"choose from {', '.join(known)}")
        readable = [(one, stream) for one, stream in matching if one.reader.is_readable(settings)]
        if not readable:
            matching[0][0].reader.require_key(settings)
        found += readable
    return found


class Pipeline:
    """Creates and executes runs. The definitions are reloaded when the dbt project on disk has changed."""

    def __init__(self, warehouse: Warehouse, instance: DagsterInstance) -> None:
        self.warehouse = warehouse
        self.instance = instance
        self._digest = ""
        self._graph: Graph | None = None
        self._repository: RepositoryDefinition | None = None

    def warm_up(self) -> None:
        """Load everything that a run needs."""
        self._load()
        url = self.warehouse.servers.database_url
        warm_up(prepare(self.warehouse.settings, url), self.warehouse.settings, url)

    def create(self, *, streams: Sequence[str] = (), full_refresh: bool = False) -> DagsterRun:
        """Create a run of everything, or of some streams and the marts.

        Raises:
            ConfigurationError: there is no such stream, or its source lacks a key.
        """
        chosen = select_streams(streams, self.warehouse.settings)
        repository, graph = self._load()
        if not chosen:
            for skipped in skipped_sources(self.warehouse):
                emit(skipped)
        keys = [key for staging, name in chosen for key in staging.keys_of(name)]
        selected = [*keys, *map(model_key, graph.models), CACHE_KEY] if chosen else []
        config: dict[str, Any] = {"ops": {STEP: {"config": {"full_refresh": full_refresh}}}}
        return create_run(self.instance, repository, RUN_JOB, assets=selected, config=config)

    def execute(self, run: DagsterRun) -> RunDone:
        """Execute a run."""
        repository, _ = self._load()
        return execute(self.instance, repository, run)

    def _load(self) -> tuple[RepositoryDefinition, Graph]:
        digest = models_digest(self.warehouse.settings)
        if self._repository is None or self._graph is None or digest != self._digest:
            prepared = prepare(self.warehouse.settings, self.warehouse.servers.database_url)
            self._graph = prepared.graph
            self._repository = build_definitions(prepared.graph, self.warehouse.settings).get_repository_def()
            self._digest = digest
        return self._repository, self._graph


@contextmanager
def open_pipeline(warehouse: Warehouse) -> Iterator[Pipeline]:
    """Open the Dagster instance of an open warehouse."""
    with open_instance(prepare_instance(warehouse), storage_url(warehouse)) as instance:
        yield Pipeline(warehouse, instance)
