"""Which models a build has changed, for readers of the published marts.

A table changed where the build wrote rows of it and something below it changed since the generation before. The idle
colour is a generation behind, so that rows written alone would report each change twice: when it is published, and when
the next build brings the other colour to it. A view changed where something below it did. A build from nothing changes
all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import psycopg
from psycopg import sql

from orchestration.dbt.graph import Graph, Source
from orchestration.dbt.results import NodeResult
from warehouse.publication.publication import Generation
from warehouse.publication.write_counts import WriteCount

__all__ = ["changed_models", "changed_sources"]

#: What of `ops` says by itself that something may differ; the rest are notes of builds, and of the date.
_ALWAYS_CHANGED = frozenset(("tracked", "cursors"))
_OF_THE_DATE = frozenset(("build_inputs", "generations"))


def changed_sources(
    connection: psycopg.Connection, sources: Sequence[Source], before: Generation, after: Generation
) -> set[str]:
    """dbt's ids of what models read and what changed between two generations.

    Args:
        connection: a login that reads staging tables.
        sources: what models read.
        before: the generation that was published before.
        after: the one that was built.
    """
    changed = {one.unique_id for one in sources if one.source == "ops" and one.name in _ALWAYS_CHANGED}
    if after.as_of_date != before.as_of_date:
        changed |= {one.unique_id for one in sources if one.source == "ops" and one.name in _OF_THE_DATE}
    # A changed row has the batch of its change, also one that was deleted; its feed holds it as it was.
    looks = [
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {} WHERE _batch_id > {})").format(
            sql.Literal(one.unique_id),
            sql.Identifier(one.schema, one.name.removesuffix("__feed")),
            sql.Literal(before.head_batch_id),
        )
        for one in sources
        if one.source != "ops"
    ]
    if looks:
        changed |= {row[0] for row in connection.execute(sql.SQL(" UNION ALL ").join(looks))}
    return changed


def changed_models(
    graph: Graph,
    results: Iterable[NodeResult],
    sources: Collection[str] | None,
    before: Mapping[str, WriteCount],
    after: Mapping[str, WriteCount] | None,
) -> dict[str, int | None]:
    """dbt's ids of the models that a build has changed, upstream first, with the rows that it wrote.

    Args:
        graph: the models.
        results: what became of each node; all models were built.
        sources: what changed of what models read; None where the build began from nothing.
        before: rows written into the tables of the colour, ever, before the build.
        after: the same after it; None where that is not known, and every table that ran counts as changed.

    Returns:
        The rows are None for a view, and where they are not known.
    """
    ran = {result.unique_id for result in results if result.status == "success"}
    changed: dict[str, int | None] = {}
    for model in graph.models:
        is_touched = sources is None or any(one in changed or one in sources for one in model.upstream)
        if model.unique_id not in ran:
            # Views and seeds that stand as they were: what is read through a view is what is below it.
            if is_touched and model.materialized == "view":
                changed[model.unique_id] = None
            continue
        rows = None
        if after is not None and model.name in after:
            rows = after[model.name].since(before.get(model.name))
        if sources is None or (is_touched and rows != 0):
            changed[model.unique_id] = rows
    return changed
