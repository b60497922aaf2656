"""Comparison of the published marts with a rebuild from staging, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestration.dbt import runner as dbt_runner
from orchestration.dbt.graph import Graph, Model
from orchestration.dbt.manifests import Prepared
from orchestration.dbt.results import NodeResult
from orchestration.pipeline.transform import as_of_date, build_failure
from orchestration.warehouse_access import Warehouse
from warehouse.core.errors import ConfigurationError, PublicationError
from warehouse.database.role_names import SET_ROLE_MARTS_OWNER
from warehouse.publication.damage import damaged_marts
from warehouse.publication.generations import Generation, current_generation
from warehouse.publication.plan import build_session, plan_build

__all__ = ["Comparison", "verify"]

_ROWS_SHOWN = 10


@dataclass(frozen=True)
class Comparison:
    """A published table compared with its rebuild.

    Args:
        name: name of the model.
        is_mart: whether it is a mart; otherwise marts are built from it.
        rows: number of published rows.
        only_published: first rows that are missing in the rebuild.
        only_published_count: number of these rows.
        only_rebuilt: first rows of the rebuild that are missing in the published table.
        only_rebuilt_count: number of these rows.
    """

    name: str
    is_mart: bool
    rows: int
    only_published: Sequence[Mapping[str, Any]]
    only_published_count: int
    only_rebuilt: Sequence[Mapping[str, Any]]
    only_rebuilt_count: int

    @property
    def differences(self) -> int:
        """Number of rows that only one of both tables has."""
        return self.only_published_count + self.only_rebuilt_count


def verify(
    warehouse: Warehouse,
    prepared: Prepared,
    marts: Sequence[str] = (),
    *,
    on_node: Callable[[NodeResult], None] = lambda result: None,
) -> list[Comparison]:
    """Rebuild marts from staging beside the published ones and compare.

    Readers are not affected. Loads and builds wait until it is done, so both are built from the same data.

    Args:
        warehouse: the open warehouse.
        prepared: the dbt project.
        marts: names of marts; if empty, all marts and the totals that they are built from.
        on_node: called with the result of each rebuilt table.

    Raises:
        ConfigurationError: there is no such mart.
        PublicationError: nothing is published, new data is not published yet, or a mart is missing.
        BuildError: the rebuild failed.
    """
    unknown = sorted(set(marts) - set(prepared.graph.marts))
    if unknown:
        raise ConfigurationError(f"there is no mart {', '.join(unknown)}", f"marts: {', '.join(prepared.graph.marts)}")
    with build_session(warehouse.url("transform")) as connection:
        plan = plan_build(connection, models_digest=prepared.digest, as_of_date=as_of_date(warehouse.settings))
        live = current_generation(connection)
        if live is None:
            raise PublicationError("nothing is published yet", "run `ladder run`")
        if plan.is_needed:
            raise PublicationError("new data is not published yet", "run `ladder run`, then verify")
        unreadable = [mart for mart in damaged_marts(connection) if not mart.is_readable]
        if unreadable:
            raise PublicationError(unreadable[0].message, "run `ladder run`, which repairs it")
        with _scratch(connection, live):
            results = dbt_runner.build(
                prepared,
                warehouse.settings,
                warehouse.url("transform"),
                "scratch",
                lock=connection,
                select=[f"+{name}" for name in marts],
                limit_cpu=True,
                on_node=on_node,
            )
            failure = build_failure(results, "nothing was compared")
            if failure is not None:
                raise failure
            return [_compare(connection, model, live.colour) for model in _models_to_compare(prepared.graph, marts)]


def _models_to_compare(graph: Graph, marts: Sequence[str]) -> list[Model]:
    if marts:
        return [model for model in graph.models if model.name in marts]
    return [model for model in graph.models if model.is_mart or model.materialized == "incremental"]


@contextmanager
def _scratch(connection: psycopg.Connection, live: Generation) -> Iterator[None]:
    """The scratch schema, with the anchor date of the published generation; emptied after the block."""
    with connection.transaction():
        connection.execute(SET_ROLE_MARTS_OWNER)
        connection.execute("UPDATE ops.build_inputs SET as_of_date = %s WHERE colour = 'scratch'", [live.as_of_date])
    _empty_scratch(connection)
    try:
        yield
    except BaseException:
        # After an interrupt the session may still be busy. The next comparison empties the schema as well.
        with suppress(psycopg.Error):
            _empty_scratch(connection)
        raise
    _empty_scratch(connection)


def _empty_scratch(connection: psycopg.Connection) -> None:
    with connection.transaction():
        connection.execute(SET_ROLE_MARTS_OWNER)
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'marts_scratch' "
            "OR (schemaname = 'prep' AND tablename LIKE '%\\_scratch')"
        ).fetchall()
        for table in tables:
            connection.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(*table)))


def _compare(connection: psycopg.Connection, model: Model, colour: str) -> Comparison:
    published, rebuilt = (_table(model, target) for target in (colour, "scratch"))
    with connection.transaction():
        connection.execute(SET_ROLE_MARTS_OWNER)
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(published)).fetchone()
        only_published_count, only_published = _except(connection, published, rebuilt, model.columns)
        only_rebuilt_count, only_rebuilt = _except(connection, rebuilt, published, model.columns)
    assert row is not None  # an aggregate without GROUP BY always returns a row
    return Comparison(
        model.name, model.is_mart, row[0], only_published, only_published_count, only_rebuilt, only_rebuilt_count
    )


def _table(model: Model, colour: str) -> sql.Identifier:
    if model.is_mart:
        return sql.Identifier(f"marts_{colour}", model.name)
    return sql.Identifier("prep", f"{model.name}_{colour}")


def _except(
    connection: psycopg.Connection, one: sql.Identifier, other: sql.Identifier, columns: Iterable[str]
) -> tuple[int, list[Mapping[str, Any]]]:
    """Number of rows of one table that the other lacks, and the first of them, ordered by the columns of the contract.

    The key columns are first in a contract, so both versions of a row that differs are shown.
    """
    rows = connection.execute(
        sql.SQL(
            "WITH surplus AS MATERIALIZED (TABLE {} EXCEPT ALL TABLE {}) "
            "SELECT count(*) OVER (), to_jsonb(surplus) FROM surplus ORDER BY {} LIMIT {}"
        ).format(one, other, sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Literal(_ROWS_SHOWN))
    ).fetchall()
    return (rows[0][0] if rows else 0), [row for _, row in rows]
