"""From staging to published marts: build the idle colour, test it, promote it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import psycopg
from psycopg import sql

from orchestration.dbt import runner as dbt_runner
from orchestration.dbt.graph import Graph
from orchestration.dbt.manifests import Prepared
from orchestration.dbt.results import NodeResult
from orchestration.dbt.staleness import Staleness
from orchestration.pipeline.changes import changed_models, changed_sources
from orchestration.warehouse_access import Warehouse
from warehouse.core.errors import BuildError, ConfigurationError, LadderError
from warehouse.core.settings import Settings
from warehouse.database.error_messages import hint_for
from warehouse.database.role_names import SET_ROLE_MARTS_OWNER
from warehouse.publication.damage import damaged_marts
from warehouse.publication.feed import trim_feeds
from warehouse.publication.generations import Generation, confirm_generation, current_generation
from warehouse.publication.plan import Build, begin_build, build_session, plan_build, record_build
from warehouse.publication.promote import promote
from warehouse.publication.statistics import refresh_statistics

__all__ = ["TransformResult", "as_of_date", "build_failure", "transform"]


@dataclass(frozen=True)
class TransformResult:
    """Result of a transformation.

    Args:
        graph: the models and tests.
        generation: the published generation; None if the build failed before the first one.
        is_built: whether a build ran; otherwise the published colour was already up to date.
        results: results of all nodes; empty if no build ran.
        failure: a failed test or model, because of which nothing was promoted; the reason for which no build ran; or a
            cache that could not be notified. None on success.
        changed: dbt's ids of the models that differ from the previous generation, upstream first, with the numbers of
            rows that the build wrote: None for a view, and if the number is unknown. Empty if nothing was promoted.
        loaded: changed rows of the load before the build, by source and staging table.
    """

    graph: Graph
    generation: Generation | None
    is_built: bool
    results: Sequence[NodeResult] = field(default=())
    failure: LadderError | None = None
    changed: Mapping[str, int | None] = field(default_factory=dict)
    loaded: Mapping[tuple[str, str], int] = field(default_factory=dict)


def transform(
    warehouse: Warehouse,
    prepared: Prepared,
    *,
    full_refresh: bool = False,
    on_node: Callable[[NodeResult], None] = lambda result: None,
) -> TransformResult:
    """Update the marts in the idle colour, repair damaged ones, test and promote; after a failure nothing is promoted.

    Loads and other builds wait meanwhile, so all marts of a generation are built from the same data.

    Args:
        warehouse: the open warehouse.
        prepared: the dbt project.
        full_refresh: rebuild everything from scratch, even without new data; the next build then rebuilds the other
            colour. Damaged marts are rebuilt in the idle colour in any case.
        on_node: called with each node's result.

    Raises:
        LadderError: dbt could not run, or the views could not be promoted. The old generation keeps serving.
    """
    transform_url = warehouse.url("transform")
    with build_session(transform_url) as connection:
        build = plan_build(connection, models_digest=prepared.digest, as_of_date=as_of_date(warehouse.settings))
        damaged = damaged_marts(connection)
        is_needed = build.is_needed and not _has_only_unread_batches(connection, build, prepared.graph)
        if not is_needed and not full_refresh and not damaged:
            live = current_generation(connection)
            assert live is not None  # otherwise a build is needed
            return TransformResult(prepared.graph, confirm_generation(connection, live), is_built=False)
        is_full = full_refresh or build.is_full or bool(damaged_marts(connection, build.colour))
        # A table that was changed by hand is never the base of an incremental build.
        is_other_colour_stale = full_refresh or not all(mart.is_view_only for mart in damaged)
        before = current_generation(connection)
        staleness = None if is_full else _staleness(connection, build, prepared.graph)
        is_one_behind = _is_one_behind(connection, build)
        begin_build(connection, build, is_full=is_full)
        trim_feeds(connection)
        refresh_statistics(warehouse.servers.database_url)
        results = dbt_runner.build(
            prepared,
            warehouse.settings,
            transform_url,
            build.colour,
            lock=connection,
            full_refresh=is_full,
            limit_cpu=is_full and before is not None,
            staleness=staleness,
            on_node=on_node,
        )
        failure = build_failure(results)
        if failure is not None:
            return TransformResult(prepared.graph, before, True, results, failure)
        built_as_of = _built_as_of(connection, build)
        record_build(connection, build, as_of_date=built_as_of, is_other_colour_stale=is_other_colour_stale)
        generation = promote(connection, build.colour, prepared.graph.marts)
        sources = None
        if before is not None and not is_full and not damaged:
            sources = changed_sources(
                connection,
                prepared.graph.sources,
                since_batch_id=before.head_batch_id,
                with_inputs=not build.lacks_only_batches or generation.as_of_date != before.as_of_date,
            )
        changed = changed_models(prepared.graph, results, sources, is_counted=is_full or is_one_behind)
        return TransformResult(prepared.graph, generation, True, results, changed=changed)


def _has_only_unread_batches(connection: psycopg.Connection, build: Build, graph: Graph) -> bool:
    """Whether the live colour lacks only batches of staging tables that no model is built from."""
    if build.live is None or not build.lacks_only_batches:
        return False
    since = build.live.head_batch_id
    return not changed_sources(connection, graph.sources_of_tables, since_batch_id=since, with_inputs=False)


def _staleness(connection: psycopg.Connection, build: Build, graph: Graph) -> Staleness | None:
    """Decides which nodes have to run; None if all have to.

    All have to after an unfinished build of the colour, since a table may be newer than its readers, and if the server
    does not count rows.
    """
    if build.idle is None or not build.idle.is_complete:
        return None
    if connection.execute("SELECT current_setting('track_counts')").fetchone() != ("on",):
        return None
    changed = changed_sources(
        connection,
        graph.sources,
        since_batch_id=build.idle.head_batch_id,
        with_inputs=build.idle.inputs_digest != build.inputs_digest,
    )
    return Staleness(graph, changed)


def _is_one_behind(connection: psycopg.Connection, build: Build) -> bool:
    """Whether the idle colour is exactly one generation behind the published one.

    After a rollback, or after a build that failed or was killed, it differs from the published colour by more than the
    next build writes.
    """
    row = connection.execute(
        "SELECT 1 FROM ops.build_state AS idle JOIN ops.build_inputs AS begun USING (colour) "
        "JOIN ops.build_state AS live ON live.colour <> idle.colour "
        "WHERE idle.colour = %s AND idle.built_at <= live.built_at AND begun.begun_at <= idle.built_at",
        [build.colour],
    ).fetchone()
    return row is not None


def as_of_date(settings: Settings) -> date | None:
    """The anchor date of the rolling windows, if one is set.

    Raises:
        ConfigurationError: it is not a date.
    """
    if settings.as_of_date is None:
        return None
    try:
        return date.fromisoformat(settings.as_of_date)
    except ValueError:
        raise ConfigurationError(
            f"LADDER_AS_OF_DATE: {settings.as_of_date} is not a date", "write it as 2026-01-31"
        ) from None


def build_failure(
    results: Sequence[NodeResult], outcome: str = "nothing was published; the last generation keeps serving"
) -> BuildError | None:
    """The failures of a build and their consequence in one line, failed tests first; None if nothing failed."""
    tests = [f"test {result.name} failed ({_rows(result.failures)})" for result in results if result.status == "fail"]
    models = [f"{result.name}: {result.message}" for result in results if result.status == "error"]
    failures = [*tests, *models]
    if not failures:
        return None
    others = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
    return BuildError(
        f"{failures[0]}{others}; {outcome}",
        hint_for(failures[0]) or "see logs/dbt.log under LADDER_HOME",
    )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _built_as_of(connection: psycopg.Connection, build: Build) -> date | None:
    """The anchor date that the models of the build have determined."""
    table = sql.Identifier("prep", f"int_as_of_date_{build.colour}")
    with connection.transaction():
        connection.execute(SET_ROLE_MARTS_OWNER)
        row = connection.execute(sql.SQL("SELECT as_of_date FROM {}").format(table)).fetchone()
    return None if row is None else row[0]
