"""The state of all models and tests, in one check result a run.

It says which generation is published, when a run last confirmed it, what became of models and tests, and what is late.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import psycopg
from dagster import AssetCheckKey, AssetCheckResult, AssetCheckSeverity, AssetKey, MetadataValue
from dagster._core.definitions.metadata import RawMetadataValue

from orchestration.dbt.graph import Graph
from orchestration.pipeline.freshness import MARTS_LATE_AFTER, are_marts_late, table_ages
from orchestration.pipeline.transform import Transformed
from orchestration.warehouse_access import Warehouse
from warehouse.core.errors import LadderError
from warehouse.database.connections import connect
from warehouse.publication.publication import current_generation

__all__ = ["CACHE_KEY", "CONFIRMED", "state_of_all"]

#: What applications read.
CACHE_KEY = AssetKey(["serving", "cache"])
#: The check of each run: what state the marts are in, and when a run last confirmed it.
CONFIRMED = AssetCheckKey(CACHE_KEY, "confirmed")


def state_of_all(warehouse: Warehouse, graph: Graph, outcome: Transformed | None) -> Iterator[AssetCheckResult]:
    """The result of the check, which fails once no run has confirmed the marts for too long.

    Args:
        warehouse: the open warehouse.
        graph: models, tests and sources.
        outcome: what a build left; None where it could not even begin. Then, without a database, there is no result.

    Raises:
        LadderError: the database cannot be reached any more.
    """
    try:
        with connect(warehouse.url("transform")) as connection:
            generation = current_generation(connection)
            late = [age for age in table_ages(connection, graph.sources) if age.is_late]
    except (LadderError, psycopg.Error):
        if outcome is None:
            return
        raise
    is_late = are_marts_late(generation)
    found: dict[str, RawMetadataValue] = {"marts late": is_late, "late after": f"{MARTS_LATE_AFTER}"}
    if generation is not None:
        found |= {
            "generation": generation.generation,
            "confirmed at": MetadataValue.timestamp(generation.confirmed_at),
            "published at": MetadataValue.timestamp(generation.published_at),
            "as of": str(generation.as_of_date),
            "newest batch": generation.head_batch_id,
        }
    if outcome is not None:
        tests = {test.unique_id for test in graph.tests}
        results = [result for result in outcome.results if result.unique_id in tests]
        counts = Counter[str](result.status for result in results)
        found |= {
            "models changed": len(outcome.changed),
            "models unchanged": 0 if outcome.failure else len(graph.models) - len(outcome.changed),
            **{f"tests: {status}": counts[status] for status in ("pass", "warn", "fail", "error", "skipped")},
            "tests not run again": sum(result.is_reused or not outcome.is_built for result in results),
        }
        if outcome.failure is not None:
            found["failure"] = str(outcome.failure)
    names = [f"- {age.source.source}/{age.source.name}: {_since(age.age_s)}" for age in late]
    found["late tables"] = MetadataValue.md("\n".join(names) or "none")
    yield AssetCheckResult(
        asset_key=CACHE_KEY,
        check_name=CONFIRMED.name,
        passed=not is_late,
        severity=AssetCheckSeverity.ERROR,
        metadata=found,
    )


def _since(age_s: float | None) -> str:
    return f"not confirmed for {(age_s or 0) / 3600:.0f} h"
