"""A data test fails when its condition is violated, so that a wrong mart is not published."""

from __future__ import annotations

import pytest

from tests.dbt.project import Project

BREAKAGES = {
    "assert_board_ranks_follow_scores": "UPDATE marts_green.leaderboard_entries SET rank = rank + 1",
    "assert_character_totals_equal_player_totals": (
        "DELETE FROM marts_green.player_character_win_rates WHERE character_id = '1'"
    ),
    "assert_meetings_are_mutual": "DELETE FROM marts_green.head_to_head WHERE player_id = '7'",
    "assert_periods_nest": "UPDATE marts_green.player_win_rates SET matches = 1000, wins = 1000 WHERE period = '7d'",
    "assert_picks_equal_significant_slots": "UPDATE marts_green.fct_player_matches SET is_significant = false",
    "assert_rank_shares_sum_to_one": "UPDATE marts_green.rank_distribution SET cumulative_share = 0.5",
    "fct_player_matches_are_coherent": "UPDATE marts_green.fct_player_matches SET side = 'dire'",
    "fct_player_matches_have_a_player_once": (
        "UPDATE marts_green.fct_player_matches SET player_id = '7' WHERE match_id = '130'"
    ),
    "fct_player_matches_refer_to_characters": "DELETE FROM marts_green.dim_characters WHERE character_id = '1'",
    "player_mode_win_rates_are_coherent": "UPDATE marts_green.player_mode_win_rates SET draws = draws + 1",
    "fct_player_matches_refer_to_modes": "UPDATE marts_green.fct_player_matches SET mode = 'none'",
    "player_win_rates_are_coherent": "UPDATE marts_green.player_win_rates SET wins = wins + 1",
    "leaderboard_entries_are_coherent": "UPDATE marts_green.leaderboard_entries SET losses = 0 WHERE losses > 0",
    "fct_faceit_player_maps_are_coherent": (
        "UPDATE marts_green.fct_faceit_player_maps SET side = 'faction2' WHERE player_slot = 0"
    ),
    "player_performance_refers_to_slots": "UPDATE marts_green.player_performance SET player_id = 'nobody'",
    "player_form_is_coherent": "UPDATE marts_green.player_form SET losses = losses + 1",
    "fct_faceit_player_maps_have_a_player_once": (
        "UPDATE marts_green.fct_faceit_player_maps SET player_id = 'q1' WHERE match_id = 'f105'"
    ),
    "map_win_rates_are_coherent": "UPDATE marts_green.map_win_rates SET wins = wins + 1",
    "map_win_rates_refer_to_maps": "UPDATE marts_green.map_win_rates SET map_id = map_id || '?'",
    "assert_map_totals_equal_significant_slots": "UPDATE marts_green.player_map_win_rates SET matches = matches + 1",
    "player_map_win_rates_are_coherent": "UPDATE marts_green.player_map_win_rates SET wins = wins + 7",
    "player_map_win_rates_refer_to_maps": "DELETE FROM marts_green.dim_maps",
    "player_combat_stats_are_coherent": (
        "INSERT INTO marts_green.player_combat_stats (game, player_id, matches, rounds, kills, entry_success_rate) "
        "VALUES ('cs2', 'q1', 1, 1, 1, 2)"
    ),
    "bridge_player_identities_are_coherent": "UPDATE marts_green.bridge_player_identities SET is_primary = false",
    "bridge_player_identities_refer_to_people": "DELETE FROM marts_green.dim_people WHERE person_id = 'steam:7'",
    "dim_people_are_coherent": "UPDATE marts_green.dim_people SET players = games + 1",
    "dim_players_are_people": "DELETE FROM marts_green.bridge_player_identities WHERE player_id = 'q1'",
    "person_profiles_refer_to_identities": "UPDATE marts_green.person_profiles SET person_id = person_id || '?'",
    "person_profiles_refer_to_people": "DELETE FROM marts_green.dim_people WHERE person_id = 'steam:8'",
    "cross_game_leaderboard_is_coherent": (
        "INSERT INTO marts_green.cross_game_leaderboard (person_id, rank, score, games) VALUES ('q1', 1, 0, 1)"
    ),
    "team_form_is_coherent": "UPDATE marts_green.team_form SET streak = 9",
}


@pytest.fixture(scope="module")
def broken(project: Project) -> dict[str, str]:
    """Status of each data test after all breakages were applied."""
    project.restore()
    statuses = project.dbt(["test", "--select", "test_type:data"], "green")
    assert {statuses[name] for name in BREAKAGES} == {"pass"}
    for statement in BREAKAGES.values():
        project.execute(statement)
    statuses = project.dbt(["test", "--select", "test_type:data"], "green")
    project.restore()
    return statuses


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_breakage_fails_its_data_test(broken: dict[str, str], name: str) -> None:
    assert broken[name] == "fail"
