"""Recorded responses of the real FACEIT, loaded and built: nothing is lost, and the marts equal the payloads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingestion.sources.faceit.source import SOURCE
from tests.conftest import Database
from tests.dbt.project import Project
from tests.system.faceit_oracle import FaceitOracle
from tests.system.pipeline import Pipeline
from warehouse.model.source import Page

PLAYER = "ffe3566c-9574-4f1b-8012-bf4d42aeb898"
MATCH = "1-bb13fd78-e183-4d37-8a4b-ceed67da5265"
#: Of the CS:GO era.
EARLY_PLAYER = "bb75c4d7-8167-4494-9a9d-efdf9bda3862"
EARLY_MATCH = "1-61e5c416-cb78-4951-bb1c-5a04ceea9a3e"


@pytest.fixture(scope="module")
def project(create_database: Callable[[], AbstractContextManager[Database]], recorded: Path) -> Iterator[Project]:
    """The recordings, loaded and built."""
    with create_database() as database:
        project = Project(database)
        report = project.load(*_pages(project, recorded / "faceit"), source=SOURCE)
        assert report.rejected == 0
        project.execute("INSERT INTO ops.tracked (source, kind, id) VALUES ('faceit', 'player', %s)", PLAYER)
        # No sync is needed: all recordings are loaded.
        Pipeline.on(database, "http://127.0.0.1:9/api").build()
        yield project


@pytest.fixture(scope="module")
def oracle(project: Project) -> FaceitOracle:
    return FaceitOracle(project.database.settings.lake_path)


def _pages(project: Project, folder: Path) -> Iterator[Page]:
    def page(endpoint: str, file: str, **params: str) -> Page:
        return project.page(endpoint, json.loads((folder / file).read_text()), **params)

    of_player = {"player_id": PLAYER, "game": "cs2"}
    yield page("player", f"players/{PLAYER}.json", player_id=PLAYER)
    yield page("player_history", f"players/{PLAYER}/history__game=cs2.json", **of_player)
    yield page("player_match_stats", f"players/{PLAYER}/games_cs2_stats.json", **of_player)
    yield page("player_stats", f"players/{PLAYER}/stats_cs2.json", **of_player)
    yield page("player_bans", f"players/{PLAYER}/bans.json", player_id=PLAYER)
    yield page("match", f"matches/{MATCH}.json", match_id=MATCH)
    yield page("match_stats", f"matches/{MATCH}/stats.json", match_id=MATCH)
    yield page("ranking", "rankings_cs2_EU.json", game_id="cs2", region="EU")
    of_early = {"player_id": EARLY_PLAYER, "game": "csgo"}
    yield page("player", "csgo_era/player.json", player_id=EARLY_PLAYER)
    yield page("player_history", "csgo_era/history.json", **of_early)
    yield page("player_history", "csgo_era/empty_history.json", player_id="none", game="csgo")
    yield page("player_stats", "csgo_era/stats.json", **of_early)
    yield page("match", "csgo_era/match.json", match_id=EARLY_MATCH)
    yield page("match_stats", "csgo_era/match_stats.json", match_id=EARLY_MATCH)


def test_all_twenty_matches_of_the_history_have_their_statistics(project: Project, oracle: FaceitOracle) -> None:
    query = (
        "SELECT count(*), count(kills), count(map_id), count(rounds) FROM marts_blue.fct_player_matches "
        "WHERE player_id = %s AND game = 'cs2'"
    )
    assert project.rows(query, PLAYER) == [(20, 20, 20, 20)]
    assert len(oracle.performances()) == 20


def test_kills_deaths_and_ratings_equal_the_payloads(project: Project, oracle: FaceitOracle) -> None:
    query = (
        "SELECT match_id, kills, deaths, kd_ratio, is_win, hltv_rating_1 FROM marts_blue.player_performance "
        "WHERE player_id = %s AND game = 'cs2'"
    )
    found = {row[0]: row[1:] for row in project.rows(query, PLAYER)}
    expected = oracle.performances()
    assert {match: row[:4] for match, row in found.items()} == {match: row[:4] for match, row in expected.items()}
    for match, row in found.items():
        assert float(row[4]) == pytest.approx(expected[match][4], abs=0.00005)


def test_kills_per_death_equal_those_of_faceit(project: Project, recorded: Path) -> None:
    listed = json.loads((recorded / f"faceit/players/{PLAYER}/games_cs2_stats.json").read_text())["items"]
    query = "SELECT match_id, kd_ratio FROM marts_blue.player_performance WHERE player_id = %s"
    found = dict(project.rows(query, PLAYER))
    for item in listed:
        assert found[item["stats"]["Match Id"]] == pytest.approx(
            Decimal(item["stats"]["K/D Ratio"]), abs=Decimal("0.005")
        )


def test_map_win_rates_equal_the_payloads(project: Project, oracle: FaceitOracle) -> None:
    query = (
        "SELECT map_id, matches, wins, kills, deaths, win_rate FROM marts_blue.player_map_win_rates "
        "WHERE player_id = %s AND game = 'cs2'"
    )
    rows = project.rows(query, PLAYER)
    assert {row[0]: row[1:5] for row in rows} == oracle.map_records()
    assert all(row[5] == round(Decimal(row[2]) / row[1], 6) for row in rows)


def test_all_players_of_a_match_have_the_scores_of_the_payload(project: Project, oracle: FaceitOracle) -> None:
    rows = project.rows(
        "SELECT match_id, player_id, kills, deaths, is_win FROM marts_blue.fct_player_matches "
        "WHERE match_id IN (%s, %s)",
        MATCH,
        EARLY_MATCH,
    )
    assert {row[:2]: row[2:] for row in rows} == oracle.match_scores()
    assert len(rows) == 20


def test_a_match_before_cs2_is_built_in_the_same_way(project: Project) -> None:
    query = (
        "SELECT game, map_id, is_significant, rounds, count(*), count(kills), bool_and(has_details) "
        "FROM marts_blue.fct_player_matches WHERE match_id = %s GROUP BY 1, 2, 3, 4"
    )
    assert project.rows(query, EARLY_MATCH) == [("csgo", "de_inferno", True, 26, 10, 10, True)]
    # Its statistics have no double kills, which the rating needs.
    rated = "SELECT count(*), count(hltv_rating_1) FROM marts_blue.player_performance WHERE match_id = %s"
    assert project.rows(rated, EARLY_MATCH) == [(10, 0)]


_SEGMENT_NUMBERS = {
    "matches": "Matches",
    "wins": "Wins",
    "rounds": "Rounds",
    "kills": "Kills",
    "deaths": "Deaths",
    "assists": "Assists",
    "mvps": "MVPs",
    "headshots": "Headshots",
    "triple_kills": "Triple Kills",
    "quadro_kills": "Quadro Kills",
    "penta_kills": "Penta Kills",
    "win_percentage": "Win Rate %",
    "average_kd_ratio": "Average K/D Ratio",
    "average_kr_ratio": "Average K/R Ratio",
    "average_headshots_percentage": "Average Headshots %",
    "kd_ratio_sum": "K/D Ratio",
    "kr_ratio_sum": "K/R Ratio",
    "headshots_percentage_sum": "Total Headshots %",
    "adr": "ADR",
}


@pytest.mark.parametrize(
    ("player", "file", "segments"),
    [(PLAYER, f"players/{PLAYER}/stats_cs2.json", 10), (EARLY_PLAYER, "csgo_era/stats.json", 9)],
)
def test_numbers_of_lifetime_segments_load_without_loss(
    project: Project, recorded: Path, player: str, file: str, segments: int
) -> None:
    sent: list[dict[str, Any]] = json.loads((recorded / "faceit" / file).read_text())["segments"]
    stored = project.rows("SELECT label, stats FROM staging_faceit.player_segments WHERE player_id = %s", player)
    assert len(stored) == len(sent) == segments
    assert dict(stored) == {segment["label"]: segment["stats"] for segment in sent}
    names = ", ".join(_SEGMENT_NUMBERS)
    read = project.rows(
        f"SELECT map_id, {names} FROM prep.stg_faceit__player_segments "
        "INNER JOIN prep.int_map_aliases ON replace(reported_map_id, ' ', '') = alias WHERE player_id = %s",
        player,
    )
    found = {row[0]: row[1:] for row in read}
    for segment in sent:
        label = segment["label"].lower()
        numbers = found[label if "_" in label else f"de_{label}"]
        texts = [segment["stats"].get(key) for key in _SEGMENT_NUMBERS.values()]
        assert [None if text is None else Decimal(text) for text in texts] == list(numbers)


def test_the_elos_of_the_profile_are_observations(project: Project) -> None:
    query = (
        "SELECT game, player_id, rank_value, rank_name FROM marts_blue.rank_progression "
        "WHERE ladder = 'faceit_elo' AND player_id IN (%s, '42330621') ORDER BY game"
    )
    assert project.rows(query, PLAYER) == [
        ("cs2", PLAYER, 2014, "Level 10"),
        ("csgo", PLAYER, 1829, "Level 8"),
        ("dota2", "42330621", 1000, "Level 3"),
    ]


def test_the_profile_yields_the_opendota_account(project: Project) -> None:
    query = (
        "SELECT person_id, game, player_id, matched_by, is_conflicting FROM marts_blue.bridge_player_identities "
        "WHERE person_id = (SELECT person_id FROM marts_blue.bridge_player_identities WHERE game = 'cs2' AND "
        "player_id = %s) ORDER BY game"
    )
    assert project.rows(query, PLAYER) == [
        ("steam:42330621", "cs2", PLAYER, "steam_id_64", False),
        ("steam:42330621", "csgo", PLAYER, "steam_id_64", False),
        ("steam:42330621", "dota2", "42330621", "steam_account_in_game", False),
    ]


def test_a_substitute_has_played_and_the_replaced_player_has_not(project: Project) -> None:
    brought_in, taken_out = "b680aa61-8820-4e4e-8d70-3724eabebc45", "64d09a71-c8c2-4256-89e6-de6c856804ad"
    query = "SELECT player_id FROM marts_blue.fct_player_matches WHERE match_id = %s AND player_id IN (%s, %s)"
    assert project.rows(query, MATCH, brought_in, taken_out) == [(brought_in,)]


def test_premade_factions_are_teams_of_a_championship(project: Project) -> None:
    standings = (
        "SELECT team_name, league_name, wins, losses, standing FROM marts_blue.league_standings "
        "WHERE game = 'cs2' ORDER BY standing"
    )
    league = "S56 EU Open10 Central - Regular Season"
    assert project.rows(standings) == [("speciaLz", league, 1, 0, 1), ("FlensburgUnited", league, 0, 1, 2)]
