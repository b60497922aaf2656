"""`ladder verify`: compares the published marts with a rebuild from staging, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.orchestration.conftest import CommandLine, Filled


@pytest.fixture(scope="module", autouse=True)
def up_to_date(filled: Filled) -> None:
    """Other tests of the shared warehouse leave unpublished changes, which would prevent a comparison."""
    ended = filled.ladder("run", "--only", "hero_stats")
    assert ended.code == 0, ended.errors


def _rows(filled: Filled, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(filled.database.admin_url) as connection:
        return connection.execute(query.encode()).fetchall()


def _live(filled: Filled) -> str:
    ((colour,),) = _rows(filled, "SELECT colour FROM ops.generations ORDER BY generation DESC LIMIT 1")
    return f"marts_{colour}"


def _marts(filled: Filled) -> int:
    """Number of published marts."""
    ((count,),) = _rows(filled, "SELECT count(*) FROM pg_views WHERE schemaname = 'marts'")
    return int(count)


@contextmanager
def _changed_by_hand(filled: Filled, statements: Mapping[str, str]) -> Iterator[None]:
    """Change tables of the published colour for the length of the block; statements by table."""
    with psycopg.connect(filled.database.admin_url) as connection:
        for number, (table, statement) in enumerate(statements.items()):
            connection.execute(f"CREATE TABLE public.kept_{number} AS TABLE {table}".encode())
            connection.execute(statement.format(table=table).encode())
    try:
        yield
    finally:
        with psycopg.connect(filled.database.admin_url) as connection:
            for number, table in enumerate(statements):
                restore = f"TRUNCATE {table}; INSERT INTO {table} TABLE public.kept_{number}"
                connection.execute(f"{restore}; DROP TABLE public.kept_{number}".encode())


def test_published_marts_equal_a_rebuild_and_the_last_line_reports_it(filled: Filled) -> None:
    ended = filled.ladder("verify")
    assert ended.code == 0, ended.output
    rows = _rows(filled, f"SELECT count(*) FROM {_live(filled)}.fct_player_matches")
    assert f"fct_player_matches {rows[0][0]} 0 0" in " ".join(ended.output.split())
    assert ended.output.splitlines()[-1].startswith(f"0 differences in {_marts(filled)} marts and 13 upstream tables, ")


def test_every_changed_missing_or_additional_row_is_counted_and_shown(filled: Filled) -> None:
    live = _live(filled)
    totals = f"prep.int_player_totals_{live.removeprefix('marts_')}"
    # One row per mode of the player.
    ((modes,),) = _rows(
        filled, f"SELECT count(*) FROM {totals} WHERE player_id = (SELECT min(player_id) FROM {totals})"
    )
    one_player = "WHERE player_id = (SELECT min(player_id) FROM {table})"
    changes = {
        f"{live}.player_win_rates": f"UPDATE {{table}} SET wins = wins + 1000 {one_player}",
        f"{live}.dim_characters": "DELETE FROM {table} WHERE character_id = (SELECT min(character_id) FROM {table})",
        f"{live}.dim_teams": "INSERT INTO {table} (game, team_id, team_name) VALUES ('dota2', 'none', 'Unknown')",
        totals: f"UPDATE {{table}} SET slots = slots + 1 {one_player}",
    }
    with _changed_by_hand(filled, changes):
        ended = filled.ladder("verify")
    assert ended.code == 1
    lines = ended.output.splitlines()
    differences = 2 * 3 + 1 + 1 + 2 * modes
    assert lines[-1].startswith(f"{differences} differences in {_marts(filled)} marts and 13 upstream tables, ")
    counts = {line.split()[0]: line.split()[2:] for line in lines if len(line.split()) == 4}
    assert counts["player_win_rates"] == ["3", "3"]
    assert counts["dim_characters"] == ["0", "1"]
    assert counts["dim_teams"] == ["1", "0"]
    assert counts["int_player_totals"] == [str(modes), str(modes)]
    assert len([line for line in lines if line.startswith("- ") and '"wins": 10' in line]) == 3
    assert any(line.startswith("- ") and '"Unknown"' in line for line in lines)


def test_a_named_mart_is_the_only_one_compared_and_no_table_is_left_behind(filled: Filled) -> None:
    ended = filled.ladder("verify", "team_form")
    assert ended.code == 0
    assert ended.output.splitlines()[-1].startswith("0 differences in 1 mart, ")
    query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'marts_scratch' OR tablename LIKE '%\\_scratch'"
    assert _rows(filled, query) == [(0,)]


def test_a_copy_of_the_database_is_compared_in_place_of_the_original(filled: Filled) -> None:
    original = filled.database.admin_url
    name = str(conninfo_to_dict(original)["dbname"])
    copy = make_conninfo(original, dbname=f"{name}_copy")
    server = make_conninfo(original, dbname="postgres")
    identifiers = {"name": sql.Identifier(name), "copy": sql.Identifier(f"{name}_copy")}
    with psycopg.connect(server, autocommit=True) as connection:
        # A database with connections cannot be copied, and those of ended commands may take a short time to close.
        connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name])
        connection.execute(sql.SQL("CREATE DATABASE {copy} TEMPLATE {name}").format(**identifiers))
        try:
            url = original.replace(f"/{name}", f"/{name}_copy")
            with psycopg.connect(copy) as changed:
                changed.execute(f"DELETE FROM {_live(filled)}.dim_characters".encode())
            ended = filled.ladder("verify", "dim_characters", "dim_teams", LADDER_DATABASE_URL=url)
            assert ended.code == 1
            assert filled.ladder("verify", "dim_characters", "dim_teams").code == 0
        finally:
            connection.execute(sql.SQL("DROP DATABASE {copy} WITH (FORCE)").format(**identifiers))


def test_an_unknown_mart_is_rejected_in_one_line_with_the_known_ones(filled: Filled) -> None:
    ended = filled.ladder("verify", "player_winrates")
    assert ended.code == 2
    assert len(ended.error_lines) == 1
    assert "player_winrates" in ended.error_lines[0]
    assert "player_win_rates" in ended.error_lines[0]


def test_without_a_publication_one_line_names_the_next_step(ladder: CommandLine) -> None:
    ended = ladder("verify")
    assert ended.code == 2
    assert ended.error_lines == ["error: nothing is published yet; run `ladder run`"]


def test_unpublished_data_leads_to_a_hint_and_not_to_a_difference(filled: Filled) -> None:
    with psycopg.connect(filled.database.admin_url) as connection:
        connection.execute("INSERT INTO ops.tracked (source, kind, id) VALUES ('opendota', 'team', '1')")
    try:
        ended = filled.ladder("verify")
    finally:
        with psycopg.connect(filled.database.admin_url) as connection:
            connection.execute("DELETE FROM ops.tracked WHERE kind = 'team'")
    assert ended.code == 2
    assert "run `ladder run`, then verify" in ended.error_lines[0]
