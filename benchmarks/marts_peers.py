"""Models timed sequentially in a warm dbt: ours, and plain dbt models of the lifetime totals by player and hero."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner
from psycopg import Connection, sql

from orchestration.warehouse_access import Warehouse
from warehouse.database.connections import connect, libpq_environment
from warehouse.publication.generations import Colour

__all__ = ["SequentialModels", "first_built_peers", "wrong_rows"]

_PEERS = Path(__file__).with_name("peer_marts")


class SequentialModels:
    """A dbt project in this process, parsed once, whose models run sequentially, without tests.

    Args:
        warehouse: the open warehouse.
        project: folder of the project.
        colour: the target.
    """

    def __init__(self, warehouse: Warehouse, project: Path, colour: Colour) -> None:
        # dbt's profiles read the connection from the environment only; every home has its own addresses.
        os.environ.update(libpq_environment(warehouse.url("transform")))
        folder = warehouse.settings.home / "dbt" / f"one-by-one-{project.name}"
        self._options = ["--no-send-anonymous-usage-stats", "--no-write-json", "--no-partial-parse"]
        self._options += ["--log-level", "none", "--log-level-file", "none", "--log-path", str(folder)]
        self._place = ["--project-dir", str(project), "--profiles-dir", str(project), "--target", colour]
        self._place += ["--target-path", str(folder), "--threads", "1"]
        self._manifest = self._invoke(["parse"]).result

    def run(self, *options: str) -> dict[str, float]:
        """Run all models; returns dbt's seconds by model name."""
        outcome = self._invoke(["run", *options], self._manifest.deepcopy())
        results = list(outcome.result.results)
        broken = [f"{found.node.name}: {found.message}" for found in results if found.status != "success"]
        assert not broken, broken[0]
        return {found.node.name: float(found.execution_time) for found in results}

    def _invoke(self, command: list[str], manifest: Any = None) -> Any:
        outcome = dbtRunner(manifest=manifest).invoke([*self._options, *command, *self._place])
        if outcome.exception is not None:
            raise outcome.exception
        return outcome


def first_built_peers(warehouse: Warehouse, colour: Colour) -> SequentialModels:
    """Build the peers in full over a colour's fact, in the schema `peer`."""
    with connect(warehouse.servers.database_url) as connection:
        connection.execute("CREATE SCHEMA peer AUTHORIZATION ladder_marts_owner")
    peers = SequentialModels(warehouse, _PEERS, colour)
    peers.run("--full-refresh")
    return peers


def wrong_rows(connection: Connection, table: str, colour: Colour, *, by: tuple[str, ...] = ()) -> int:
    """Number of rows of lifetime totals that are missing, surplus or different from those of the colour's fact.

    Args:
        connection: the administrator's.
        table: qualified name of the totals.
        colour: colour of the fact.
        by: columns of the key besides game, player and character.
    """
    key = sql.SQL(", ").join(map(sql.Identifier, ("game", "player_id", "character_id", *by)))
    measures = ("matches", "wins", "kills", "deaths", "assists", "last_played_at")
    query = sql.SQL(
        "WITH truth AS (SELECT {key}, count(*) AS matches, count(*) FILTER (WHERE is_win) AS wins, "
        "coalesce(sum(kills), 0) AS kills, coalesce(sum(deaths), 0) AS deaths, coalesce(sum(assists), 0) AS assists, "
        "max(played_at) AS last_played_at FROM {fact} WHERE is_significant AND player_id IS NOT NULL GROUP BY {key}) "
        "SELECT count(*) FROM truth FULL JOIN {table} AS built USING ({key}) "
        "WHERE ({expected}) IS DISTINCT FROM ({found})"
    ).format(
        key=key,
        fact=sql.Identifier(f"marts_{colour}", "fct_player_matches"),
        table=sql.Identifier(*table.split(".")),
        expected=sql.SQL(", ").join(sql.Identifier("truth", name) for name in measures),
        found=sql.SQL(", ").join(sql.Identifier("built", name) for name in measures),
    )
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
