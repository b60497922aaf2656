"""The check that a run has recently confirmed the published marts: one result per run, for all models and tests.

Its metadata name the published generation, the time of its last confirmation, counts of models and tests, and late
tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import psycopg
from dagster import AssetCheckKey, AssetCheckResult, AssetCheckSeverity, AssetKey, MetadataValue
from dagster._core.definitions.metadata import RawMetadataValue

from orchestration.dbt.graph import Graph
from orchestration.pipeline.freshness import MARTS_LATE_AFTER, are_marts_late, table_ages
from orchestration.pipeline.transform import TransformResult
from orchestration.warehouse_access import Warehouse
from warehouse.core.errors import LadderError
from warehouse.database.connections import connect
from warehouse.publication.generations import current_generation

__all__ = ["CACHE_KEY", "CONFIRMED", "confirmation_result"]

#: Asset of the cached responses.
CACHE_KEY = AssetKey(["serving", "cache"])
#: The check that each run evaluates.
CONFIRMED = AssetCheckKey(CACHE_KEY, "confirmed")


def confirmation_result(
    warehouse: Warehouse, graph: Graph, outcome: TransformResult | None
) -> Iterator[AssetCheckResult]:
    """The result of the check, which fails if no run has confirmed the marts within the limit.

    Args:
        warehouse: the open warehouse.
        graph: models, tests and sources.
        outcome: result of the build; None if it could not start. In that case a missing database yields no result.

    Raises:
        LadderError: the database is no longer reachable.
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
    metadata: dict[str, RawMetadataValue] = {"marts late": is_late, "late after": f"{MARTS_LATE_AFTER}"}
    if generation is not None:
        metadata |= {
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
        metadata |= {
            "models changed": len(outcome.changed),
            "models unchanged": 0 if outcome.failure else len(graph.models) - len(outcome.changed),
            **{f"tests: {status}": counts[status] for status in ("pass", "warn", "fail", "error", "skipped")},
            "tests reused": sum(
                result.is_reused or result.status == "reused" or not outcome.is_built for result in results
            ),
        }
        if outcome.failure is not None:
            metadata["failure"] = str(outcome.failure)
    lines = [f"- {age.source.source}/{age.source.name}: {_since(age.age_s)}" for age in late]
    metadata["late tables"] = MetadataValue.md("\n".join(lines) or "none")
    yield AssetCheckResult(
        asset_key=CACHE_KEY,
        check_name=CONFIRMED.name,
        passed=not is_late,
        severity=AssetCheckSeverity.ERROR,
        metadata=metadata,
    )


def _since(age_s: float | None) -> str:
    return f"not confirmed for {(age_s or 0) / 3600:.0f} h"
