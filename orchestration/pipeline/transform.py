"""From staging to served marts: build the idle colour, test it, turn the views, turn the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import psycopg
from psycopg import sql

from orchestration.dbt import runner as dbt_runner
from orchestration.dbt.graph import Graph
from orchestration.dbt.runner import NodeResult, Prepared
from orchestration.dbt.staleness import Staleness
from orchestration.pipeline.changes import changed_models, changed_sources
from orchestration.warehouse_access import Warehouse
from warehouse.core.errors import BuildError, ConfigurationError, LadderError
from warehouse.core.settings import Settings
from warehouse.database.refused import advice_on
from warehouse.database.role_names import ACT_AS_MARTS_OWNER
from warehouse.publication.damage import damaged_marts
from warehouse.publication.feed import trim_feeds
from warehouse.publication.publication import (
    Build,
    Generation,
    begin_build,
    building,
    confirm_generation,
    current_generation,
    plan_build,
    record_build,
    turn,
)
from warehouse.publication.statistics import refresh_statistics

__all__ = ["Transformed", "as_of_date", "failed_build", "transform"]


@dataclass(frozen=True)
class Transformed:
    """What a transformation left.

    Args:
        graph: the models and tests.
        generation: the generation that readers see now; None where the build failed before the first one.
        is_built: whether anything was built; otherwise the live colour already stood at the head of the feed.
        results: what became of each node; empty when nothing was built.
        failure: a test or model that failed, so that nothing was turned; why nothing was built; or a cache that could
            not be notified. None when all went well.
        changed: dbt's ids of the models that differ from the generation before, upstream first, with the rows that the
            build wrote; None for a view, and where they are not known. Empty where nothing was published.
        loaded: rows that were changed by loading first what was landed, by source and staging table.
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
) -> Transformed:
    """Bring the marts up to date, and mend those that are damaged, and turn them, or leave everything as it was.

    Loads wait and other builds queue up meanwhile, so that all marts of a generation stand on the same data.

    Args:
        warehouse: the open warehouse.
        prepared: the dbt project.
        full_refresh: rebuild everything from nothing, even if nothing is new; the next build rebuilds the other colour.
            A damaged mart is built anew in the idle colour in any case.
        on_node: told each node's result as it comes.

    Raises:
        LadderError: dbt could not run, or the views could not turn. The old generation keeps serving.
    """
    transform_url = warehouse.url("transform")
    with building(transform_url) as connection:
        build = plan_build(connection, models_digest=prepared.digest, as_of_date=as_of_date(warehouse.settings))
        damaged = damaged_marts(connection)
        is_needed = build.is_needed and not _reads_nothing_new(connection, build, prepared.graph)
        if not is_needed and not full_refresh and not damaged:
            live = current_generation(connection)
            assert live is not None  # otherwise a build is needed
            return Transformed(prepared.graph, confirm_generation(connection, live), is_built=False)
        is_full = full_refresh or build.is_full or bool(damaged_marts(connection, build.colour))
        # A table that was changed by hand is not built on, now or later.
        is_other_refreshed = full_refresh or not all(mart.is_view_alone for mart in damaged)
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
            beside_readers=is_full and before is not None,
            staleness=staleness,
            on_node=on_node,
        )
        failure = failed_build(results)
        if failure is not None:
            return Transformed(prepared.graph, before, True, results, failure)
        built_as_of = _built_as_of(connection, build)
        record_build(connection, build, as_of_date=built_as_of, is_other_refreshed=is_other_refreshed)
        generation = turn(connection, build.colour, prepared.graph.marts)
        sources = None
        if before is not None and not is_full and not damaged:
            sources = changed_sources(
                connection,
                prepared.graph.sources,
                since_batch_id=before.head_batch_id,
                with_inputs=not build.lacks_batches_alone or generation.as_of_date != before.as_of_date,
            )
        changed = changed_models(prepared.graph, results, sources, is_counted=is_full or is_one_behind)
        return Transformed(prepared.graph, generation, True, results, changed=changed)


def _reads_nothing_new(connection: psycopg.Connection, build: Build, graph: Graph) -> bool:
    """Whether the live colour lacks nothing but batches that no table is built from."""
    if build.live is None or not build.lacks_batches_alone:
        return False
    since = build.live.head_batch_id
    return not changed_sources(connection, graph.sources_of_tables, since_batch_id=since, with_inputs=False)


def _staleness(connection: psycopg.Connection, build: Build, graph: Graph) -> Staleness | None:
    """What decides which nodes have to run; None where all have to.

    They have to where a build of the colour was not finished, since a table may be newer than what reads it, and where
    the server counts no rows.
    """
    if build.built is None or not build.built.is_whole:
        return None
    counting = connection.execute("SELECT current_setting('track_counts')").fetchone()
    if counting != ("on",):
        return None
    changed = changed_sources(
        connection,
        graph.sources,
        since_batch_id=build.built.head_batch_id,
        with_inputs=build.built.inputs_digest != build.inputs_digest,
    )
    return Staleness(graph, changed)


def _is_one_behind(connection: psycopg.Connection, build: Build) -> bool:
    """Whether the idle colour is as the generation before the published one left it.

    It is not where a rollback has turned away from it, or a build of it has failed or was killed: then it differs from
    what readers have by more than the next build writes.
    """
    row = connection.execute(
        "SELECT 1 FROM ops.build_state AS idle JOIN ops.build_inputs AS begun USING (colour) "
        "JOIN ops.build_state AS live ON live.colour <> idle.colour "
        "WHERE idle.colour = %s AND idle.built_at <= live.built_at AND begun.begun_at <= idle.built_at",
        [build.colour],
    ).fetchone()
    return row is not None


def as_of_date(settings: Settings) -> date | None:
    """The date that windows hang on, where one is set.

    Raises:
        ConfigurationError: it is no date.
    """
    if settings.as_of_date is None:
        return None
    try:
        return date.fromisoformat(settings.as_of_date)
    except ValueError:
        raise ConfigurationError(
            f"LADDER_AS_OF_DATE: {settings.as_of_date} is no date", "write it as 2026-01-31"
        ) from None


def failed_build(
    results: Sequence[NodeResult], outcome: str = "nothing was published; the last generation keeps serving"
) -> BuildError | None:
    """One line about a build's failures and what came of it, or None: failed tests with their rows come first."""
    tests = [f"test {result.name} failed ({_rows(result.failures)})" for result in results if result.status == "fail"]
    models = [f"{result.name}: {result.message}" for result in results if result.status == "error"]
    failures = [*tests, *models]
    if not failures:
        return None
    others = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
    return BuildError(
        f"{failures[0]}{others}; {outcome}",
        advice_on(failures[0]) or "see logs/dbt.log under LADDER_HOME",
    )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _built_as_of(connection: psycopg.Connection, build: Build) -> date | None:
    """The date that the marts of the build hang on, as the models decided it."""
    table = sql.Identifier("prep", f"int_as_of_date_{build.colour}")
    with connection.transaction():
        connection.execute(ACT_AS_MARTS_OWNER)
        row = connection.execute(sql.SQL("SELECT as_of_date FROM {}").format(table)).fetchone()
    return None if row is None else row[0]
