"""Each endpoint returns the rows of plain SQL over the published marts, for every subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from psycopg.rows import dict_row

from serving.endpoints import ENDPOINTS, Endpoint
from tests.serving.marts import Marts

PLAYERS = "SELECT game, player_id FROM marts.dim_players WHERE player_id NOT LIKE 'many-%%' OR player_id = 'many-1'"
OF_PLAYER = "game = %(game)s AND player_id = %(player_id)s"
WILSON = """
    matches - wins AS losses,
    round(p, 6) AS win_rate,
    round((p + z2 / (2 * n) - 1.96 * sqrt(p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n), 6) AS win_rate_low,
    round((p + z2 / (2 * n) + 1.96 * sqrt(p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n), 6) AS win_rate_high
"""
"""Wilson's interval in its textbook form, over a relation with `wins` and `matches` and `SHARE`."""
SHARE = (
    "CROSS JOIN LATERAL (SELECT nullif(matches, 0)::numeric AS n, wins / nullif(matches, 0)::numeric AS p, "
    "3.8416 AS z2) AS share"
)


@dataclass(frozen=True)
class ExpectedSql:
    """Requests to an endpoint, and the SQL with the expected rows.

    Args:
        rows: SQL with the endpoint's parameters; may return more columns than the endpoint.
        subjects: SQL of all subjects; each row holds the parameters of a request.
        filters: further parameters; they override those of the subject.
    """

    rows: str
    subjects: str = "SELECT"
    filters: tuple[Mapping[str, Any], ...] = ({},)


def of_player(rows: str, *filters: Mapping[str, Any]) -> ExpectedSql:
    return ExpectedSql(rows, PLAYERS, ({}, *filters))


def with_others(mart: str) -> ExpectedSql:
    return of_player(
        f"SELECT met.*, (SELECT display_name FROM marts.dim_players AS p WHERE p.game = met.game "
        f"AND p.player_id = met.other_player_id) FROM marts.{mart} AS met WHERE {OF_PLAYER} "
        "ORDER BY matches DESC, other_player_id DESC"
    )


EXPECTED_SQL = {
    "leaderboards": ExpectedSql(
        "SELECT board, game, count(*) AS players, sum(is_qualified::integer) AS qualified "
        "FROM marts.leaderboard_entries GROUP BY board, game ORDER BY board"
    ),
    "leaderboard_entries": ExpectedSql(
        "SELECT * FROM marts.leaderboard_entries WHERE board = %(board)s AND is_qualified ORDER BY rank, player_id",
        "SELECT DISTINCT board FROM marts.leaderboard_entries",
    ),
    "leaderboard_place": ExpectedSql(
        "WITH placed AS (SELECT *, row_number() OVER (ORDER BY rank, player_id) AS place, count(rank) OVER () "
        "AS players FROM marts.leaderboard_entries WHERE board = %(board)s) "
        "SELECT p.*, p.place - asked.place AS distance FROM placed AS p JOIN placed AS asked "
        "ON p.player_id = asked.player_id OR (p.is_qualified AND asked.is_qualified "
        "AND abs(p.place - asked.place) <= coalesce(%(neighbours)s::int, 5)) "
        "WHERE asked.player_id = %(player_id)s ORDER BY p.place",
        "SELECT board, player_id FROM marts.leaderboard_entries",
        ({}, {"neighbours": 0}, {"neighbours": 50}),
    ),
    "player": of_player(f"SELECT * FROM marts.dim_players WHERE {OF_PLAYER}"),
    "player_win_loss": of_player(
        "WITH standard AS (SELECT game, mode AS name FROM marts.dim_modes WHERE is_standard), "
        "records AS (SELECT records.*, name AS mode FROM marts.player_win_rates AS records JOIN standard USING (game) "
        "WHERE coalesce(%(mode)s, name) = name UNION ALL "
        "SELECT game, player_id, period, matches, wins, draws, losses, win_rate, win_rate_low, win_rate_high, "
        "last_played_at, mode FROM marts.player_mode_win_rates JOIN standard USING (game) "
        "WHERE mode = %(mode)s AND mode <> name) "
        f"SELECT * FROM records WHERE {OF_PLAYER} ORDER BY period = '7d', period <> 'all'",
        {"mode": "turbo"},
        {"mode": "5v5"},
    ),
    "player_heroes": of_player(
        "SELECT results.*, (SELECT character_name FROM marts.dim_characters AS c WHERE c.game = results.game "
        "AND c.character_id = results.character_id) FROM marts.player_character_win_rates AS results "
        f"WHERE {OF_PLAYER} ORDER BY matches DESC, character_id"
    ),
    "player_maps": of_player(
        "SELECT results.*, (SELECT map_name FROM marts.dim_maps AS m WHERE m.game = results.game "
        f"AND m.map_id = results.map_id) FROM marts.player_map_win_rates AS results WHERE {OF_PLAYER} "
        "ORDER BY matches DESC, map_id"
    ),
    "player_matches": of_player(
        "SELECT played.*, (SELECT character_name FROM marts.dim_characters AS c WHERE c.game = played.game "
        f"AND c.character_id = played.character_id) FROM marts.fct_player_matches AS played WHERE {OF_PLAYER} "
        "AND character_id IS NOT DISTINCT FROM coalesce(%(character_id)s, character_id) "
        "AND is_significant = coalesce(%(significant)s, is_significant) AND mode = coalesce(%(mode)s, mode) "
        "AND played_at > 'epoch' "
        "ORDER BY played_at DESC, match_id DESC, player_slot DESC",
        {"character_id": "2"},
        {"significant": False},
        {"mode": "turbo"},
        {"character_id": "1", "significant": True},
    ),
    "player_rank_progression": of_player(
        f"SELECT * FROM marts.rank_progression WHERE {OF_PLAYER} AND ladder = coalesce(%(ladder)s, ladder) "
        "ORDER BY ladder, observed_date",
        {"ladder": "dota2_solo_mmr"},
    ),
    "player_form": of_player(
        "SELECT form.*, players.game, players.player_id FROM marts.dim_players AS players "
        f"LEFT JOIN marts.player_form AS form USING (game, player_id) WHERE {OF_PLAYER}"
    ),
    "player_benchmarks": of_player(f"SELECT * FROM marts.player_benchmarks WHERE {OF_PLAYER} ORDER BY metric"),
    "player_teammates": with_others("teammates"),
    "player_opponents": with_others("head_to_head"),
    "player_person": of_player(
        "SELECT records.*, players.*, ids.* FROM marts.bridge_player_identities AS ids "
        "LEFT JOIN marts.dim_players AS players USING (game, player_id) "
        "LEFT JOIN (SELECT * FROM marts.player_win_rates WHERE period = 'all') AS records USING (game, player_id) "
        f"WHERE person_id IN (SELECT person_id FROM marts.bridge_player_identities WHERE {OF_PLAYER}) "
        "ORDER BY ids.game, ids.player_id"
    ),
    "player_search": ExpectedSql(
        "SELECT * FROM marts.dim_players WHERE left(lower(display_name), length(%(prefix)s)) = lower(%(prefix)s) "
        "AND game = coalesce(%(game)s, game) "
        "ORDER BY convert_to(lower(display_name), 'UTF8'), game, player_id LIMIT 50",
        "SELECT prefix FROM unnest(ARRAY['a', 'A', 'ADA', 'ada_', 'ada%%', 'adam', '100%%', '%%', '_', '_X\\', '\\', "
        "'å', 'ÅNG', 'many', 'nobody', 'a''b', '*', ' ']) AS prefix",
        ({}, {"game": "cs2"}),
    ),
    "players_compare": ExpectedSql(
        "SELECT form.*, recent.*, records.*, players.*, recent.matches AS matches_30d, recent.wins AS wins_30d, "
        "recent.draws AS draws_30d, "
        "recent.win_rate AS win_rate_30d FROM marts.dim_players AS players "
        "LEFT JOIN (SELECT * FROM marts.player_win_rates WHERE period = 'all') AS records USING (game, player_id) "
        "LEFT JOIN (SELECT * FROM marts.player_win_rates WHERE period = '30d') AS recent USING (game, player_id) "
        "LEFT JOIN marts.player_form AS form USING (game, player_id) "
        "WHERE game = %(game)s AND player_id = ANY(%(players)s) ORDER BY players.player_id",
        "SELECT 'cs2' AS game",
        ({"players": ["p-bob", "p-ada"]}, {"players": ["p-cat", "p-nobody", "p-ada", "101"]}),
    ),
    "hero_meta_trends": ExpectedSql(
        "SELECT trends.*, (SELECT character_name FROM marts.dim_characters AS c WHERE c.game = trends.game "
        "AND c.character_id = trends.character_id) FROM marts.hero_meta_trends AS trends WHERE game = %(game)s "
        "AND window_days = %(window_days)s AND rank_bracket = %(rank_bracket)s "
        "ORDER BY win_rate_change DESC, character_id",
        "SELECT DISTINCT game, window_days, rank_bracket FROM marts.hero_meta_trends",
    ),
    "hero_win_rates": ExpectedSql(
        f"SELECT *, {WILSON}, round(picks::numeric / nullif(sum(picks) OVER (), 0), 6) AS share_of_picks FROM ("
        "SELECT character_id, sum(matches)::integer AS matches, sum(wins)::integer AS wins, "
        "sum(picks)::integer AS picks, sum(bans)::integer AS bans FROM marts.character_win_rates "
        "WHERE game = %(game)s AND patch_id = coalesce(%(patch_id)s, patch_id) "
        "AND rank_bracket = coalesce(%(rank_bracket)s, rank_bracket) "
        "AND played_date BETWEEN coalesce(%(since)s::date, '-infinity') AND coalesce(%(until)s::date, 'infinity') "
        f"GROUP BY character_id) AS sums {SHARE} LEFT JOIN marts.dim_characters AS characters USING (character_id) "
        "ORDER BY win_rate_low DESC NULLS LAST, character_id",
        "SELECT 'dota2' AS game",
        (
            {},
            {"game": "cs2"},
            {"patch_id": "58"},
            {"rank_bracket": "legend", "until": "2026-01-04"},
            {"since": "2026-01-03"},
        ),
    ),
    "hero_timeline": ExpectedSql(
        f"SELECT *, {WILSON} FROM (SELECT played_date - extract(isodow FROM played_date)::integer + 1 "
        "AS week_start_date, sum(matches)::integer AS matches, sum(wins)::integer AS wins, "
        "sum(picks)::integer AS picks, sum(bans)::integer AS bans FROM marts.character_win_rates "
        "WHERE game = %(game)s AND character_id = %(character_id)s "
        "AND rank_bracket = coalesce(%(rank_bracket)s, rank_bracket) "
        "AND played_date BETWEEN coalesce(%(since)s::date, '-infinity') AND coalesce(%(until)s::date, 'infinity') "
        f"GROUP BY 1) AS sums {SHARE} ORDER BY week_start_date",
        "SELECT game, character_id FROM marts.dim_characters",
        ({}, {"rank_bracket": "legend"}, {"since": "2026-01-04"}, {"until": "2026-01-04"}),
    ),
    "map_win_rates": ExpectedSql(
        "SELECT * FROM marts.map_win_rates LEFT JOIN marts.dim_maps USING (game, map_id) WHERE game = %(game)s "
        "ORDER BY match_share DESC, map_id, side",
        "SELECT unnest(ARRAY['cs2', 'csgo', 'dota2']) AS game",
    ),
    "teams": ExpectedSql(
        "SELECT * FROM marts.dim_teams WHERE game = %(game)s AND last_played_at > 'epoch' "
        "ORDER BY last_played_at DESC, team_id DESC",
        "SELECT unnest(ARRAY['cs2', 'csgo', 'dota2']) AS game",
    ),
    "team": ExpectedSql(
        "SELECT * FROM marts.dim_teams WHERE game = %(game)s AND team_id = %(team_id)s",
        "SELECT game, team_id FROM marts.dim_teams WHERE team_id IN ('1', '5', 't-1')",
    ),
    "team_form": ExpectedSql(
        "SELECT form.*, teams.game, teams.team_id, teams.team_name FROM marts.dim_teams AS teams "
        "LEFT JOIN marts.team_form AS form USING (game, team_id) WHERE game = %(game)s AND team_id = %(team_id)s",
        "SELECT game, team_id FROM marts.dim_teams WHERE team_id IN ('1', '5', 't-1')",
    ),
    "leagues": ExpectedSql(
        "SELECT DISTINCT game, league_id, league_name, count(*) OVER league AS teams, "
        "max(last_played_at) OVER league AS last_played_at FROM marts.league_standings WHERE game = %(game)s "
        "WINDOW league AS (PARTITION BY game, league_id) ORDER BY last_played_at DESC, league_id DESC",
        "SELECT unnest(ARRAY['cs2', 'csgo', 'dota2']) AS game",
    ),
    "league_standings": ExpectedSql(
        "SELECT * FROM marts.league_standings WHERE game = %(game)s AND league_id = %(league_id)s "
        "ORDER BY standing, team_id",
        "SELECT DISTINCT game, league_id FROM marts.league_standings WHERE league_id IN ('10', '30', 'l-1')",
    ),
    "freshness": ExpectedSql(
        "SELECT DISTINCT game, (SELECT max(last_played_at) FROM marts.dim_players AS p WHERE p.game = g.game) "
        "AS newest_match_at, (SELECT count(*) FROM marts.dim_players AS p WHERE p.game = g.game) AS players, "
        "(SELECT count(*) FROM marts.dim_players AS p WHERE p.game = g.game AND p.is_tracked) AS tracked_players "
        "FROM marts.dim_players AS g ORDER BY game"
    ),
}


def test_every_endpoint_has_an_expected_query() -> None:
    assert set(EXPECTED_SQL) == {endpoint.name for endpoint in ENDPOINTS}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_an_endpoint_returns_the_rows_of_plain_sql(
    reader: httpx.Client, reader_marts: Marts, endpoint: Endpoint
) -> None:
    expected_sql = EXPECTED_SQL[endpoint.name]
    found_any = False
    with psycopg.connect(reader_marts.database.url("analyst"), row_factory=dict_row) as connection:
        connection.execute("SET timezone = 'UTC'")
        for subject in connection.execute(expected_sql.subjects, {}).fetchall():
            for filters in expected_sql.filters:
                parameters = {**subject, **filters}
                values = {**{parameter.name: None for parameter in endpoint.parameters}, **parameters}
                rows = connection.execute(expected_sql.rows, values).fetchall()
                expected = [as_json({column.name: row[column.name] for column in endpoint.columns}) for row in rows]
                assert records(reader, endpoint, parameters) == expected, parameters
                found_any = found_any or bool(expected)
    assert found_any


def records(client: httpx.Client, endpoint: Endpoint, parameters: Mapping[str, Any]) -> list[Any]:
    """All records of an endpoint, page by page."""
    in_path = {parameter.name for parameter in endpoint.parameters if parameter.in_path}
    path = "/api/v1" + endpoint.path.format_map(parameters)
    query = {name: value for name, value in parameters.items() if name not in in_path}
    if endpoint.pagination is not None:
        query["limit"] = 7
    found: list[Any] = []
    while True:
        response = client.get(path, params=query)
        assert response.status_code == 200, response.text
        data = response.json()["data"]
        found += data if endpoint.is_list else [data]
        query["cursor"] = response.json()["meta"]["next"]
        if query["cursor"] is None:
            return found


def as_json(row: Mapping[str, Any]) -> Any:
    """A row as in a response: decimals as numbers, times as text in UTC."""
    plain = {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}
    return msgspec.json.decode(msgspec.json.encode(plain))
