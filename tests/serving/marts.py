"""Marts as the catalogue describes them, with a few rows, published through the warehouse's own switch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import psycopg
from psycopg import sql

from tests.conftest import Database
from warehouse.publish import Build, Generation, building, current_generation, record_build, turn

NAMES = (
    "character_win_rates",
    "dim_characters",
    "dim_players",
    "fct_player_matches",
    "hero_meta_trends",
    "leaderboard_entries",
    "player_character_win_rates",
    "player_win_rates",
    "rank_progression",
)

_TABLES = """
CREATE TABLE dim_players (
    game text, player_id text, display_name text, professional_name text, country_code text, steam_id64 text,
    avatar_url text, is_tracked boolean, rank_value integer, rank_name text, rank_bracket text,
    leaderboard_rank integer, last_played_at timestamptz, PRIMARY KEY (game, player_id)
);
CREATE TABLE dim_characters (
    game text, character_id text, character_name text, PRIMARY KEY (game, character_id)
);
CREATE TABLE fct_player_matches (
    game text, match_id text, player_slot integer, player_id text, played_at timestamptz, duration_s integer,
    is_win boolean, side text, character_id text, patch_id text, game_mode integer, lobby_type integer,
    is_significant boolean, kills integer, deaths integer, assists integer, rank_bracket text,
    PRIMARY KEY (game, match_id, player_slot)
);
CREATE TABLE rank_progression (
    game text, player_id text, ladder text, observed_date date, rank_value integer, rank_name text,
    leaderboard_rank integer, change integer, peak_rank_value integer, days_held integer,
    PRIMARY KEY (game, player_id, ladder, observed_date)
);
CREATE TABLE player_win_rates (
    game text, player_id text, period text, matches integer, wins integer, losses integer, win_rate numeric(8, 6),
    win_rate_low numeric(7, 6), win_rate_high numeric(7, 6), last_played_at timestamptz,
    PRIMARY KEY (game, player_id, period)
);
CREATE TABLE player_character_win_rates (
    game text, player_id text, character_id text, matches integer, wins integer, losses integer,
    win_rate numeric(8, 6), win_rate_low numeric(7, 6), win_rate_high numeric(7, 6), kills integer, deaths integer,
    assists integer, kda numeric(18, 4), last_played_at timestamptz, PRIMARY KEY (game, player_id, character_id)
);
CREATE TABLE character_win_rates (
    game text, character_id text, patch_id text, rank_bracket text, played_date date, matches integer, wins integer,
    picks integer, pick_share numeric(8, 6), bans integer,
    PRIMARY KEY (game, character_id, patch_id, rank_bracket, played_date)
);
CREATE TABLE hero_meta_trends (
    game text, character_id text, rank_bracket text, window_days integer, matches integer, wins integer,
    win_rate numeric(8, 6), win_rate_low numeric(7, 6), win_rate_high numeric(7, 6), pick_rate numeric(8, 6),
    matches_before integer, win_rate_before numeric(8, 6), pick_rate_before numeric(8, 6),
    win_rate_change numeric(8, 6), win_rate_change_low numeric(8, 6), win_rate_change_high numeric(8, 6),
    pick_rate_change numeric(8, 6), window_start_date date, window_end_date date,
    PRIMARY KEY (game, character_id, rank_bracket, window_days)
);
CREATE TABLE leaderboard_entries (
    board text, game text, player_id text, display_name text, rank integer, score numeric(18, 6), matches integer,
    wins integer, losses integer, win_rate numeric(8, 6), is_qualified boolean, PRIMARY KEY (board, player_id)
);
"""

_ROWS = """
INSERT INTO dim_players (game, player_id, display_name, steam_id64, is_tracked, rank_value, rank_name, rank_bracket,
    last_played_at) VALUES
    ('dota2', '101', 'Ada', '76561197960265829', true, 74, 'Divine 4', 'divine', '2026-01-02 03:04:05.678+00'),
    ('dota2', '102', NULL, '76561197960265830', true, NULL, NULL, 'unknown', NULL);
INSERT INTO dim_characters VALUES ('dota2', '1', 'Anti-Mage'), ('dota2', '2', 'Axe');
INSERT INTO fct_player_matches
    SELECT 'dota2', n::text, 3, '101', timestamptz '2026-01-01 00:00+00' + (n / 2) * interval '1 hour', 2000 + n,
        n % 3 = 0, 'radiant', (n % 3)::text, '58', 22, 7, n % 5 > 0, n % 20, n % 7, n % 11, 'divine'
    FROM generate_series(1, 120) AS n;
