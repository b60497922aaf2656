"""FACEIT's world is deterministic and consistent, and does not change the world that OpenDota shows."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

import httpx
import numpy as np
import pytest

from sandbox.faceit.match_log import BYE, CANCELLED, MISSING, NEVER, PLAYED, Maps
from sandbox.faceit.rules import levels_of
from sandbox.faceit.simulation import elo_changes
from sandbox.faceit.world import FaceitWorld
from sandbox.people import steam_id64
from sandbox.server import serve
from sandbox.world import World
from tests.sandbox.conftest import AUTHORIZED

# Digests of OpenDota's responses below, from before FACEIT was added. The digest of matches omits the fields whose
# values have changed in the simulated OpenDota since then.
_OPENDOTA_DIGEST = "60e7ba83bbcf97fc0117f6d5e87c8a0f"


@pytest.fixture(scope="module")
def world() -> FaceitWorld:
    return FaceitWorld(World(seed=7, players=80, days=120))


def _same(one: FaceitWorld, other: FaceitWorld) -> bool:
    pairs = [(one.history.series, other.history.series), (one.history.maps, other.history.maps)]
    return all(np.array_equal(value, getattr(b, name)) for a, b in pairs for name, value in vars(a).items())


def _sides(values: np.ndarray) -> np.ndarray:
    """Sums of each side (n x 2)."""
    return values.reshape(-1, 2, 5).sum(axis=2)


def _as_before(match: dict[str, Any]) -> bytes:
    """A match without the fields that have changed: ids beside team and league objects, bans, anonymous accounts."""
    left_out = {"leagueid", "radiant_team_id", "dire_team_id", "radiant_name", "dire_name"}
    if match["game_mode"] == 22:
        left_out.add("picks_bans")
    kept = {name: value for name, value in match.items() if name not in left_out}
    kept["players"] = [
        player
        if player.get("account_id")
        else {name: value for name, value in player.items() if name not in {"account_id", "rank_tier"}}
        for player in match["players"]
    ]
    return json.dumps(kept).encode()


def test_opendota_responds_as_before_faceit_was_added():
    world = World(seed=7, players=30, days=20)
    digest = hashlib.blake2b(digest_size=16)
    parts = ("", "/matches?significant=0", "/wl", "/peers", "/ratings")
    with serve(world) as sandbox, httpx.Client(base_url=sandbox.url, timeout=20) as api:
        for _ in range(2):
            paths = ["/leagues", "/teams", "/proMatches", "/publicMatches", "/heroStats", "/distributions"]
            paths += ["/constants/heroes", "/search?q=a"]
            paths += [f"/players/{account}{part}" for account in world.suggested_players(30) for part in parts]
            for path in paths:
                digest.update(api.get(path).content)
            for match_id in world.match_log.match_id.tolist()[::9]:
                response = api.get(f"/matches/{match_id}")
                digest.update(_as_before(response.json()) if response.status_code == 200 else response.content)
            assert sandbox.faceit.world.history.series.match_id.size
            sandbox.advance(days=2)
    assert digest.hexdigest() == _OPENDOTA_DIGEST


def test_the_same_seed_is_the_same_world_and_another_seed_another():
    one, again, other = (FaceitWorld(World(seed, 30, days=20)) for seed in (5, 5, 6))
    assert _same(one, again)
    assert one.suggested_players() == again.suggested_players()
    assert set(one.suggested_players()).isdisjoint(other.suggested_players())


def test_it_is_simulated_on_the_first_request_to_faceit_and_then_kept_current():
    with serve(World(seed=5, players=20, days=10)) as sandbox:
        faceit = sandbox.faceit.world
        assert httpx.get(f"{sandbox.url}/leagues").status_code == 200
        sandbox.advance(days=1)
        assert not faceit.is_started
        path = f"{sandbox.faceit_url}/players/{faceit.suggested_players(1)[0]}"
        elos = [httpx.get(path, headers=AUTHORIZED).json()["games"]["cs2"]["faceit_elo"]]
        sandbox.advance(days=5)
        assert not faceit.is_behind
        elos.append(httpx.get(path, headers=AUTHORIZED).json()["games"]["cs2"]["faceit_elo"])
        sandbox.world.advance(days=5)
        assert faceit.is_behind
        elos.append(httpx.get(path, headers=AUTHORIZED).json()["games"]["cs2"]["faceit_elo"])
        assert len(set(elos)) == 3


def test_an_account_depends_on_seed_and_row_alone():
    small, large = (FaceitWorld(World(5, players, days=20)).accounts for players in (30, 60))
    known = {one.person: one.player_id for one in small.by_person.values() if not one.is_newcomer}
    assert known == {person: large.by_person[person].player_id for person in known}


def test_the_steps_in_which_time_advances_do_not_matter():
    steps, leap = (FaceitWorld(World(3, 30, days=20)) for _ in range(2))
    assert steps.history
    for seconds in (1, 86_399, 3_600 * 30, 3_600 * 42):
        steps.world.advance(seconds=seconds)
        assert steps.history
    leap.world.advance(days=4)
    assert _same(steps, leap)
    assert steps.elos("cs2", steps.now).tolist() == leap.elos("cs2", leap.now).tolist()
    assert steps.elos("dota2", steps.now).tolist() == leap.elos("dota2", leap.now).tolist()


def test_people_are_of_every_kind_and_keep_their_steam_account(world: FaceitWorld):
    accounts = world.accounts.by_person.values()
    games = Counter(account.games for account in accounts)
    assert set(games) == {("cs2", "dota2"), ("cs2",), ("dota2",)}
    people = world.world.people
    assert len([person for person in range(len(people)) if person not in world.accounts.by_person]) > 5
    for account in accounts:
        if account.is_newcomer:
            assert people.person_of(account.account_id) is None
            assert account.games == ("cs2",)
        else:
            assert account.account_id == people.account_id[account.person]
        assert account.game_player_id("cs2") == str(steam_id64(account.account_id))
    assert len({account.nickname for account in accounts}) == len(accounts)
    assert {"yes", "missing", "zero"} == {account.elo_shown for account in accounts}
    assert {True, False} == {account.shows_steam for account in accounts}


def test_some_people_have_the_steam_name_of_another_person(world: FaceitWorld):
    people = world.world.people
    borrowed = [
        account
        for account in world.accounts.by_person.values()
        if not account.is_newcomer
        and account.nickname != people.names[account.person]
        and account.nickname in people.names
    ]
    assert borrowed


def test_maps_end_as_the_rules_say(world: FaceitWorld):
    scores = world.history.maps.scores
    won, lost = scores.max(axis=1), scores.min(axis=1)
    regular = won == 13
    assert (lost[regular] < 12).all()
    overtime = won[~regular]
    assert ((overtime - 13) % 3 == 0).all()
    assert (overtime - lost[~regular] >= 2).all()
    assert (overtime - lost[~regular] <= 4).all()
    assert 0.05 < (~regular).mean() < 0.3
    first, second = (world.history.maps.halves[:, :, part].sum(axis=1) for part in (0, 1))
    assert (first == 12).all()
    assert (second[~regular] == 12).all()


def test_statistics_agree_with_each_other(world: FaceitWorld):
    maps: Maps = world.history.maps
    rounds = maps.scores.sum(axis=1)
    stat = maps.stat
    multi = sum(n * stat(f"{name}_kills") for n, name in ((2, "double"), (3, "triple"), (4, "quadro"), (5, "penta")))
    assert (_sides(stat("kills")) == _sides(stat("deaths"))[:, ::-1]).all()
    assert (stat("deaths") <= rounds[:, None]).all()
    assert (stat("kills") >= multi).all()
    assert (_sides(stat("mvps")) == maps.scores).all()
    assert (stat("first_kills").sum(axis=1) == rounds).all()
    assert (_sides(stat("first_kills")) == _sides(stat("first_deaths"))[:, ::-1]).all()
    assert (stat("first_kills") <= stat("kills")).all()
    assert (_sides(stat("one_on_ones")) == _sides(stat("one_on_ones"))[:, ::-1]).all()
    assert (stat("one_on_ones_won") <= stat("one_on_ones")).all()
    assert (stat("one_on_ones_won") + 2 * stat("one_on_twos_won") <= stat("kills")).all()
    armed = sum(stat(f"{name}_kills") for name in ("sniper", "pistol", "knife", "zeus"))
    assert (armed <= stat("kills")).all()
    assert (stat("headshots") <= stat("kills")).all()
    assert {name: bool(stat(name).any()) for name in ("penta_kills", "one_on_twos_won", "knife_kills")} == {
        "penta_kills": True,
        "one_on_twos_won": True,
        "knife_kills": True,
    }


def test_a_series_ends_with_the_majority_of_its_maps_and_a_best_of_two_with_the_second(world: FaceitWorld):
    history = world.history
    series, maps = history.series, history.maps
    lengths = Counter()
    for row in np.flatnonzero(series.state == PLAYED).tolist():
        scores = [maps.scores[place].tolist() for place in history.maps_of(row)]
        won = [sum(one > other for one, other in scores), sum(other > one for one, other in scores)]
        if won == [1, 1]:
            assert (series.best_of[row], series.winner[row]) == (2, MISSING)
        else:
            assert max(won) == series.best_of[row] // 2 + 1
            assert won[series.winner[row]] == max(won)
        assert [maps.number[place] for place in history.maps_of(row)] == list(range(1, len(scores) + 1))
        assert len({int(maps.map[place]) for place in history.maps_of(row)}) == len(scores)
        lengths[int(series.best_of[row]), len(scores)] += 1
    assert set(lengths) == {(1, 1), (2, 2), (3, 2), (3, 3)}


def test_cancelled_matches_and_byes_have_no_maps_and_no_start(world: FaceitWorld):
    history = world.history
    for state in (CANCELLED, BYE):
        rows = np.flatnonzero(history.series.state == state)
        assert len(rows)
        assert all(len(history.maps_of(row)) == 0 for row in rows.tolist())
        assert (history.series.started_at[rows] == MISSING).all()
        assert (history.series.elo_gain[rows] == 0).all()
    byes = history.series.state == BYE
    assert (history.series.person[byes, 5:] == MISSING).all()
    assert (history.series.person[~byes] != MISSING).all()


def test_no_player_is_in_two_matches_at_once_and_all_ten_differ(world: FaceitWorld):
    series = world.history.series
    played = series.state == PLAYED
    assert all(len(set(ten)) == 10 for ten in series.person[played].tolist())
    person = series.person[played].ravel()
    start, end = (np.repeat(times[played], 10) for times in (series.started_at, series.finished_at))
    order = np.lexsort((start, person))
    same = person[order][1:] == person[order][:-1]
    assert (same & (start[order][1:] < end[order][:-1])).mean() < 0.002


def test_only_players_of_cs2_are_in_a_match_and_substitutes_replace_members(world: FaceitWorld):
    series = world.history.series
    everybody = set(series.person.ravel().tolist()) - {MISSING}
    assert everybody <= set(world.accounts.plays("cs2").tolist())
    replaced = np.argwhere(series.absent != MISSING).tolist()
    assert replaced
    for row, side in replaced:
        team = world.scene.teams[series.team[row, side]]
        lineup = set(series.person[row, 5 * side : 5 * side + 5].tolist())
        assert lineup == {*team.members, team.substitute} - {int(series.absent[row, side])}


def test_elo_follows_the_results_of_rated_matches(world: FaceitWorld):
    series = world.history.series
    changes = elo_changes(series)
    assert (changes.reshape(-1, 2, 5).sum(axis=(1, 2)) == 0).all()
    competitions = np.array([one.is_rated for one in world.scene.competitions])[series.competition]
    assert not changes[~competitions].any()
    assert not changes[series.result_at != series.visible_at].any()
    elos = world.elos("cs2", world.now)
    players = world.accounts.plays("cs2")
    assert np.corrcoef(world.accounts.skill[players], elos[players])[0, 1] > 0.6
    before = world.elos("cs2", world.world.start)
    assert (before[players] != elos[players]).mean() > 0.9
    assert (world.elos("dota2", world.now) != world.elos("dota2", world.world.start)).any()


def test_levels_begin_at_their_lower_bounds():
    bounds = [100, 501, 751, 901, 1_051, 1_201, 1_351, 1_531, 1_751, 2_001]
    assert levels_of(np.array(bounds)).tolist() == list(range(1, 11))
    assert levels_of(np.array(bounds[1:]) - 1).tolist() == list(range(1, 10))


def test_late_matches_and_late_results_are_in_the_match_log(world: FaceitWorld):
    series = world.history.series
    assert 0.01 < (series.visible_at - series.finished_at > 86_400).mean() < 0.06
    late = (series.result_at > series.visible_at) & (series.result_at < NEVER)
    assert late.any()
    assert (series.result_at == NEVER).any()
    assert (series.result_at[series.state != PLAYED] == series.visible_at[series.state != PLAYED]).all()


def test_the_smallest_world_has_matches_and_two_teams():
    world = FaceitWorld(World(7, 3, days=20))
    assert (world.history.series.state == PLAYED).sum() > 20
    assert len(world.scene.teams) == 2
