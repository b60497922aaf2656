"""Definitions and instance together: what creates and executes runs in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dagster import DagsterInstance, DagsterRun, RepositoryDefinition

from ingestion.opendota.passes import PASSES
from orchestration.assets.marts import CACHE_KEY, STEP, model_key
from orchestration.assets.opendota import keys_of
from orchestration.dbt_graph import Graph, models_digest
from orchestration.dbt_runner import prepare, warm_up
from orchestration.definitions import build_definitions
from orchestration.instance import prepare_instance
from orchestration.progress import RunDone
from orchestration.runs import create_run, execute, opened_instance
from orchestration.warehouse_access import Warehouse
from warehouse.errors import ConfigurationError

__all__ = ["Pipeline", "opened_pipeline", "require_passes"]


def require_passes(names: Sequence[str]) -> None:
    """Refuse a name that no pass has.

    Raises:
        ConfigurationError: there is no such pass; names those that there are.
    """
    known = [definition.name for definition in PASSES]
    for name in names:
        if name not in known:
            raise ConfigurationError(f"there is no pass {name}", f"choose from {', '.join(known)}")


class Pipeline:
    """Creates and executes runs; definitions follow the dbt project as it changes on the disk."""

    def __init__(self, warehouse: Warehouse, instance: DagsterInstance) -> None:
        self.warehouse = warehouse
        self.instance = instance
        self._digest = ""
        self._graph: Graph | None = None
        self._repository: RepositoryDefinition | None = None

    def warm_up(self) -> None:
        """Load everything that a run would load."""
        self._load()
        url = self.warehouse.servers.database_url
        warm_up(prepare(self.warehouse.settings, url), self.warehouse.settings, url)

    def create(self, *, passes: Sequence[str] = (), full_refresh: bool = False) -> DagsterRun:
        """Create a run of everything, or of some passes and the marts.

        Raises:
            ConfigurationError: there is no such pass.
        """
        require_passes(passes)
        repository, graph = self._load()
        selected = [*keys_of(*passes), *map(model_key, graph.models), CACHE_KEY] if passes else []
        config: dict[str, Any] = {"ops": {STEP: {"config": {"full_refresh": full_refresh}}}}
        return create_run(self.instance, repository, "run", assets=selected, config=config)

    def execute(self, run: DagsterRun) -> RunDone:
        """Execute a run to its end."""
        repository, _ = self._load()
        return execute(self.instance, repository, run)

    def _load(self) -> tuple[RepositoryDefinition, Graph]:
        digest = models_digest()
        if self._repository is None or self._graph is None or digest != self._digest:
            prepared = prepare(self.warehouse.settings, self.warehouse.servers.database_url)
            self._graph = prepared.graph
            self._repository = build_definitions(prepared.graph).get_repository_def()
            self._digest = digest
        return self._repository, self._graph


@contextmanager
def opened_pipeline(warehouse: Warehouse) -> Iterator[Pipeline]:
    """Open Dagster's instance over an open warehouse."""
    with opened_instance(prepare_instance(warehouse)) as instance:
        yield Pipeline(warehouse, instance)
