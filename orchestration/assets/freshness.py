"""How old staging is: one check for each source table to which the dbt project gives a limit."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

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
from psycopg import sql

from orchestration.dbt_graph import Graph, Source
from orchestration.interrupts import plain_failures
from warehouse.database import connect

__all__ = ["freshness_checks", "freshness_keys"]

_CHECK = "freshness"


def freshness_keys(graph: Graph) -> list[AssetCheckKey]:
    """Every check of this kind."""
    return [AssetCheckKey(_key(source), _CHECK) for source in graph.sources if source.freshness is not None]


def freshness_checks(graph: Graph) -> AssetChecksDefinition:
    """The step that looks at all of them, or at those of a job's own tables, in one query."""
    limited = [source for source in graph.sources if source.freshness is not None]

    @multi_asset_check(
        name="source_freshness",
        specs=[
            AssetCheckSpec(_CHECK, asset=_key(source), description="Something was loaded not too long ago.")
            for source in limited
        ],
        can_subset=True,
        required_resource_keys={"warehouse"},
    )
    def look(context: OpExecutionContext) -> Iterator[AssetCheckResult]:
        wanted = {key.asset_key for key in context.selected_asset_check_keys}
        sources = [source for source in limited if _key(source) in wanted]
        with plain_failures(), connect(context.resources.warehouse.url("transform")) as connection:
            newest: dict[str, datetime | None] = dict(connection.execute(_newest(sources)).fetchall())
        for source in sources:
            yield _result(source, newest[source.unique_id])

    return look


def _key(source: Source) -> AssetKey:
    return AssetKey([source.source, source.name])


def _newest(sources: Sequence[Source]) -> sql.Composed:
    """When each table was last seen at its source; what comes again unchanged is fresh too."""
    return sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {}, max(_observed_at) FROM {}").format(
            sql.Literal(source.unique_id), sql.Identifier(source.schema, source.name)
        )
        for source in sources
    )


def _result(source: Source, seen_at: datetime | None) -> AssetCheckResult:
    limits = source.freshness
    assert limits is not None  # others are left out above
    age_s = (datetime.now(UTC) - seen_at).total_seconds() if seen_at else float("inf")
    is_error = limits.error_s is not None and age_s > limits.error_s
    is_late = is_error or (limits.warn_s is not None and age_s > limits.warn_s)
    return AssetCheckResult(
        asset_key=_key(source),
        check_name=_CHECK,
        passed=not is_late or seen_at is None,
        severity=AssetCheckSeverity.ERROR if is_error else AssetCheckSeverity.WARN,
        metadata={"last seen": seen_at.isoformat() if seen_at else "never"},
    )
