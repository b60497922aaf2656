"""The models that a build has changed, from the point of view of readers of the published marts.

A table has changed if the build wrote rows of it and an upstream table has changed since the previous generation.
Written rows alone would report each change twice, because the idle colour is a generation behind: once when the change
is published, and once when the next build applies it to the other colour. A view has changed if an upstream table has.
A full build changes all models.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import psycopg
from psycopg import sql

from orchestration.dbt.graph import Graph, Source
from orchestration.dbt.results import NodeResult
from warehouse.publication.generations import Generation
from warehouse.publication.write_counts import WriteCount

__all__ = ["changed_models", "changed_sources"]

#: Tables of `ops` that count as changed in each build.
_ALWAYS_CHANGED = frozenset(("tracked", "cursors"))
#: Tables of `ops` of which models read only the anchor date.
_CHANGED_WITH_DATE = frozenset(("build_inputs", "generations"))


def changed_sources(
    connection: psycopg.Connection, sources: Sequence[Source], before: Generation, after: Generation
) -> set[str]:
    """dbt's ids of the sources that changed between two generations.

    Args:
        connection: a login that reads staging tables.
        sources: tables that models read.
        before: the previously published generation.
        after: the generation that was built.
    """
    changed = {one.unique_id for one in sources if one.source == "ops" and one.name in _ALWAYS_CHANGED}
    if after.as_of_date != before.as_of_date:
        changed |= {one.unique_id for one in sources if one.source == "ops" and one.name in _CHANGED_WITH_DATE}
    # A changed or deleted row has the id of the batch that changed it. The feed only holds old images.
    probes = [
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {} WHERE _batch_id > {})").format(
            sql.Literal(one.unique_id),
            sql.Identifier(one.schema, one.name.removesuffix("__feed")),
            sql.Literal(before.head_batch_id),
        )
        for one in sources
        if one.source != "ops"
    ]
    if probes:
        changed |= {row[0] for row in connection.execute(sql.SQL(" UNION ALL ").join(probes))}
    return changed


def changed_models(
    graph: Graph,
    results: Iterable[NodeResult],
    sources: Collection[str] | None,
    before: Mapping[str, WriteCount],
    after: Mapping[str, WriteCount] | None,
) -> dict[str, int | None]:
    """dbt's ids of the models that a build has changed, upstream first, with the numbers of rows that it wrote.

    Args:
        graph: the models.
        results: results of all nodes; all models were built.
        sources: dbt's ids of the changed sources; None after a full build.
        before: total number of rows ever written into each table of the colour, before the build.
        after: the same after the build; None if it is unknown, in which case every table that was built counts as
            changed.

    Returns:
        Written rows by dbt's id; None for views, and if the number is unknown.
    """
    ran = {result.unique_id for result in results if result.status == "success"}
    changed: dict[str, int | None] = {}
    for model in graph.models:
        is_touched = sources is None or any(one in changed or one in sources for one in model.upstream)
        if model.unique_id not in ran:
            # Views and seeds were reused. Rows that are read through a view change with its upstream tables.
            if is_touched and model.materialized == "view":
                changed[model.unique_id] = None
            continue
        rows = None
        if after is not None and model.name in after:
            rows = after[model.name].since(before.get(model.name))
        if sources is None or (is_touched and rows != 0):
            changed[model.unique_id] = rows
    return changed
