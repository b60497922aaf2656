"""Each endpoint returns the data of its mart in the envelope, page by page."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import Any

import httpx
import pytest


def data(client: httpx.Client, path: str, **query: Any) -> Any:
    response = client.get(f"/api/v1{path}", params=query)
    assert response.status_code == 200, response.text
    return response.json()["data"]


def pages(client: httpx.Client, path: str, **query: Any) -> list[list[dict[str, Any]]]:
    found, cursor = [], None
    while True:
        response = client.get(f"/api/v1{path}", params={**query, **({"cursor": cursor} if cursor else {})}).json()
        found.append(response["data"])
        cursor = response["meta"]["next"]
        if cursor is None:
            return found


def test_every_response_has_its_age_generation_and_mart(reader: httpx.Client) -> None:
    meta = reader.get("/api/v1/players/dota2/101").json()["meta"]
    assert meta["generation"] == 1
    assert meta["as_of_date"] == "2026-01-07"
    assert meta["as_of"].endswith("Z")
    assert meta["mart"] == "dim_players"
    assert meta["next"] is None


def test_leaderboards_are_listed(reader: httpx.Client) -> None:
    assert data(reader, "/leaderboards") == [
        {"board": "dota2_matches", "game": "dota2", "players": 70, "qualified": 60}
    ]


def test_pages_of_a_leaderboard_neither_lose_nor_repeat_ties(reader: httpx.Client) -> None:
    found = pages(reader, "/leaderboards/dota2_matches", limit=7)
    assert [len(page) for page in found] == [7] * 8 + [4]
    entries = [entry for page in found for entry in page]
    assert len({entry["player_id"] for entry in entries}) == 60
    assert all(before["rank"] <= after["rank"] for before, after in pairwise(entries))
    assert entries[0]["score"] == 1000


def test_a_leaderboard_excludes_unqualified_players(reader: httpx.Client) -> None:
    entries = data(reader, "/leaderboards/dota2_matches", limit=500)
    assert all(entry["rank"] is not None for entry in entries)
    assert "65" not in {entry["player_id"] for entry in entries}


def test_a_profile_is_one_record_with_times_in_utc_and_ids_as_text(reader: httpx.Client) -> None:
    profile = data(reader, "/players/dota2/101")
    assert profile["display_name"] == "Ada"
    assert profile["steam_id64"] == "76561197960265829"
    assert profile["last_played_at"] == "2026-01-02T03:04:05.678000Z"
    assert data(reader, "/players/dota2/102")["display_name"] is None


def test_win_loss_lists_the_longest_period_first_and_has_no_rate_without_matches(reader: httpx.Client) -> None:
    periods = data(reader, "/players/dota2/101/win-loss")
    assert [period["period"] for period in periods] == ["all", "30d", "7d"]
    assert periods[0]["win_rate"] == 0.333333
    assert periods[2]["win_rate"] is None
    assert {period["mode"] for period in periods} == {"standard"}


def test_win_loss_of_another_mode_contains_that_mode_only(reader: httpx.Client) -> None:
    turbo = data(reader, "/players/dota2/101/win-loss", mode="turbo")
    assert [(row["mode"], row["period"], row["matches"], row["wins"]) for row in turbo] == [
        ("turbo", "all", 12, 9),
        ("turbo", "30d", 1, 1),
        ("turbo", "7d", 0, 0),
    ]
    assert data(reader, "/players/dota2/101/win-loss", mode="standard") == data(reader, "/players/dota2/101/win-loss")
    # The mode of another game, and a mode that the player never played.
    assert data(reader, "/players/dota2/101/win-loss", mode="5v5") == []
    assert data(reader, "/players/cs2/p-ada/win-loss", mode="2v2") == []
    rejected = reader.get("/api/v1/players/dota2/101/win-loss?mode=wingman")
    assert rejected.status_code == 422
    assert rejected.json()["error"]["message"].startswith("mode: ")
    assert "'turbo'" in rejected.json()["error"]["message"]


def test_matches_without_a_time_count_in_results_but_are_not_listed(reader: httpx.Client) -> None:
    player = "/players/cs2/p-cat"
    (record,) = data(reader, f"{player}/win-loss")
    assert [record[name] for name in ("matches", "wins", "draws", "losses")] == [3, 1, 1, 1]
    assert record["last_played_at"] is None
    (nuke,) = data(reader, f"{player}/maps")
    assert (nuke["map_id"], nuke["matches"], nuke["last_played_at"]) == ("de_nuke", 3, None)
    assert data(reader, f"{player}/matches") == []
    assert data(reader, player)["last_played_at"] is None


def test_a_record_counts_draws_next_to_wins_and_losses(reader: httpx.Client) -> None:
    record = data(reader, "/players/cs2/p-ada/win-loss")[0]
    assert [record[name] for name in ("matches", "wins", "draws", "losses")] == [6, 4, 1, 1]
    form = data(reader, "/teams/dota2/1/form")
    assert [form[name] for name in ("wins", "draws", "losses", "last_10_draws")] == [7, 1, 4, 1]


def test_matches_have_a_mode_and_are_filtered_by_it(reader: httpx.Client) -> None:
    every = data(reader, "/players/cs2/p-ada/matches")
    wingman = data(reader, "/players/cs2/p-ada/matches", mode="2v2")
    assert wingman == [match for match in every if match["mode"] == "2v2"]
    assert [match["is_draw"] for match in every if match["is_significant"]] == [True, True]


def test_heroes_of_a_player_include_the_unknown_hero(reader: httpx.Client) -> None:
    heroes = data(reader, "/players/dota2/101/heroes")
    assert [(hero["character_id"], hero["character_name"], hero["matches"]) for hero in heroes] == [
        ("1", "Anti-Mage", 50),
        ("0", None, 5),
    ]


def test_pages_of_matches_start_with_the_newest_and_handle_equal_times(reader: httpx.Client) -> None:
    matches = [match for page in pages(reader, "/players/dota2/101/matches", limit=11) for match in page]
    assert len({match["match_id"] for match in matches}) == len(matches) == 120
    assert all(before["played_at"] >= after["played_at"] for before, after in pairwise(matches))


def test_matches_are_filtered_by_hero_and_significance(reader: httpx.Client) -> None:
    axe = data(reader, "/players/dota2/101/matches", character_id="2", limit=500)
    assert {match["character_name"] for match in axe} == {"Axe"}
    assert len(axe) == 40
    assert len(data(reader, "/players/dota2/101/matches", significant="true", limit=500)) == 96
    assert len(data(reader, "/players/dota2/101/matches", significant="false", limit=500)) == 24


def test_rank_progression_runs_from_the_oldest_day_by_ladder(reader: httpx.Client) -> None:
    days = [day for page in pages(reader, "/players/dota2/101/rank-progression", limit=3) for day in page]
    assert len(days) == 20
    assert days == sorted(days, key=lambda day: (day["ladder"], day["observed_date"]))
    one = data(reader, "/players/dota2/101/rank-progression", ladder="dota2_solo_mmr")
    assert {day["ladder"] for day in one} == {"dota2_solo_mmr"}


def test_a_lost_rank_is_a_day_with_null(reader: httpx.Client) -> None:
    days = data(reader, "/players/cs2/p-bob/rank-progression")
    assert [(day["rank_value"], day["change_steps"], day["peak_rank_value"]) for day in days] == [
        (1200, None, 1200),
        (1187, -13, 1200),
        (None, None, 1200),
        (1210, None, 1210),
    ]


def test_meta_trends_of_a_window_and_bracket_start_with_the_largest_rise(reader: httpx.Client) -> None:
    trends = data(reader, "/heroes/meta-trends")
    assert [(trend["character_id"], trend["window_days"], trend["rank_bracket"]) for trend in trends] == [
        ("2", 7, "all"),
        ("1", 7, "all"),
    ]
    divine = data(reader, "/heroes/meta-trends", window_days=30, rank_bracket="divine")
    assert {(trend["window_days"], trend["rank_bracket"]) for trend in divine} == {(30, "divine")}
    assert data(reader, "/heroes/meta-trends", rank_bracket="herald") == []


@pytest.mark.parametrize(
    ("query", "matches", "wins"),
    [
        ({}, 37, 22),
        ({"patch_id": "58"}, 27, 16),
        ({"rank_bracket": "divine"}, 30, 15),
        ({"since": "2026-01-02"}, 27, 16),
        ({"until": "2026-01-01"}, 10, 6),
    ],
)
def test_win_rates_of_heroes_are_computed_over_the_sums(
    reader: httpx.Client, query: dict[str, str], matches: int, wins: int
) -> None:
    (hero,) = (hero for hero in data(reader, "/heroes/win-rates", **query) if hero["character_id"] == "1")
    assert (hero["matches"], hero["wins"], hero["losses"]) == (matches, wins, matches - wins)
    p, n, z2 = wins / matches, matches, 1.96**2
    spread = 1.96 * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    assert hero["win_rate"] == pytest.approx(p, abs=1e-6)
    assert hero["win_rate_low"] == pytest.approx((p + z2 / (2 * n) - spread) / (1 + z2 / n), abs=1e-6)
    assert hero["win_rate_high"] == pytest.approx((p + z2 / (2 * n) + spread) / (1 + z2 / n), abs=1e-6)


def test_a_hero_with_bans_only_has_no_rate(reader: httpx.Client) -> None:
    banned = data(reader, "/heroes/win-rates")[-1]
    assert (banned["character_id"], banned["bans"], banned["picks"]) == ("9", 4, 0)
    assert banned["win_rate"] is banned["win_rate_low"] is banned["win_rate_high"] is None


@pytest.mark.parametrize(
    "below",
    ["", "/win-loss", "/heroes", "/maps", "/matches", "/rank-progression", "/benchmarks", "/teammates", "/opponents"],
)
def test_an_unknown_player_is_a_404_and_a_known_player_without_rows_an_empty_list(
    reader: httpx.Client, below: str
) -> None:
    response = reader.get(f"/api/v1/players/dota2/999{below}")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "unknown_player"
    if below:
        assert data(reader, f"/players/dota2/102{below}") == []


def test_a_person_lists_all_players_of_an_account_for_each_of_them(reader: httpx.Client) -> None:
    people = [data(reader, f"/players/{player}/person") for player in ("dota2/101", "cs2/p-ada", "csgo/p-ada")]
    assert people[0] == people[1] == people[2]
    assert [(player["game"], player["player_id"], player["rank_name"]) for player in people[0]] == [
        ("cs2", "p-ada", "Level 10"),
        ("cs2", "p-zoe", None),
        ("csgo", "p-ada", "Level 5"),
        ("dota2", "101", "Divine 4"),
    ]


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        ("ADA", ["ADA%", "Ada", "ada_cs", "ada_cs", "Adam"]),
        ("ada%", ["ADA%"]),
        ("ada_", ["ada_cs", "ada_cs"]),
        ("%", []),
        ("100%", ["100%"]),
        ("_", ["_x\\"]),
        ("_x\\", ["_x\\"]),
        ("ånG", ["Ångström"]),
    ],
)
def test_search_takes_a_prefix_literally_and_ignores_case(reader: httpx.Client, prefix: str, names: list[str]) -> None:
    found = [player["display_name"] for player in data(reader, "/search/players", prefix=prefix)]
    assert sorted(found) == sorted(names)


def test_search_finds_fifty_at_most(reader: httpx.Client) -> None:
    assert len(data(reader, "/search/players", prefix="many")) == 50
    assert reader.get("/api/v1/search/players?prefix=many").headers["cache-control"].startswith("public, max-age=120,")


def test_the_order_of_compared_players_does_not_change_the_response(reader: httpx.Client) -> None:
    one = reader.get("/api/v1/compare/players?game=cs2&players=p-ada&players=p-bob")
    other = reader.get("/api/v1/compare/players?players=p-bob&game=cs2&players=p-ada")
    assert [player["player_id"] for player in one.json()["data"]] == ["p-ada", "p-bob"]
    assert (other.content, other.headers["etag"]) == (one.content, one.headers["etag"])


def test_a_comparison_leaves_out_unknown_players_unless_all_are_unknown(reader: httpx.Client) -> None:
    (player,) = data(reader, "/compare/players", game="cs2", players=["p-bob", "nobody"])
    assert (player["player_id"], player["rank_name"], player["matches"]) == ("p-bob", "Level 6", None)
    unknown = reader.get("/api/v1/compare/players", params={"game": "cs2", "players": ["nobody", "no-one"]})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_player")


def test_an_unknown_leaderboard_is_a_404_and_a_page_after_the_end_an_empty_list(reader: httpx.Client) -> None:
    response = reader.get("/api/v1/leaderboards/nobody")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_board")
    # The cursor after rank 9999, player 9.
    assert data(reader, "/leaderboards/dota2_matches", cursor="Wzk5OTksIjkiXQ") == []


def test_health_readiness_and_metrics_are_served(reader: httpx.Client) -> None:
    assert reader.get("/healthz").json() == {"status": "alive"}
    assert reader.get("/readyz").json() == {"status": "ready", "generation": 1}
    reader.get("/api/v1/leaderboards")
    counts = reader.get("/metrics").text
    assert 'ladder_requests_total{endpoint="leaderboards",status="200"}' in counts
    assert "ladder_generation 1.0" in counts
    assert 'ladder_query_seconds_bucket{le="+Inf"}' in counts
