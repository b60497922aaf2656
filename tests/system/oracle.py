"""An independent oracle: DuckDB over the raw lake, without code and tables of the warehouse.

It reads the payloads as fetched, and recomputes win rates, boards and rank progression from the definitions in the
catalogue of marts.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb

__all__ = ["Oracle"]

_PAGES = """
CREATE OR REPLACE MACRO pages(endpoint) AS TABLE
SELECT params::JSON AS params, observed_at, status, decode(body) AS body
FROM read_parquet(getvariable('lake') || '/raw/opendota/' || endpoint || '/*/*.parquet', hive_partitioning = false)
WHERE kind = 'answer'
"""
_HISTORY = """
CREATE TABLE history AS
WITH sent AS (
    SELECT (params->>'account_id')::BIGINT AS account_id, observed_at, unnest(from_json(body, '["JSON"]')) AS record
    FROM pages('player_matches') WHERE status = 200
), typed AS (
    SELECT account_id, observed_at,
        TRY_CAST(record->>'match_id' AS BIGINT) AS match_id,
        TRY_CAST(record->>'player_slot' AS INTEGER) AS player_slot,
        TRY_CAST(record->>'radiant_win' AS BOOLEAN) AS radiant_win,
        TRY_CAST(record->>'start_time' AS BIGINT) AS start_time,
        TRY_CAST(record->>'duration' AS INTEGER) AS duration,
        TRY_CAST(record->>'game_mode' AS INTEGER) AS game_mode,
        TRY_CAST(record->>'lobby_type' AS INTEGER) AS lobby_type,
        TRY_CAST(record->>'hero_id' AS INTEGER) AS hero_id
    FROM sent
    -- An unreadable field is null; a record with an unreadable match, slot or result is a reject.
    WHERE record->>'radiant_win' IS NULL OR TRY_CAST(record->>'radiant_win' AS BOOLEAN) IS NOT NULL
)
SELECT * FROM typed WHERE match_id IS NOT NULL AND player_slot IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY account_id, match_id ORDER BY observed_at DESC) = 1
"""
_DETAILS = """
CREATE TABLE details AS
WITH sent AS (
    SELECT observed_at, body::JSON AS record FROM pages('match') WHERE status = 200
    QUALIFY row_number() OVER (PARTITION BY body::JSON->>'match_id' ORDER BY observed_at DESC) = 1
), players AS (
    SELECT record, unnest(from_json(record->'players', '["JSON"]')) AS player FROM sent
)
SELECT (player->>'account_id')::BIGINT AS account_id, (record->>'match_id')::BIGINT AS match_id,
    (player->>'player_slot')::INTEGER AS player_slot, (record->>'radiant_win')::BOOLEAN AS radiant_win,
    (record->>'start_time')::BIGINT AS start_time, (record->>'duration')::INTEGER AS duration,
    (record->>'game_mode')::INTEGER AS game_mode, (record->>'lobby_type')::INTEGER AS lobby_type,
    (player->>'hero_id')::INTEGER AS hero_id
FROM players
"""
_BALANCED = """
CREATE TABLE balanced AS
SELECT params->>'resource' AS resource, entry.key::INTEGER AS id,
    coalesce((entry.value->>'balanced')::BOOLEAN, false) AS ok
FROM pages('constants') AS page, json_each(page.body) AS entry
WHERE params->>'resource' IN ('game_mode', 'lobby_type')
QUALIFY row_number() OVER (PARTITION BY params->>'resource', entry.key ORDER BY observed_at DESC) = 1
"""
_PLAYED = """
CREATE TABLE played AS
WITH slots AS (
    SELECT * FROM history
    UNION ALL BY NAME
    SELECT * FROM details WHERE account_id BETWEEN 1 AND 4294967294
), once AS (
    SELECT * FROM slots
    QUALIFY row_number() OVER (PARTITION BY match_id, player_slot ORDER BY observed_at NULLS LAST) = 1
)
SELECT account_id::VARCHAR AS player_id, match_id, hero_id::VARCHAR AS character_id,
    to_timestamp(start_time) AS played_at, (player_slot < 128) = radiant_win AS is_win
