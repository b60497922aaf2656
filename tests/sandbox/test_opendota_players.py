"""Player endpoints: the contract that the ingestion relies on."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx
import pytest

from sandbox.dota_facts import UPCOMING_HERO
from sandbox.server import Sandbox, serve
from sandbox.world import World

_RECORD = {
    "match_id", "player_slot", "radiant_win", "hero_id", "start_time", "duration", "game_mode", "lobby_type",
    "version", "kills", "deaths", "assists", "average_rank", "leaver_status", "party_size", "hero_variant",
}  # fmt: skip


def _get(api: httpx.Client, path: str) -> Any:
    response = api.get(path)
    assert response.status_code == 200, response.text
    return response.json()


def _significant(api: httpx.Client, record: dict[str, Any]) -> bool:
    modes = _get(api, "/constants/game_mode")
    lobbies = _get(api, "/constants/lobby_type")
    return (
        modes[str(record["game_mode"])].get("balanced", False)
        and lobbies[str(record["lobby_type"])].get("balanced", False)
        and record["radiant_win"] is not None
        and record["duration"] > 360
    )


@pytest.fixture(scope="module")
def every(api: httpx.Client, account: int) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = _get(api, f"/players/{account}/matches?significant=0")
    return records


@pytest.fixture(scope="module")
def significant(api: httpx.Client, account: int) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = _get(api, f"/players/{account}/matches")
    return records


def test_a_profile_names_the_person_and_their_rank(api: httpx.Client, account: int):
    response = _get(api, f"/players/{account}")
    assert response["profile"]["account_id"] == account
    assert response["profile"]["steamid"] == str(account + 76_561_197_960_265_728)
    assert 11 <= response["rank_tier"] <= 80


def test_an_uncalibrated_player_has_null_ranks(api: httpx.Client, sandbox: Sandbox):
    never = sandbox.world.suggested_players()[13]
    response = _get(api, f"/players/{never}")
    assert response["rank_tier"] is None
    assert response["leaderboard_rank"] is None


def test_records_have_the_fields_of_today_and_come_newest_first(every: list[dict[str, Any]]):
    assert all(set(record) == _RECORD for record in every)
    starts = [record["start_time"] for record in every]
    assert starts == sorted(starts, reverse=True)


def test_only_significant_matches_are_listed_by_default(
    api: httpx.Client, every: list[dict[str, Any]], significant: list[dict[str, Any]]
):
    assert 0 < len(significant) < len(every)
    assert significant == [record for record in every if _significant(api, record)]


def test_limit_and_offset_page_through_all_matches_once(api: httpx.Client, account: int, every: list[dict[str, Any]]):
    pages: list[dict[str, Any]] = []
    while page := _get(api, f"/players/{account}/matches?significant=0&limit=7&offset={len(pages)}"):
        pages += page
    assert pages == every


@pytest.mark.parametrize("name", ["hero_id", "game_mode", "lobby_type"])
def test_a_filter_keeps_exactly_the_matches_with_its_value(
    api: httpx.Client, account: int, every: list[dict[str, Any]], name: str
):
    value = Counter(record[name] for record in every).most_common()[-1][0]
    response = _get(api, f"/players/{account}/matches?significant=0&{name}={value}")
    assert response == [record for record in every if record[name] == value]


def test_date_keeps_the_last_days(api: httpx.Client, sandbox: Sandbox, account: int, every: list[dict[str, Any]]):
    since = sandbox.world.now - 7 * 86_400
    response = _get(api, f"/players/{account}/matches?significant=0&date=7")
    assert response == [record for record in every if record["start_time"] >= since]


def test_project_adds_fields_to_the_six_fixed_ones(api: httpx.Client, account: int):
    base = {"match_id", "player_slot", "radiant_win", "duration", "game_mode", "lobby_type"}
    repeated = _get(api, f"/players/{account}/matches?limit=1&project=kills&project=patch")
    assert set(repeated[0]) == base | {"kills", "patch"}
    listed = _get(api, f"/players/{account}/matches?limit=1&project=kills,hero_id")
    assert set(listed[0]) == base | {"kills", "hero_id"}


def test_sort_puts_the_largest_first(api: httpx.Client, account: int):
    kills = [record["kills"] for record in _get(api, f"/players/{account}/matches?sort=kills")]
    assert kills == sorted(kills, reverse=True)


def test_win_loss_counts_significant_matches(api: httpx.Client, account: int, significant: list[dict[str, Any]]):
    wins = sum((record["player_slot"] < 128) == record["radiant_win"] for record in significant)
    assert _get(api, f"/players/{account}/wl") == {"win": wins, "lose": len(significant) - wins}


def test_heroes_agree_with_the_matches_and_are_those_of_the_constants(
    api: httpx.Client, account: int, significant: list[dict[str, Any]]
):
    rows = {row["hero_id"]: row for row in _get(api, f"/players/{account}/heroes")}
    assert set(rows) == {hero["id"] for hero in _get(api, "/constants/heroes").values()}
    games = Counter(record["hero_id"] for record in significant)
    assert {hero: row["games"] for hero, row in rows.items() if row["games"]} == {
        hero: count for hero, count in games.items() if hero in rows
    }
    for hero in rows:
        mine = [record for record in significant if record["hero_id"] == hero]
        assert rows[hero]["last_played"] == max((record["start_time"] for record in mine), default=0)
        assert rows[hero]["win"] == sum((r["player_slot"] < 128) == r["radiant_win"] for r in mine)


def test_counts_totals_and_peers_agree_with_the_matches(
    api: httpx.Client, account: int, significant: list[dict[str, Any]]
):
    counts = _get(api, f"/players/{account}/counts")
    assert sum(row["games"] for row in counts["game_mode"].values()) == len(significant)
    totals = {row["field"]: row for row in _get(api, f"/players/{account}/totals")}
    assert totals["kills"]["sum"] == sum(record["kills"] for record in significant)
    for peer in _get(api, f"/players/{account}/peers"):
        assert peer["games"] == peer["with_games"] + peer["against_games"] <= len(significant)


def test_ratings_end_with_the_rank_the_profile_shows(api: httpx.Client, account: int):
    ratings = _get(api, f"/players/{account}/ratings")
    assert set(ratings[0]) == {"time", "rank_tier"}
    assert [row["time"] for row in ratings] == sorted(row["time"] for row in ratings)
    assert ratings[-1]["rank_tier"] == _get(api, f"/players/{account}")["rank_tier"]


def test_recent_matches_are_the_last_twenty_of_any_kind(api: httpx.Client, account: int, every: list[dict[str, Any]]):
    recent = _get(api, f"/players/{account}/recentMatches")
    assert [row["match_id"] for row in recent] == [row["match_id"] for row in every[:20]]


def test_a_private_player_has_a_profile_and_an_empty_list(api: httpx.Client, sandbox: Sandbox):
    hidden = sandbox.world.suggested_players()[7]
    assert _get(api, f"/players/{hidden}/matches?significant=0") == []
    assert _get(api, f"/players/{hidden}/wl") == {"win": 0, "lose": 0}
    assert _get(api, f"/players/{hidden}")["profile"]["account_id"] == hidden


def test_errors_have_upstreams_status_and_text(api: httpx.Client):
    cases = {
        "/players/12345": (404, "Not Found"),
        "/players/12345/matches": (404, "Not Found"),
        "/players/abc": (400, "invalid account id"),
        "/players/99999999999/wl": (400, "invalid account id"),
        "/nowhere": (404, "Not Found"),
        "/constants/nothing": (404, "Not Found"),
    }
    for path, (status, text) in cases.items():
        response = api.get(path)
        assert (response.status_code, response.json()) == (status, {"error": text}), path
    assert api.get("/publicMatches?min_rank=high").status_code == 400


def test_search_finds_people_by_part_of_their_name(api: httpx.Client, sandbox: Sandbox, account: int):
    name = sandbox.world.people.names[0]
    found = _get(api, f"/search?q={name[1:-1].lower()}")
    assert account in [row["account_id"] for row in found]
    assert set(found[0]) == {"account_id", "personaname", "avatarfull", "last_match_time", "similarity"}
    assert _get(api, "/search?q=") == []


def test_advancing_brings_new_matches_and_changes_old_ones():
    world = World(seed=7, players=120, days=30)
    with serve(world) as sandbox, httpx.Client(base_url=sandbox.url) as api:
        accounts = world.suggested_players(120)
        before = {a: _get(api, f"/players/{a}/matches?significant=0") for a in accounts}
        sandbox.advance(days=8)
        after = {a: _get(api, f"/players/{a}/matches?significant=0") for a in accounts}
    changed: Counter[str] = Counter()
    late = 0
    for one in accounts:
        now = {record["match_id"]: record for record in after[one]}
        newest = max((record["start_time"] for record in before[one]), default=0)
        late += sum(r["start_time"] < newest for r in after[one]) - max(0, len(before[one]) - 1)
        for record in before[one]:
            changed.update(name for name, value in record.items() if now[record["match_id"]][name] != value)
    assert {"version", "party_size", "average_rank", "radiant_win"} <= set(changed)
    assert late > 0
    assert sum(map(len, after.values())) > 1.05 * sum(map(len, before.values()))


def test_a_new_hero_is_in_matches_before_it_is_in_the_constants():
    world = World(seed=7, players=60, days=30)
    with serve(world) as sandbox, httpx.Client(base_url=sandbox.url) as api:
        played = {
            record["hero_id"]
            for account in world.suggested_players(60)
            for record in _get(api, f"/players/{account}/matches?significant=0")
        }
        assert UPCOMING_HERO.hero_id in played
        assert str(UPCOMING_HERO.hero_id) not in _get(api, "/constants/heroes")
        sandbox.advance(days=5)
        assert str(UPCOMING_HERO.hero_id) in _get(api, "/constants/heroes")


def test_a_player_who_turns_private_lists_nothing_from_then_on():
    world = World(seed=7, players=20, days=20)
    account = world.suggested_players()[0]
    with serve(world) as sandbox, httpx.Client(base_url=sandbox.url) as api:
        assert _get(api, f"/players/{account}/matches")
        world.set_private(account, True)
        assert _get(api, f"/players/{account}/matches") == []
