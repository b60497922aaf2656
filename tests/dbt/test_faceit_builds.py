"""FACEIT's matches and players in the marts after each further response of the API."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ingestion.sources.faceit.source import SOURCE
from tests.dbt import faceit_payloads
from tests.dbt.faceit_events import STEAM_BASE
from tests.dbt.project import Project
from tests.dbt.replayed_builds import ReplayedBuilds


class Warehouse:
    """Loads one response at a time; after each an incremental build must equal a rebuild."""

    def __init__(self, project: Project, builds: ReplayedBuilds) -> None:
        self._project = project
        self._builds = builds
        project.restore()

    def load(self, endpoint: str, body: Any, **params: Any) -> None:
        """Load a response and build."""
        self.load_later(0, endpoint, body, **params)

    def load_later(self, days: int, endpoint: str, body: Any, **params: Any) -> None:
        """Load a response that was observed some days later, and build."""
        page = self._project.page(endpoint, body, **params)
        self._project.load(replace(page, observed_at=page.observed_at + timedelta(days=days)), source=SOURCE)
        self._build()

    def load_history(self, *matches: dict[str, Any]) -> None:
        """Load a page of p1's history and build."""
        self.load("player_history", {"items": list(matches)}, player_id="p1", game="cs2")

    def load_player_stats(self, *records: dict[str, Any]) -> None:
        """Load a page of p1's statistics and build."""
        self.load("player_match_stats", {"items": list(records)}, player_id="p1", game="cs2")

    def delete(self, endpoint: str, table: str, **key: Any) -> None:
        """Load a deletion of a row, and build."""
        self._project.load(self._project.deletion(endpoint, table, key), source=SOURCE)
        self._build()

    def mark_lists_read(self, player_id: str) -> None:
        """Record that the player's lists have been read to the end."""
        self._project.execute(
            "INSERT INTO ops.cursors (source, name, value, observed_at) "
            "SELECT 'faceit', list || %s, '{\"newest\": 1}', now() "
            "FROM unnest(ARRAY['player_history/', 'player_match_stats/']) AS list",
            player_id,
        )

    def status(self, data_test: str) -> str:
        """Status of a data test."""
        return self._project.dbt(["test", "--select", data_test])[data_test]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the marts."""
        return self._project.rows(query.replace(" FROM ", " FROM marts_blue."))

    def _build(self) -> None:
        self._builds.build()
        assert self._builds.differences() == {}


@pytest.fixture
def warehouse(project: Project, builds: ReplayedBuilds) -> Warehouse:
    return Warehouse(project, builds)


def test_a_match_known_only_from_a_history_has_players_and_a_result(warehouse: Warehouse) -> None:
    warehouse.load_history(faceit_payloads.history(1))
    slots = (
        "SELECT player_slot, player_id, side, is_win, kills FROM fct_player_matches WHERE match_id = 'f1' ORDER BY 1"
    )
    assert warehouse.rows(slots) == [
        (0, "p1", "faction1", True, None),
        (1, "p2", "faction1", True, None),
        (5, "p3", "faction2", False, None),
        (6, "p4", "faction2", False, None),
    ]
    assert warehouse.rows("SELECT wins FROM player_win_rates WHERE player_id = 'p2' AND period = 'all'") == [(1,)]
    assert warehouse.rows("SELECT wins FROM teammates WHERE player_id = 'p3' AND other_player_id = 'p4'") == [(0,)]
    assert warehouse.rows("SELECT match_id FROM player_performance WHERE match_id = 'f1'") == []


def test_statistics_join_the_slots_of_the_history(warehouse: Warehouse) -> None:
    warehouse.load_player_stats(faceit_payloads.listed(2))
    assert warehouse.rows("SELECT match_id FROM fct_player_matches WHERE match_id = 'f2'") == []
    warehouse.load_history(faceit_payloads.history(2))
    played = "SELECT kills, map_id, rounds FROM fct_player_matches WHERE match_id = 'f2' AND player_id = 'p1'"
    assert warehouse.rows(played) == [(20, "de_mirage", 20)]
    record = "SELECT map_id, matches, kd_ratio FROM player_map_win_rates WHERE player_id = 'p1'"
    assert warehouse.rows(record) == [("de_mirage", 1, 2)]


def test_a_match_becomes_its_maps_when_they_are_known(warehouse: Warehouse) -> None:
    results = {"winner": "faction1", "score": {"faction1": 2, "faction2": 1}}
    warehouse.load_history(faceit_payloads.history(3, results=results))
    maps = "SELECT DISTINCT match_id FROM fct_player_matches WHERE match_id LIKE 'f3%' ORDER BY 1"
    assert warehouse.rows(maps) == [("f3",)]
    warehouse.load("match", faceit_payloads.details(3, best_of=3, results=results), match_id="f3")
    assert warehouse.rows(maps) == [("f3:1",)]
    statistics = faceit_payloads.match_statistics(3, ["faction1", "faction2", "faction1"])
    warehouse.load("match_stats", statistics, match_id="f3")
    assert warehouse.rows(maps) == [("f3:1",), ("f3:2",), ("f3:3",)]
    scores = "SELECT match_id, is_win, score FROM fct_faceit_player_maps WHERE player_id = 'p1' ORDER BY match_id"
    assert warehouse.rows(scores) == [("f3:1", True, 13), ("f3:2", False, 7), ("f3:3", True, 13)]
    teams = "SELECT match_id, is_win, score, opponent_score FROM fct_team_matches WHERE team_id = 'team of p1'"
    assert warehouse.rows(teams) == [("f3", True, 2, 1)]
    form = "SELECT matches, wins, streak FROM team_form WHERE team_id = 'team of p1'"
    assert warehouse.rows(form) == [(1, 1, 1)]
    warehouse.delete("match_stats", "match_rounds", match_id="f3", match_round=2)
    warehouse.delete("match_stats", "match_rounds", match_id="f3", match_round=3)
    assert warehouse.rows(maps) == [("f3:1",)]


def test_a_match_that_is_cancelled_later_no_longer_counts(warehouse: Warehouse) -> None:
    record = "SELECT matches FROM player_win_rates WHERE player_id = 'p1' AND period = 'all'"
    warehouse.load_history(faceit_payloads.history(4), faceit_payloads.history(5))
    assert warehouse.rows(record) == [(2,)]
    warehouse.load_history(faceit_payloads.history(5, status="CANCELLED", started_at=None))
    assert warehouse.rows(record) == [(1,)]
    warehouse.delete("player_history", "history_matches", match_id="f4")
    assert warehouse.rows(record) == [(0,)]
    warehouse.delete("player_history", "history_matches", match_id="f5")
    assert warehouse.rows(record) == []


def test_a_cancelled_match_or_a_bye_is_no_win_of_a_team(warehouse: Warehouse) -> None:
    form = "SELECT matches, wins FROM team_form WHERE team_id = 'team of p1'"
    warehouse.load_history(faceit_payloads.history(6))
    warehouse.load("match", faceit_payloads.details(6), match_id="f6")
    assert warehouse.rows(form) == [(1, 1)]
    teams = faceit_payloads.details(7)["teams"]
    bye = faceit_payloads.details(7, started_at=None, teams=teams | {"faction2": {"faction_id": "bye", "roster": None}})
    warehouse.load("match", bye, match_id="f7")
    assert warehouse.rows(form) == [(1, 1)]
    warehouse.load_history(faceit_payloads.history(6, status="CANCELLED"))
    assert warehouse.rows(form) == []


def test_an_awarded_match_counts_for_teams_and_not_for_players(warehouse: Warehouse) -> None:
    players = "SELECT matches, wins FROM player_win_rates WHERE player_id = 'p1' AND period = 'all'"
    teams = "SELECT matches, wins FROM team_form WHERE team_id = 'team of p1'"
    results = {"winner": "faction1", "score": {"faction1": 2, "faction2": 0}}
    scores = [{"winner": "faction1", "factions": _scores(won, lost)} for won, lost in ((13, 5), (1, 0))]
    warehouse.load_history(faceit_payloads.history(8, results=results))
    two_maps = faceit_payloads.details(8, best_of=3, results=results, detailed_results=scores)
    warehouse.load("match", two_maps, match_id="f8")
    assert warehouse.rows(players) == warehouse.rows(teams) == [(1, 1)]
    # A match that never started and was won 1:0 by the other side.
    lost = {"winner": "faction2", "score": {"faction1": 0, "faction2": 1}}
    warehouse.load_history(faceit_payloads.history(9, started_at=None, results=lost))
    awarded = faceit_payloads.details(9, started_at=None, results=lost)
    warehouse.load("match", awarded, match_id="f9")
    assert warehouse.rows(players) == [(1, 1)]
    assert warehouse.rows(teams) == [(2, 1)]
    # Statistics show that it was played all the same.
    warehouse.load("match_stats", faceit_payloads.match_statistics(9, ["faction2"]), match_id="f9")
    assert warehouse.rows(players) == [(2, 1)]


def _scores(won: int, lost: int) -> dict[str, Any]:
    return {"faction1": {"score": won}, "faction2": {"score": lost}}


def test_a_workshop_map_gets_its_name_once_its_vote_is_loaded(warehouse: Warehouse) -> None:
    maps = (
        "SELECT map_id, map_name, scenario FROM dim_maps WHERE map_id LIKE '%307%' OR map_id LIKE '%pango%' ORDER BY 1"
    )
    warehouse.load_history(faceit_payloads.history(40), faceit_payloads.history(41))
    warehouse.load_player_stats(
        faceit_payloads.listed(40, Map="workshop/3070284539/de_pango"), faceit_payloads.listed(41, Map="3070284539")
    )
    assert warehouse.rows(maps) == [("3070284539", "3070284539", None), ("de_pango", "Pango", "defusal")]
    entities = [{"guid": "3070284539", "game_map_id": "3070284539", "class_name": "de_pango ", "name": "Pango"}]
    voting = {"map": {"pick": ["3070284539"], "entities": entities}}
    warehouse.load("match", faceit_payloads.details(41, voting=voting), match_id="f41")
    assert warehouse.rows(maps) == [("de_pango", "Pango", "defusal")]
    record = "SELECT matches FROM player_map_win_rates WHERE player_id = 'p1' AND map_id = 'de_pango'"
    assert warehouse.rows(record) == [(2,)]


def test_an_elo_that_vanished_from_the_profile_is_no_rank(warehouse: Warehouse) -> None:
    rank = "SELECT rank_value, rank_name FROM dim_players WHERE game = 'cs2' AND player_id = 'p1'"
    warehouse.load("player", faceit_payloads.profile("p1", cs2={"faceit_elo": 1800}), player_id="p1")
    assert warehouse.rows(rank) == [(1800, "Level 9")]
    warehouse.load("player", faceit_payloads.profile("p1"), player_id="p1")
    assert warehouse.rows(rank) == [(None, None)]
    warehouse.load("player", faceit_payloads.profile("p1", cs2={"faceit_elo": 1700}), player_id="p1")
    assert warehouse.rows(rank) == [(1700, "Level 8")]


def test_a_level_ends_on_the_day_of_an_elo_without_a_level(warehouse: Warehouse) -> None:
    players = (
        "SELECT observed_date - DATE '2026-01-01', rank_value, players FROM rank_distribution "
        "WHERE ladder = 'faceit_level' ORDER BY 1, 2"
    )
    for day, elo in enumerate((1800, 60, 1800, None)):
        for player, shown in (("p1", elo), ("p2", 1000))[: 2 - day % 2]:
            profile = faceit_payloads.profile(player, cs2={"faceit_elo": shown})
            warehouse.load_later(day, "player", profile, player_id=player)
    assert warehouse.rows(players) == [(0, 4, 1), (0, 9, 1), (1, 4, 1), (2, 4, 1), (2, 9, 1), (3, 4, 1)]
    current = "SELECT rank_value, rank_bracket FROM dim_players WHERE game = 'cs2' AND player_id = 'p1'"
    assert warehouse.rows(current) == [(None, "unknown")]


def test_ratings_move_form_and_totals(warehouse: Warehouse) -> None:
    matches = [faceit_payloads.history(number) for number in range(10, 33)]
    warehouse.load_history(*matches)
    warehouse.load_player_stats(*(faceit_payloads.listed(number, Kills=str(number)) for number in range(10, 33)))
    form = "SELECT matches, rated_matches, direction FROM player_form WHERE player_id = 'p1'"
    assert warehouse.rows(form) == [(20, 20, "rising")]
    warehouse.load_player_stats(faceit_payloads.listed(31, Kills="0"), faceit_payloads.listed(32, Kills="0"))
    assert warehouse.rows(form) == [(20, 20, None)]


def test_a_profile_that_names_another_account_moves_the_elo_and_the_person(warehouse: Warehouse) -> None:
    steam = str(700 + STEAM_BASE)
    cs2 = {"game_player_id": steam, "faceit_elo": 1800}
    elo = {"faceit_elo": 900, "skill_level": 2}
    warehouse.load(
        "player",
        faceit_payloads.profile("p1", steam, cs2=cs2, dota2={"game_player_id": "[U:1:700]"} | elo),
        player_id="p1",
    )
    elos = "SELECT player_id, rank_name FROM rank_progression WHERE game = 'dota2' AND ladder = 'faceit_elo'"
    assert warehouse.rows(elos) == [("700", "Level 2")]
    person = (
        "SELECT game, player_id, is_conflicting FROM bridge_player_identities WHERE person_id = 'steam:700' ORDER BY 1"
    )
    assert warehouse.rows(person) == [("cs2", "p1", False), ("dota2", "700", False)]
    warehouse.load(
        "player",
        faceit_payloads.profile("p1", steam, cs2=cs2, dota2={"game_player_id": "[U:1:701]"} | elo),
        player_id="p1",
    )
    assert {player for player, _ in warehouse.rows(elos)} == {"701"}
    assert warehouse.rows(person) == [("cs2", "p1", True)]
    other = "SELECT game, player_id, is_conflicting FROM bridge_player_identities WHERE person_id = 'steam:701'"
    assert warehouse.rows(other) == [("dota2", "701", True)]


def test_two_players_of_one_account_are_one_conflicting_person(warehouse: Warehouse) -> None:
    steam = str(7 + STEAM_BASE)
    for player in ("p2", "p1"):
        cs2 = {"game_player_id": steam, "faceit_elo": 1000}
        warehouse.load("player", faceit_payloads.profile(player, steam, cs2=cs2), player_id=player)
    person = (
        "SELECT game, player_id, source, is_primary, is_conflicting FROM bridge_player_identities "
        "WHERE person_id = 'steam:7' ORDER BY 1, 2"
    )
    assert warehouse.rows(person) == [
        ("cs2", "p1", "faceit", True, True),
        ("cs2", "p2", "faceit", False, True),
        ("dota2", "7", "opendota", True, False),
    ]
    profiles = "SELECT game, player_id, is_tracked FROM person_profiles WHERE person_id = 'steam:7' ORDER BY 1"
    assert warehouse.rows(profiles) == [("cs2", "p1", False), ("dota2", "7", True)]
    board = "SELECT cs2_player_id, dota2_player_id, rank FROM cross_game_leaderboard"
    assert warehouse.rows(board) == [("p1", "7", 1)]
    warehouse.delete("player", "player_games", player_id="p1", game="cs2")
    warehouse.delete("player", "players", player_id="p1")
    assert warehouse.rows(person) == [("cs2", "p2", "faceit", True, False), ("dota2", "7", "opendota", True, False)]


def test_faceits_totals_are_compared_by_map_name_once_all_lists_are_read(warehouse: Warehouse) -> None:
    comparison = "warn_map_totals_differ_from_faceit"
    office = {"type": "Map", "mode": "5v5", "label": "Office", "stats": {"Matches": "2", "Wins": "2"}}
    # Totals of another mode are not compared.
    wingman = office | {"mode": "Wingman", "stats": {"Matches": "7", "Wins": "7"}}
    totals = {"player_id": "p1", "game_id": "cs2", "lifetime": {}, "segments": [office, wingman]}
    warehouse.load("player_stats", totals, player_id="p1", game="cs2")
    warehouse.load_history(*(faceit_payloads.history(number) for number in (50, 51)))
    warehouse.load_history(faceit_payloads.history(52, game_mode="Wingman"))
    warehouse.load_player_stats(*(faceit_payloads.listed(number, Map="cs_office") for number in (50, 52)))
    assert warehouse.status(comparison) == "pass"
    warehouse.mark_lists_read("p1")
    assert warehouse.status(comparison) == "warn"
    warehouse.load_player_stats(faceit_payloads.listed(51, Map="cs_office"))
    assert warehouse.status(comparison) == "pass"


def test_a_match_whose_mode_is_corrected_leaves_the_standard_record(warehouse: Warehouse) -> None:
    warehouse.load_history(faceit_payloads.history(1), faceit_payloads.history(2, game_mode=""))
    records = (
        "SELECT mode, matches, wins FROM player_mode_win_rates WHERE player_id = 'p1' AND period = 'all' ORDER BY mode"
    )
    published = "SELECT matches, wins FROM player_win_rates WHERE player_id = 'p1' AND period = 'all'"
    # Without a mode, two players on each side mean 2v2.
    assert warehouse.rows(records) == [("2v2", 1, 1), ("5v5", 1, 1)]
    assert warehouse.rows(published) == [(1, 1)]
    warehouse.load_history(faceit_payloads.history(1, game_mode="Wingman"))
    assert warehouse.rows(records) == [("2v2", 2, 2)]
    assert warehouse.rows(published) == [(0, 0)]
    assert warehouse.rows("SELECT count(*) FROM head_to_head WHERE player_id = 'p1'") == [(0,)]
    warehouse.load_history(faceit_payloads.history(1), faceit_payloads.history(2))
    assert warehouse.rows(records) == [("5v5", 2, 2)]
    assert warehouse.rows(published) == [(2, 2)]


def test_a_draw_counts_until_it_is_corrected_to_a_win(warehouse: Warehouse) -> None:
    level = {"winner": "", "score": {"faction1": 15, "faction2": 15}}
    record = "SELECT matches, wins, draws, losses FROM player_win_rates WHERE player_id = 'p1' AND period = 'all'"
    meeting = "SELECT matches, wins, draws, losses FROM head_to_head WHERE player_id = 'p1' AND other_player_id = 'p3'"
    warehouse.load_history(faceit_payloads.history(1), faceit_payloads.history(2, results=level))
    assert warehouse.rows(record) == warehouse.rows(meeting) == [(2, 1, 1, 0)]
    warehouse.load_history(faceit_payloads.history(2, results={"winner": "faction2"}))
    assert warehouse.rows(record) == warehouse.rows(meeting) == [(2, 1, 0, 1)]
    # Without a winner and a score the result is unknown.
    warehouse.load_history(faceit_payloads.history(2, results={"winner": ""}))
    assert warehouse.rows(record) == warehouse.rows(meeting) == [(1, 1, 0, 0)]


def test_a_best_of_two_may_end_level_between_teams(warehouse: Warehouse) -> None:
    won = {"winner": "faction1", "factions": {"faction1": {"score": 13}, "faction2": {"score": 7}}}
    lost = {"winner": "faction2", "factions": {"faction1": {"score": 9}, "faction2": {"score": 13}}}
    level = {"winner": "", "score": {"faction1": 1, "faction2": 1}}
    championship = {"competition_type": "championship", "competition_id": "c", "competition_name": "Cup"}
    # The details have no mode; the statistics of a map do.
    warehouse.load("match_stats", faceit_payloads.match_statistics(1), match_id="f1")
    details = faceit_payloads.details(1, best_of=2, results=level, detailed_results=[won, lost], **championship)
    warehouse.load("match", details, match_id="f1")
    teams = (
        "SELECT team_id, is_win, is_draw, mode, score, opponent_score FROM fct_team_matches WHERE game = 'cs2' "
        "ORDER BY team_id"
    )
    assert warehouse.rows(teams) == [
        ("team of p1", None, True, "5v5", 1, 1),
        ("team of p3", None, True, "5v5", 1, 1),
    ]
    standings = "SELECT matches, wins, draws, losses, streak, standing FROM league_standings WHERE game = 'cs2'"
    assert warehouse.rows(standings) == [(1, 0, 1, 0, 0, 1)] * 2
    # Each map has its own result for the players.
    maps = "SELECT match_id, is_win, is_draw FROM fct_player_matches WHERE player_id = 'p1' ORDER BY match_id"
    assert warehouse.rows(maps) == [("f1:1", True, False), ("f1:2", False, False)]
    warehouse.load("match", details | {"results": {"winner": "faction2"}}, match_id="f1")
    assert warehouse.rows(f"{standings} ORDER BY standing") == [(1, 1, 0, 0, 1, 1), (1, 0, 0, 1, -1, 2)]


def test_a_map_is_won_by_the_side_that_its_statistics_name_by_id_name_or_side(warehouse: Warehouse) -> None:
    results = {"winner": "faction1", "score": {"faction1": 3, "faction2": 1}}
    warehouse.load("match", faceit_payloads.details(1, best_of=5, results=results), match_id="f1")
    statistics = faceit_payloads.match_statistics(1, ["faction1", "faction2", "faction1", "faction2", "faction1"])
    named = ("TEAM OF P1", " Team_P3 ", "Faction1", "nobody", "Draw")
    for one, name in zip(statistics["rounds"], named, strict=True):
        one["round_stats"] |= {"Winner": name, "Score": "15 / 15" if name == "Draw" else "13 / 7"}
    warehouse.load("match_stats", statistics, match_id="f1")
    maps = "SELECT match_id, is_win, is_draw FROM fct_player_matches WHERE player_id = 'p1' ORDER BY match_id"
    assert warehouse.rows(maps) == [
        ("f1:1", True, False),
        ("f1:2", False, False),
        ("f1:3", True, False),
        ("f1:4", None, False),
        ("f1:5", None, True),
    ]


def test_a_tracked_player_is_a_player_of_csgo_if_the_profile_has_the_game(warehouse: Warehouse) -> None:
    warehouse.load("player", faceit_payloads.profile("q1", cs2={}), player_id="q1")
    tracked = "SELECT game, is_tracked FROM dim_players WHERE player_id = 'q1' ORDER BY game"
    assert warehouse.rows(tracked) == [("cs2", True)]
    warehouse.load("player", faceit_payloads.profile("q1", cs2={}, csgo={"skill_level": 8}), player_id="q1")
    assert warehouse.rows(tracked) == [("cs2", True), ("csgo", True)]
