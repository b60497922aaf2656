"""Marts to readers: build and turn the views, then the cache; and the tests that a standing generation has passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import psycopg

from orchestration.dbt.graph import PROJECT, Graph
from orchestration.dbt.runner import NodeResult, prepare
from orchestration.dbt.state import follow_publication
from orchestration.pipeline.transform import Transformed, transform
from orchestration.progress import FailingTest, NodeDone, NotLoaded, Published, tell
from orchestration.warehouse_access import SOURCES, Warehouse, load_landed
from serving.cache.publish import publish_cache
from warehouse.core.errors import LadderError, PublicationError
from warehouse.database.refused import SERVER_AWAY, refused

__all__ = ["build_and_publish"]


def build_and_publish(warehouse: Warehouse, *, full_refresh: bool = False, project: Path = PROJECT) -> Transformed:
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
            tell(NotLoaded(failure))
    prepared = prepare(warehouse.settings, warehouse.servers.database_url, project)
    total = len(prepared.graph.models) + len(prepared.graph.tests)
    done = 0

    def count(result: NodeResult) -> None:
        nonlocal done
        done += 1
        tell(NodeDone(result.name, result.status, done, total))

    try:
        outcome = transform(warehouse, prepared, full_refresh=full_refresh, on_node=count)
    except LadderError as error:
        outcome = Transformed(prepared.graph, None, is_built=False, failure=error)
    except psycopg.OperationalError as error:
        outcome = Transformed(prepared.graph, None, is_built=False, failure=refused(error, SERVER_AWAY))
    outcome = replace(outcome, loaded=loaded)
    for result in outcome.results:
        if result.status == "fail" and result.sample is not None:
            tell(FailingTest(result.name, result.sample.as_lines()))
    generation = outcome.generation
    if generation is None or outcome.failure is not None:
        return outcome
    kept = warehouse.settings.home / "dbt" / "results" / f"{generation.colour}.json"
    if outcome.is_built:
        outcome = replace(outcome, results=_with_earlier(outcome.results, _kept(kept), prepared.graph))
        _keep(kept, outcome.results)
    else:
        outcome = replace(outcome, results=_kept(kept))
    as_of = str(generation.as_of_date) if generation.as_of_date else ""
    try:
        publish_cache(warehouse.servers.redis_url, generation, serving_url=warehouse.url("serving"))
    except PublicationError as error:
        outcome = replace(outcome, failure=error)
    tell(Published(generation.generation, outcome.is_built, as_of))
    follow_publication(warehouse.settings, warehouse.url("transform"), generation, project)
    return outcome


def _with_earlier(results: Sequence[NodeResult], earlier: Sequence[NodeResult], graph: Graph) -> Sequence[NodeResult]:
    """Results in which a test that was not run again has the one that it had; without one it has passed."""
    tests = {test.unique_id for test in graph.tests}
    known = {result.unique_id: result for result in earlier if result.unique_id in tests}
    return [
        replace(known.get(result.unique_id, replace(result, status="pass")), is_reused=True)
        if result.status == "reused" and result.unique_id in tests
        else result
        for result in results
    ]


def _keep(path: Path, results: Sequence[NodeResult]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    # Rows are shown once, and kept nowhere: what is forgotten of a person would be left in them.
    fresh.write_bytes(msgspec.json.encode([replace(result, sample=None) for result in results]))
    fresh.replace(path)


def _kept(path: Path) -> list[NodeResult]:
    """Results of the build that a colour stands on; none where another home built it."""
    return msgspec.json.decode(path.read_bytes(), type=list[NodeResult]) if path.exists() else []
