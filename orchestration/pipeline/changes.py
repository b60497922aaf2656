"""What has changed since a build: of what models read, before the next one, and of the models, after it.

A table changed for readers where the build wrote rows of it and something below it changed since the generation before.
The idle colour is a generation behind, so that rows written alone would report each change twice: when it is published,
and when the next build brings the other colour to it. A view changed where something below it did. A build from nothing
changes all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import psycopg
from psycopg import sql

from orchestration.dbt.graph import Graph, Source
from orchestration.dbt.runner import NodeResult

__all__ = ["changed_models", "changed_sources"]


def changed_sources(
    connection: psycopg.Connection, sources: Sequence[Source], *, since_batch_id: int, with_inputs: bool
) -> set[str]:
    """dbt's ids of what models read and what has changed.

    Args:
        connection: a login that reads staging tables.
        sources: what models read.
        since_batch_id: the newest batch that is known; rows of later ones are changes.
        with_inputs: whether what is tracked, or the anchor date, has changed too.
    """
    changed = {one.unique_id for one in sources if one.source == "ops"} if with_inputs else set[str]()
    # A changed row has the batch of its change, also one that was deleted; its feed holds it as it was.
    looks = [
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {} WHERE _batch_id > {})").format(
            sql.Literal(one.unique_id),
            sql.Identifier(one.schema, one.name.removesuffix("__feed")),
            sql.Literal(since_batch_id),
        )
        for one in sources
        if one.source != "ops"
    ]
    if looks:
        changed |= {row[0] for row in connection.execute(sql.SQL(" UNION ALL ").join(looks))}
    return changed


def changed_models(
    graph: Graph, results: Iterable[NodeResult], sources: Collection[str] | None, *, is_counted: bool
) -> dict[str, int | None]:
    """dbt's ids of the models that a build has changed, upstream first, with the rows that it wrote.

    Args:
        graph: the models.
        results: what became of each node; every stale model was built.
        sources: what changed of what models read; None where the build began from nothing.
        is_counted: whether rows that were written are all that differs from the generation before; otherwise every
            table that ran counts as changed.

    Returns:
        The rows are None for a view, and where they are not known.
    """
    ran = {result.unique_id: result.rows_written for result in results if result.status == "success"}
    changed: dict[str, int | None] = {}
    for model in graph.models:
        is_touched = sources is None or any(one in changed or one in sources for one in model.upstream)
        if model.unique_id not in ran:
            # A view shows what is below it. A table that did not run may hold what the published one lacks.
            if is_touched and (model.materialized == "view" or not is_counted):
                changed[model.unique_id] = None
            continue
        rows = ran[model.unique_id] if is_counted else None
        if sources is None or (is_touched and rows != 0):
            changed[model.unique_id] = rows
    return changed