INSERT INTO rank_progression
    SELECT 'dota2', '101', ladder, date '2026-01-01' + n, 70 + n / 5, 'Divine', NULL, n % 2, 70 + n / 5, 1
    FROM generate_series(0, 9) AS n, unnest(ARRAY['dota2_rank_tier', 'dota2_solo_mmr']) AS ladder;
INSERT INTO player_win_rates VALUES
    ('dota2', '101', '7d', 0, 0, 0, NULL, NULL, NULL, NULL),
    ('dota2', '101', 'all', 90, 30, 60, 0.333333, 0.245, 0.435, '2026-01-02 00:00+00'),
    ('dota2', '101', '30d', 90, 30, 60, 0.333333, 0.245, 0.435, '2026-01-02 00:00+00');
INSERT INTO player_character_win_rates VALUES
    ('dota2', '101', '0', 5, 1, 4, 0.2, 0.04, 0.62, 1, 2, 3, 2.0, '2026-01-02 00:00+00'),
    ('dota2', '101', '1', 50, 20, 30, 0.4, 0.27, 0.53, 100, 200, 300, 2.0, '2026-01-02 00:00+00');
INSERT INTO character_win_rates VALUES
    ('dota2', '1', '57', 'divine', '2026-01-01', 10, 6, 10, 1, NULL),
    ('dota2', '1', '58', 'divine', '2026-01-02', 20, 9, 20, 1, 2),
    ('dota2', '1', '58', 'legend', '2026-01-02', 7, 7, 7, 1, NULL),
    ('dota2', '2', '58', 'legend', '2026-01-03', 3, 0, 3, 1, NULL),
    ('dota2', '9', '58', 'legend', '2026-01-03', 0, 0, 0, 0, 4);
INSERT INTO hero_meta_trends
    SELECT 'dota2', hero, bracket, days, 20, 10, 0.5, 0.3, 0.7, 0.2, 10, 0.4, 0.1, hero::numeric / 10, -0.2, 0.4, 0.1,
        date '2026-01-01', date '2026-01-07'
    FROM unnest(ARRAY['1', '2']) AS hero, unnest(ARRAY['all', 'divine']) AS bracket, unnest(ARRAY[7, 30]) AS days;
INSERT INTO leaderboard_entries
    SELECT 'dota2_matches', 'dota2', n::text, 'Player ' || n, CASE WHEN n < 60 THEN 1 + n / 4 * 4 END, 1000 - n / 4 * 4,
        100, 50, 50, 0.5, n < 60
    FROM generate_series(0, 69) AS n;
"""


@dataclass(frozen=True)
class Marts:
    """The marts of one database."""

    database: Database

    def create(self) -> None:
        """Fill both colours with the same rows."""
        with self._owner() as connection:
            for colour in ("blue", "green"):
                connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(f"marts_{colour}")))
                connection.execute(_TABLES)
                connection.execute(_ROWS)

    def change_idle(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement in the colour that nobody reads."""
        with self._owner() as connection:
            live = current_generation(connection)
            colour = "green" if live is not None and live.colour == "blue" else "blue"
            connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(f"marts_{colour}")))
            connection.execute(statement, parameters)

    def turn(self) -> Generation:
        """Publish the idle colour in PostgreSQL, and tell nobody else."""
        with building(self.database.url("transform")) as connection:
            live = current_generation(connection)
            colour: Literal["blue", "green"] = "green" if live is not None and live.colour == "blue" else "blue"
            build = Build(
                colour=colour,
                as_of_date=None,
                head_batch_id=0,
                inputs_digest="",
                models_digest="",
                is_needed=True,
                is_full=False,
            )
            record_build(connection, build, as_of_date=date(2026, 1, 7))
            return turn(connection, colour, NAMES)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Keep everybody from reading a mart."""
        with self._owner() as connection, connection.transaction():
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier("marts", name)))
            yield

    def reads(self, name: str) -> int:
        """How many times queries of any connection have gone through a mart, in either colour."""
        with psycopg.connect(self.database.admin_url, autocommit=True) as connection:
            connection.execute("SELECT pg_stat_clear_snapshot()")
            row = connection.execute(
                "SELECT sum(seq_scan + coalesce(idx_scan, 0)) FROM pg_stat_all_tables "
                "WHERE relname = %s AND schemaname IN ('marts_blue', 'marts_green')",
                [name],
            ).fetchone()
        assert row is not None
        return int(row[0])

    @contextmanager
    def _owner(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.database.url("transform"), autocommit=True) as connection:
            connection.execute("SET ROLE ladder_marts_owner")
            yield connection
