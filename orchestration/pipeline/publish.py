"""Publication: load pending files, build and promote the marts, switch the cache, keep the results of tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import psycopg

from orchestration.dbt.graph import PROJECT, Graph
from orchestration.dbt.manifests import prepare
from orchestration.dbt.results import NodeResult
from orchestration.dbt.state import update_state
from orchestration.pipeline.transform import TransformResult, transform
from orchestration.progress import FailingTest, LoadFailed, MartsPublished, NodeDone, emit
from orchestration.warehouse_access import SOURCES, Warehouse, load_landed
from serving.cache.publish import publish_cache
from warehouse.core.errors import LadderError, PublicationError
from warehouse.core.files import write_atomically
from warehouse.database.error_messages import SERVER_UNAVAILABLE, to_database_error

__all__ = ["build_and_publish"]


def build_and_publish(warehouse: Warehouse, *, full_refresh: bool = False, project: Path = PROJECT) -> TransformResult:
    """Update marts and cache to the newest data, and emit progress events. After a failed test both stay unchanged.

    Pending files of all sources are loaded first, including sources that are no longer synced.

    Args:
        warehouse: the open warehouse.
        full_refresh: rebuild everything from scratch, even without new data.
        project: folder of the dbt project.

    Returns:
        The result. Its failure is also set if dbt could not run, or the views could not be promoted.

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

    def on_node(result: NodeResult) -> None:
        nonlocal done
        done += 1
        emit(NodeDone(result.name, result.status, done, total))

    try:
        outcome = transform(warehouse, prepared, full_refresh=full_refresh, on_node=on_node)
    except LadderError as error:
        outcome = TransformResult(prepared.graph, None, is_built=False, failure=error)
    except psycopg.OperationalError as error:
        outcome = TransformResult(
            prepared.graph, None, is_built=False, failure=to_database_error(error, SERVER_UNAVAILABLE)
        )
    outcome = replace(outcome, loaded=loaded)
    for result in outcome.results:
        if result.status == "fail" and result.sample is not None:
            emit(FailingTest(result.name, result.sample.as_lines()))
    generation = outcome.generation
    if generation is None or outcome.failure is not None:
        return outcome
    results_file = warehouse.settings.home / "dbt" / "results" / f"{generation.colour}.json"
    if outcome.is_built:
        results = _with_earlier_tests(outcome.results, _read_results(results_file), prepared.graph)
        outcome = replace(outcome, results=results)
        _write_results(results_file, results)
    else:
        outcome = replace(outcome, results=_read_results(results_file))
    as_of = str(generation.as_of_date) if generation.as_of_date else ""
    try:
        publish_cache(warehouse.servers.redis_url, generation, serving_url=warehouse.url("serving"))
    except PublicationError as error:
        outcome = replace(outcome, failure=error)
    emit(MartsPublished(generation.generation, outcome.is_built, as_of))
    update_state(warehouse.settings, warehouse.url("transform"), generation, project)
    return outcome


def _with_earlier_tests(
    results: Sequence[NodeResult], earlier: Sequence[NodeResult], graph: Graph
) -> Sequence[NodeResult]:
    """The results, in which a reused test has its earlier result; without one it has passed in another home."""
    tests = {test.unique_id for test in graph.tests}
    known = {result.unique_id: result for result in earlier if result.unique_id in tests}
    return [
        replace(known.get(result.unique_id, replace(result, status="pass")), is_reused=True)
        if result.status == "reused" and result.unique_id in tests
        else result
        for result in results
    ]


def _write_results(path: Path, results: Sequence[NodeResult]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Failing rows are not stored: the file would keep personal data that has to be deleted on request.
    write_atomically(path, msgspec.json.encode([replace(result, sample=None) for result in results]))


def _read_results(path: Path) -> list[NodeResult]:
    """Results of the last build of a colour; none if another home built it."""
    return msgspec.json.decode(path.read_bytes(), type=list[NodeResult]) if path.exists() else []
