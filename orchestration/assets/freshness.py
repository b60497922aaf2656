"""Freshness of staging: one check per source table for which the dbt project sets a limit."""

from collections.abc import Iterator

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    OpExecutionContext,
    multi_asset_check,
)

from orchestration.dbt.graph import Graph, Source
from orchestration.engine.interrupts import expected_errors_as_failures
from orchestration.pipeline.freshness import TableAge, table_ages
from warehouse.database.connections import connect

__all__ = ["freshness_checks", "freshness_keys"]

_CHECK = "freshness"


def freshness_keys(graph: Graph) -> list[AssetCheckKey]:
    """Keys of all freshness checks."""
    return [AssetCheckKey(_key(source), _CHECK) for source in graph.sources if source.freshness is not None]


def freshness_checks(graph: Graph) -> AssetChecksDefinition:
    """The step that evaluates the selected freshness checks in one query."""
    limited = [source for source in graph.sources if source.freshness is not None]

    @multi_asset_check(
        name="source_freshness",
        specs=[
            AssetCheckSpec(_CHECK, asset=_key(source), description="Its source has responded within the limit.")
            for source in limited
        ],
        can_subset=True,
        required_resource_keys={"warehouse"},
    )
    def check_freshness(context: OpExecutionContext) -> Iterator[AssetCheckResult]:
        selected = {key.asset_key for key in context.selected_asset_check_keys}
        sources = [source for source in limited if _key(source) in selected]
        with expected_errors_as_failures(), connect(context.resources.warehouse.url("transform")) as connection:
            ages = table_ages(connection, sources)
        yield from map(_result, ages)

    return check_freshness


def _key(source: Source) -> AssetKey:
    return AssetKey([source.source, source.name])


def _result(age: TableAge) -> AssetCheckResult:
    return AssetCheckResult(
        asset_key=_key(age.source),
        check_name=_CHECK,
        passed=not age.is_late,
        severity=AssetCheckSeverity.ERROR if age.is_error else AssetCheckSeverity.WARN,
        metadata={
            "last confirmed": age.confirmed_at.isoformat() if age.confirmed_at else "never",
            "waited for": age.age_s is not None,
        },
    )
