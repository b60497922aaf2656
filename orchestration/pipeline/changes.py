"""The changes since a build: of the sources, before the next build, and of the models, after it.

For readers, a table has changed if the build wrote rows of it and an upstream table has changed since the previous
generation. Written rows alone would report each change twice, because the idle colour is a generation behind: once when
the change is published, and once when the next build applies it to the other colour. A view has changed if an upstream
table has. A full build changes all models.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import psycopg
from psycopg import sql

from orchestration.dbt.graph import Graph, Source
from orchestration.dbt.results import NodeResult

__all__ = ["changed_models", "changed_sources"]


def changed_sources(
    connection: psycopg.Connection, sources: Sequence[Source], *, since_batch_id: int, with_inputs: bool
) -> set[str]:
    """dbt's ids of the sources that have changed.

    Args:
        connection: a login that reads staging tables.
        sources: tables that models read.
        since_batch_id: rows of later batches are changes.
        with_inputs: whether tracked entities or the anchor date have changed too.
    """
    changed = {one.unique_id for one in sources if one.source == "ops"} if with_inputs else set[str]()
    # A changed or deleted row has the id of the batch that changed it. The feed only holds old images.
    probes = [
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {} WHERE _batch_id > {})").format(
            sql.Literal(one.unique_id),
            sql.Identifier(one.schema, one.name.removesuffix("__feed")),
            sql.Literal(since_batch_id),
        )
        for one in sources
        if one.source != "ops"
    ]
    if probes:
        changed |= {row[0] for row in connection.execute(sql.SQL(" UNION ALL ").join(probes))}
    return changed


def changed_models(
    graph: Graph, results: Iterable[NodeResult], sources: Collection[str] | None, *, is_counted: bool
) -> dict[str, int | None]:
    """dbt's ids of the models that a build has changed, upstream first, with the numbers of rows that it wrote.

    Args:
        graph: the models.
        results: results of the build, in which every stale model ran.
        sources: dbt's ids of the changed sources; None after a full build.
        is_counted: whether the written rows are the only difference from the previous generation; otherwise every table
            downstream of a changed source counts as changed.

    Returns:
        The number is None for views, and if it is unknown.
    """
    ran = {result.unique_id: result.rows_written for result in results if result.status == "success"}
    changed: dict[str, int | None] = {}
    for model in graph.models:
        is_downstream = sources is None or any(one in changed or one in sources for one in model.upstream)
        if model.unique_id not in ran:
            # A table that did not run may contain changes that the published one lacks.
            if is_downstream and (model.materialized == "view" or not is_counted):
                changed[model.unique_id] = None
            continue
        rows = ran[model.unique_id] if is_counted else None
        if sources is None or (is_downstream and rows != 0):
            changed[model.unique_id] = rows
    return changed
