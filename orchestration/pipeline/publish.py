"""Marts to readers: build and turn the views, then the cache; and the tests that a standing generation has passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import psycopg

from orchestration.dbt.graph import PROJECT
from orchestration.dbt.manifests import prepare
from orchestration.dbt.results import NodeResult
from orchestration.dbt.state import update_state
from orchestration.pipeline.transform import TransformResult, transform
from orchestration.progress import FailingTest, LoadFailed, MartsPublished, NodeDone, emit
from orchestration.warehouse_access import SOURCES, Warehouse, load_landed
from serving.cache.publish import publish_cache
from warehouse.core.errors import LadderError, PublicationError
from warehouse.database.refused import SERVER_AWAY, refused

__all__ = ["build_and_publish"]


def build_and_publish(warehouse: Warehouse, *, full_refresh: bool = False, project: Path = PROJECT) -> TransformResult:
    """Bring marts and cache to the newest data, telling progress; a failed test leaves both as they were.

    What is landed and not loaded yet is loaded first, of every source: also of one that nobody asks any more.

    Args:
        warehouse: the open warehouse.
        full_refresh: rebuild everything from nothing, even if nothing is new.
        project: the folder of the dbt project.

    Returns:
        What became of it; its failure says why dbt could not run, or the views could not turn.

    Raises:
        LadderError: the project cannot be parsed, or dbt's state for developers cannot be written.
    """
    loaded: dict[tuple[str, str], int] = {}
    for source in SOURCES.values():
        report, failure = load_landed(warehouse, source)
        loaded |= {(source.name, table): rows for table, rows in report.changed.items()}
        if failure is not None:
            emit(LoadFailed(failure))
    prepared = prepare(warehouse.settings, warehouse.servers.database_url, project)
    total = len(prepared.graph.models) + len(prepared.graph.tests)
    done = 0

    def count(result: NodeResult) -> None:
        nonlocal done
        done += 1
        emit(NodeDone(result.name, result.status, done, total))

    try:
        outcome = transform(warehouse, prepared, full_refresh=full_refresh, on_node=count)
    except LadderError as error:
        outcome = TransformResult(prepared.graph, None, is_built=False, failure=error)
    except psycopg.OperationalError as error:
        outcome = TransformResult(prepared.graph, None, is_built=False, failure=refused(error, SERVER_AWAY))
    outcome = replace(outcome, loaded=loaded)
    for result in outcome.results:
        if result.status == "fail" and result.sample is not None:
            emit(FailingTest(result.name, result.sample.as_lines()))
    generation = outcome.generation
    if generation is None or outcome.failure is not None:
        return outcome
    kept = warehouse.settings.home / "dbt" / "results" / f"{generation.colour}.json"
    if outcome.is_built:
        _keep(kept, outcome.results)
    else:
        outcome = replace(outcome, results=_kept(kept))
    as_of = str(generation.as_of_date) if generation.as_of_date else ""
    try:
        publish_cache(warehouse.servers.redis_url, generation, serving_url=warehouse.url("serving"))
    except PublicationError as error:
        outcome = replace(outcome, failure=error)
    emit(MartsPublished(generation.generation, outcome.is_built, as_of))
    update_state(warehouse.settings, warehouse.url("transform"), generation, project)
    return outcome


def _keep(path: Path, results: Sequence[NodeResult]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    # Rows are shown once, and kept nowhere: what is forgotten of a person would be left in them.
    fresh.write_bytes(msgspec.json.encode([replace(result, sample=None) for result in results]))
    fresh.replace(path)


def _kept(path: Path) -> list[NodeResult]:
    """Results of the build that a colour stands on; none where another home built it."""
    return msgspec.json.decode(path.read_bytes(), type=list[NodeResult]) if path.exists() else []
