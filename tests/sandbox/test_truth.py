"""The ground truth equals results computed from HTTP responses, now and after the clock has advanced."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from sandbox.server import serve
from sandbox.truth import truth
from sandbox.world import World

Records = dict[int, list[dict[str, Any]]]


def _read(api: httpx.Client, accounts: list[int]) -> Records:
    """Every record, page by page, with significance derived from the constants."""
    modes, lobbies = (api.get(f"/constants/{name}").json() for name in ("game_mode", "lobby_type"))
    found: Records = defaultdict(list)
    for account in accounts:
        path = f"/players/{account}/matches?significant=0&limit=50&offset="
        while page := api.get(f"{path}{len(found[account])}").json():
            found[account] += page
        for record in found[account]:
            record["is_significant"] = (
                modes[str(record["game_mode"])]["balanced"]
                and lobbies[str(record["lobby_type"])]["balanced"]
                and record["radiant_win"] is not None
                and record["duration"] > 360
            )
            record["is_win"] = (record["player_slot"] < 128) == record["radiant_win"]
    return found


def _assert_true(world: World, accounts: list[int], records: Records) -> None:
    ground_truth = truth(world, accounts)
    players = {row["account_id"]: row for row in ground_truth.players.to_dicts()}
    heroes: dict[tuple[int, int], list[int]] = {}
    days: Counter[tuple[int, date]] = Counter()
    day_wins: Counter[tuple[int, date]] = Counter()
    for account in accounts:
        mine = [record for record in records[account] if record["is_significant"]]
        wins = sum(record["is_win"] for record in mine)
        assert players[account] == {
            "account_id": account,
            "listed": len(records[account]),
            "matches": len(mine),
            "wins": wins,
            "losses": len(mine) - wins,
        }
        assert ground_truth.match_ids(account) == sorted(record["match_id"] for record in records[account])
        assert ground_truth.match_ids(account, significant=True) == sorted(record["match_id"] for record in mine)
        for record in mine:
            entry = heroes.setdefault((account, record["hero_id"]), [0, 0, 0])
            entry[0] += 1
            entry[1] += record["is_win"]
            entry[2] = max(entry[2], record["start_time"])
            day = datetime.fromtimestamp(record["start_time"], UTC).date()
            days[record["hero_id"], day] += 1
            day_wins[record["hero_id"], day] += record["is_win"]
    names = ("games", "wins", "last_played")
    assert heroes == {
        (row["account_id"], row["hero_id"]): [row[name] for name in names]
        for row in ground_truth.player_heroes.to_dicts()
    }
    assert dict(days) == {(row["hero_id"], row["day"]): row["picks"] for row in ground_truth.hero_days.to_dicts()}
    assert dict(+day_wins) == {
        (row["hero_id"], row["day"]): row["wins"] for row in ground_truth.hero_days.to_dicts() if row["wins"]
    }


def test_the_truth_equals_a_count_over_http_now_and_after_eight_days():
    world = World(seed=11, players=40, days=60)
    accounts = world.suggested_players()
    with serve(world) as sandbox, httpx.Client(base_url=sandbox.url) as api:
        _assert_true(world, accounts, _read(api, accounts))
        sandbox.advance(days=8, seconds=4_321)
        _assert_true(world, accounts, _read(api, accounts))


def test_picks_over_whole_matches_equal_a_count_over_match_details():
    world = World(seed=11, players=20, days=25)
    accounts = world.suggested_players(3)
    with serve(world) as sandbox, httpx.Client(base_url=sandbox.url) as api:
        records = _read(api, accounts)
        matches = {r["match_id"] for mine in records.values() for r in mine if r["is_significant"]}
        picks: Counter[tuple[int, date]] = Counter()
        wins: Counter[tuple[int, date]] = Counter()
        for match_id in matches:
            match = api.get(f"/matches/{match_id}").json()
            day = datetime.fromtimestamp(match["start_time"], UTC).date()
            for player in match["players"]:
                picks[player["hero_id"], day] += 1
                wins[player["hero_id"], day] += player["win"]
    ground_truth = truth(world, accounts).match_hero_days.to_dicts()
    assert {(row["hero_id"], row["day"]): row["picks"] for row in ground_truth} == picks
    assert {(row["hero_id"], row["day"]): row["wins"] for row in ground_truth} == dict(wins)


def test_ranks_are_those_the_profiles_showed():
    world = World(seed=11, players=30, days=30)
    accounts = world.suggested_players()
    with serve(world) as sandbox, httpx.Client(base_url=sandbox.url) as api:
        profiles = {account: api.get(f"/players/{account}").json() for account in accounts}
        for row in truth(world, accounts).ranks.to_dicts():
            assert row["rank_tier"] == profiles[row["account_id"]]["rank_tier"]
            assert row["leaderboard_rank"] == profiles[row["account_id"]]["leaderboard_rank"]
        sandbox.advance(days=3)
        api.get(f"/players/{accounts[0]}")
        seen = [one for one in sandbox.observed_ranks if one.account_id == accounts[0]]
        assert [one.at for one in seen] == [world.now - 3 * 86_400, world.now]
        assert seen[0].rank.rank_tier == profiles[accounts[0]]["rank_tier"]


def test_rank_changes_are_those_of_the_ratings_endpoint():
    world = World(seed=11, players=20, days=30)
    account = world.suggested_players()[0]
    with serve(world) as sandbox:
        ratings = httpx.get(f"{sandbox.url}/players/{account}/ratings").json()
    ground_truth = [(row["at"], row["rank_tier"]) for row in truth(world, [account]).rank_changes.to_dicts()]
    parsed = [(int(datetime.fromisoformat(row["time"]).timestamp()), row["rank_tier"]) for row in ratings]
    assert ground_truth == parsed


def test_an_unknown_account_is_an_error():
    with pytest.raises(ValueError, match="no such account"):
        truth(World(seed=1, players=20, days=2), [17])
