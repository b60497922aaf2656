"""An independent oracle for FACEIT: DuckDB over the raw lake, without code and tables of the warehouse.

It joins the history of a player with the statistics of the player's matches, and recomputes values of the marts.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

__all__ = ["FaceitOracle"]

_PAGES = """
CREATE OR REPLACE MACRO pages(endpoint) AS TABLE
SELECT params::JSON AS params, observed_at, decode(body)::JSON AS body
FROM read_parquet(getvariable('lake') || '/raw/faceit/' || endpoint || '/*/*.parquet', hive_partitioning = false)
WHERE kind = 'answer' AND status = 200
"""
_HISTORY = """
CREATE TABLE history AS
WITH items AS (SELECT unnest(from_json(body->'items', '["JSON"]')) AS item FROM pages('player_history'))
SELECT item->>'match_id' AS match_id, item->>'game_id' AS game, item->'teams' AS teams,
    item->'results'->>'winner' AS winner
FROM items WHERE lower(item->>'status') = 'finished'
"""
_LISTED = """
CREATE TABLE listed AS
WITH items AS (SELECT unnest(from_json(body->'items', '["JSON"]'))->'stats' AS stats FROM pages('player_match_stats'))
SELECT stats->>'Match Id' AS match_id, stats->>'Player Id' AS player_id, stats->>'Map' AS map,
    (stats->>'Kills')::INTEGER AS kills, (stats->>'Deaths')::INTEGER AS deaths, (stats->>'Rounds')::INTEGER AS rounds,
    (stats->>'Double Kills')::INTEGER AS k2, (stats->>'Triple Kills')::INTEGER AS k3,
    (stats->>'Quadro Kills')::INTEGER AS k4, (stats->>'Penta Kills')::INTEGER AS k5
FROM items
"""
_JOINED = """
CREATE TABLE joined AS
SELECT listed.*, list_contains(from_json(teams->winner->'players'->'$[*].player_id', '["VARCHAR"]'), player_id) AS won
FROM listed JOIN history USING (match_id)
"""
_OF_MATCHES = """
CREATE TABLE of_matches AS
WITH rounds AS (SELECT unnest(from_json(body->'rounds', '["JSON"]')) AS round FROM pages('match_stats')),
teams AS (SELECT round->>'match_id' AS match_id, unnest(from_json(round->'teams', '["JSON"]')) AS team FROM rounds),
players AS (SELECT match_id, unnest(from_json(team->'players', '["JSON"]')) AS player FROM teams)
SELECT match_id, player->>'player_id' AS player_id, (player->'player_stats'->>'Kills')::INTEGER AS kills,
    (player->'player_stats'->>'Deaths')::INTEGER AS deaths, (player->'player_stats'->>'Result') = '1' AS won
FROM players
"""


class FaceitOracle:
    """Recomputes values of the marts from a lake.

    Args:
        lake: root of the lake.
    """

    def __init__(self, lake: Path) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET VARIABLE lake = ?", [str(lake)])
        for statement in (_PAGES, _HISTORY, _LISTED, _JOINED, _OF_MATCHES):
            self._connection.execute(statement)

    def performances(self) -> dict[str, tuple[int, int, Decimal, bool, float]]:
        """By match of the tracked player: kills, deaths, kills per death, won, HLTV's rating 1.0."""
        rows = self._rows(
            """
            SELECT match_id, kills, deaths, round(kills / deaths, 4)::DECIMAL(18, 4), won,
                (kills / rounds / 0.679 + 0.7 * (rounds - deaths) / rounds / 0.317
                + (kills - 2 * k2 - 3 * k3 - 4 * k4 - 5 * k5 + 4 * k2 + 9 * k3 + 16 * k4 + 25 * k5) / rounds / 1.277)
                / 2.7
            FROM joined
            """
        )
        return {row[0]: row[1:] for row in rows}

    def map_records(self) -> dict[str, tuple[int, int, int, int]]:
        """By map of the tracked player: matches, wins, kills, deaths."""
        query = (
            "SELECT map, count(*), count_if(won), sum(kills)::INTEGER, sum(deaths)::INTEGER FROM joined GROUP BY map"
        )
        return {row[0]: row[1:] for row in self._rows(query)}

    def match_scores(self) -> dict[tuple[str, str], tuple[int, int, bool]]:
        """By match and player, of matches with fetched statistics: kills, deaths, won."""
        return {
            row[:2]: row[2:] for row in self._rows("SELECT match_id, player_id, kills, deaths, won FROM of_matches")
        }

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()