FROM once
JOIN balanced AS mode ON mode.resource = 'game_mode' AND mode.id = game_mode AND mode.ok
JOIN balanced AS lobby ON lobby.resource = 'lobby_type' AND lobby.id = lobby_type AND lobby.ok
WHERE radiant_win IS NOT NULL AND duration > 360
"""
_WIN_RATES = """
WITH newest AS (SELECT max(played_at::DATE) AS as_of FROM played),
periods AS (SELECT unnest([('all', 1000000), ('30d', 30), ('7d', 7)]) AS period)
SELECT player_id, period[1] AS period, count(*) AS matches, count(*) FILTER (is_win) AS wins
FROM played, newest, periods
WHERE played_at::DATE > as_of - period[2]::INTEGER AND player_id IS NOT NULL
GROUP BY ALL
"""
_CHARACTERS = """
SELECT player_id, character_id, count(*) AS matches, count(*) FILTER (is_win) AS wins
FROM played WHERE player_id IS NOT NULL GROUP BY ALL
"""
_RANKS = """
WITH observed AS (
    SELECT params->>'account_id' AS player_id, observed_at, (body::JSON->>'rank_tier')::INTEGER AS rank_value
    FROM pages('player') WHERE status = 200
    UNION ALL
    SELECT params->>'account_id', (record->>'time')::TIMESTAMPTZ, (record->>'rank_tier')::INTEGER
    FROM (SELECT params, unnest(from_json(body, '["JSON"]')) AS record FROM pages('player_ratings') WHERE status = 200)
), days AS (
    SELECT player_id, observed_at::DATE AS day, arg_max(rank_value, observed_at) AS rank_value
    FROM observed WHERE rank_value IS NOT NULL GROUP BY ALL
)
SELECT player_id, day, rank_value,
    rank_value - lag(rank_value) OVER (PARTITION BY player_id ORDER BY day) AS change,
    max(rank_value) OVER (PARTITION BY player_id ORDER BY day) AS peak
FROM days
"""


class Oracle:
    """Recomputes marts from a lake.

    Args:
        lake: root of the lake.
    """

    def __init__(self, lake: Path) -> None:
        self._duckdb = duckdb.connect()
        self._duckdb.execute("SET timezone = 'UTC'")
        self._duckdb.execute("SET VARIABLE lake = $1", [str(lake)])
        has_details = any((lake / "raw/opendota/match").glob("*/*.parquet"))
        for statement in (_PAGES, _HISTORY, _DETAILS if has_details else _NO_DETAILS, _BALANCED, _PLAYED):
            self._duckdb.execute(statement)

    def win_rates(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Matches and wins by player and period."""
        return {(player, period): (matches, wins) for player, period, matches, wins in self._rows(_WIN_RATES)}

    def character_win_rates(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Matches and wins by player and character."""
        return {(player, hero): (matches, wins) for player, hero, matches, wins in self._rows(_CHARACTERS)}

    def win_rate_board(self, players: set[str]) -> dict[str, int]:
        """Rank by player on the win rate board: by Wilson lower bound at z = 1.96; ties share a rank."""
        scores = {
            player: round(_wilson_low(wins, matches), 6)
            for (player, period), (matches, wins) in self.win_rates().items()
            if period == "all" and matches >= 10 and player in players
        }
        return {player: 1 + sum(other > score for other in scores.values()) for player, score in scores.items()}

    def rank_progression(self) -> dict[tuple[str, date], tuple[int, int | None, int]]:
        """Rank tier at the end of a day, change since the observed day before, and peak so far, by player and day."""
        return {(player, day): (rank, change, peak) for player, day, rank, change, peak in self._rows(_RANKS)}

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._duckdb.execute(query).fetchall()


_NO_DETAILS = """
CREATE TABLE details AS SELECT * EXCLUDE observed_at FROM history WHERE false
"""


def _wilson_low(wins: int, matches: int) -> float:
    """Wilson's lower bound, https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval."""
    z = 1.96
    p = wins / matches
    middle = p + z * z / (2 * matches)
    spread = z * (p * (1 - p) / matches + z * z / (4 * matches * matches)) ** 0.5
    return (middle - spread) / (1 + z * z / matches)
