"""Are the published marts what a rebuild from staging would make of them? Row for row, both ways."""

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
from warehouse.database.role_names import ACT_AS_MARTS_OWNER
from warehouse.publication.damage import damaged_marts
from warehouse.publication.publication import Generation, building, current_generation, plan_build

__all__ = ["Comparison", "verify"]

SHOWN = 10


@dataclass(frozen=True)
class Comparison:
    """A table beside its rebuild.

    Args:
        name: of the model.
        is_mart: whether readers see it; otherwise marts stand on it.
        rows: how many the published table has.
        surplus: rows that stand there and not in the rebuild, the first of them.
        surplus_count: how many these are.
        missing: rows of the rebuild that do not stand there, the first of them.
        missing_count: how many these are.
    """

    name: str
    is_mart: bool
    rows: int
    surplus: Sequence[Mapping[str, Any]]
    surplus_count: int
    missing: Sequence[Mapping[str, Any]]
    missing_count: int

    @property
    def differences(self) -> int:
        """Rows that only one of both has."""
        return self.surplus_count + self.missing_count


def verify(
    warehouse: Warehouse,
    prepared: Prepared,
    marts: Sequence[str] = (),
    *,
    on_node: Callable[[NodeResult], None] = lambda result: None,
) -> list[Comparison]:
    """Rebuild marts from staging beside the published ones and compare.

    Readers notice nothing; loads and builds wait until it is done, so that both stand on the same data.

    Args:
        warehouse: the open warehouse.
        prepared: the dbt project.
        marts: names of marts; none for all of them and the totals that they stand on.
        on_node: told of each table that is rebuilt.

    Raises:
        ConfigurationError: a name is no mart.
        PublicationError: nothing is published, something new is not published yet, or a mart is missing.
        BuildError: the rebuild failed.
    """
    unknown = sorted(set(marts) - set(prepared.graph.marts))
    if unknown:
        raise ConfigurationError(f"there is no mart {', '.join(unknown)}", f"marts: {', '.join(prepared.graph.marts)}")
    with building(warehouse.url("transform")) as connection:
        plan = plan_build(connection, models_digest=prepared.digest, as_of_date=as_of_date(warehouse.settings))
        live = current_generation(connection)
        if live is None:
            raise PublicationError("nothing is published yet", "run `ladder run`")
        if plan.is_needed:
            raise PublicationError("something new is not in the published marts yet", "run `ladder run`, then verify")
        unreadable = [mart for mart in damaged_marts(connection) if not mart.is_readable]
        if unreadable:
            raise PublicationError(unreadable[0].message, "run `ladder run`, which mends it")
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
            return [_compare(connection, model, live.colour) for model in _compared(prepared.graph, marts)]


def _compared(graph: Graph, marts: Sequence[str]) -> list[Model]:
    if marts:
        return [model for model in graph.models if model.name in marts]
    return [model for model in graph.models if model.is_mart or model.materialized == "incremental"]


@contextmanager
def _scratch(connection: psycopg.Connection, live: Generation) -> Iterator[None]:
    """A place to rebuild in, with the date of what is published, and emptied afterwards."""
    with connection.transaction():
        connection.execute(ACT_AS_MARTS_OWNER)
        connection.execute("UPDATE ops.build_inputs SET as_of_date = %s WHERE colour = 'scratch'", [live.as_of_date])
    _empty_scratch(connection)
    try:
        yield
    except BaseException:
        # After an interrupt the session may still be busy; the next comparison empties it too.
        with suppress(psycopg.Error):
            _empty_scratch(connection)
        raise
    _empty_scratch(connection)


def _empty_scratch(connection: psycopg.Connection) -> None:
    with connection.transaction():
        connection.execute(ACT_AS_MARTS_OWNER)
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'marts_scratch' "
            "OR (schemaname = 'prep' AND tablename LIKE '%\\_scratch')"
        ).fetchall()
        for table in tables:
            connection.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(*table)))


def _compare(connection: psycopg.Connection, model: Model, colour: str) -> Comparison:
    live, rebuilt = (_table(model, place) for place in (colour, "scratch"))
    with connection.transaction():
        connection.execute(ACT_AS_MARTS_OWNER)
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(live)).fetchone()
        surplus_count, surplus = _except(connection, live, rebuilt, model.columns)
        missing_count, missing = _except(connection, rebuilt, live, model.columns)
    assert row is not None  # an aggregate without GROUP BY always answers
    return Comparison(model.name, model.is_mart, row[0], surplus, surplus_count, missing, missing_count)


def _table(model: Model, colour: str) -> sql.Identifier:
    if model.is_mart:
        return sql.Identifier(f"marts_{colour}", model.name)
    return sql.Identifier("prep", f"{model.name}_{colour}")


def _except(
    connection: psycopg.Connection, one: sql.Identifier, other: sql.Identifier, columns: Iterable[str]
) -> tuple[int, list[Mapping[str, Any]]]:
    """How many rows one table has that the other lacks, and the first of them, in the order of the contract's columns.

    Those of the key stand first there, so that both sides of a row that differs are shown.
    """
    rows = connection.execute(
        sql.SQL(
            "WITH surplus AS MATERIALIZED (TABLE {} EXCEPT ALL TABLE {}) "
            "SELECT count(*) OVER (), to_jsonb(surplus) FROM surplus ORDER BY {} LIMIT {}"
        ).format(one, other, sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Literal(SHOWN))
    ).fetchall()
    return (rows[0][0] if rows else 0), [row for _, row in rows]
