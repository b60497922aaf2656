"""The world is deterministic, and changes in all the ways that the warehouse has to handle."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from sandbox.dota_facts import UPCOMING_HERO
from sandbox.match_log import NEVER, MatchLog
from sandbox.people import HERO_IDS, steam_id64
from sandbox.rules import hero_strengths, patch_at
from sandbox.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=7)


def _wins(match_log: MatchLog) -> np.ndarray:
    return np.repeat(np.stack([match_log.radiant_win, ~match_log.radiant_win], axis=1), 5, axis=1)


def _same(one: MatchLog, other: MatchLog) -> bool:
    return all(np.array_equal(value, getattr(other, name)) for name, value in vars(one).items())


def test_the_same_seed_is_the_same_world_and_another_seed_another():
    one, again, other = (World(seed, 30, days=20) for seed in (5, 5, 6))
    assert _same(one.match_log, again.match_log)
    assert one.people.names == again.people.names
    assert not np.array_equal(one.match_log.match_id, other.match_log.match_id)


def test_the_steps_in_which_time_advances_do_not_matter():
    steps, leap, longer = (World(3, 30, days=days) for days in (20, 20, 20))
    for seconds in (1, 86_399, 3_600 * 30, 3_600 * 42):
        steps.advance(seconds=seconds)
    leap.advance(days=4)
    longer.advance(days=1.5)
    longer.advance(days=2.5)
    assert steps.now == leap.now == longer.now
    assert _same(steps.match_log, leap.match_log)
    assert _same(steps.match_log, longer.match_log)
    assert [steps.rank(p, steps.now) for p in range(30)] == [leap.rank(p, leap.now) for p in range(30)]


def test_the_clock_only_moves_forward(world: World):
    with pytest.raises(ValueError, match="only moves forward"):
        world.advance(seconds=-1)


def test_now_can_be_placed_at_any_date():
    at = datetime(2026, 3, 30, 15, 30, tzinfo=UTC)
    world = World(7, 30, days=30, now=at)
    assert world.now == int(at.timestamp())
    assert set(patch_at(world.match_log.start_time).tolist()) == {59, 60}


def test_the_default_world_is_as_large_as_the_demo_needs(world: World):
    games = np.bincount(world.match_log.person.ravel(), minlength=200)
    assert 150 <= np.median(games) <= 400
    assert (games > 100).mean() > 0.85


def test_a_thousand_people_give_a_quarter_of_a_million_player_matches():
    assert World(7, 1_000).match_log.person.size > 250_000


def test_a_world_of_three_players_has_matches_of_ten_different_people():
    match_log = World(7, 3, days=20).match_log
    assert len(match_log) > 0
    assert all(len(set(row)) == 10 for row in match_log.person.tolist())


def test_no_player_is_in_two_matches_at_once(world: World):
    match_log = world.match_log
    person = match_log.person.ravel()
    start, end = np.repeat(match_log.start_time, 10), np.repeat(match_log.end_time, 10)
    order = np.lexsort((start, person))
    same = person[order][1:] == person[order][:-1]
    overlaps = same & (start[order][1:] < end[order][:-1])
    # The last match of a day may overlap with the first of the next day.
    assert overlaps.mean() < 0.001


def test_match_ids_are_unique_and_rise_with_the_start(world: World):
    assert (np.diff(world.match_log.match_id) > 0).all()
    assert (np.diff(world.match_log.start_time) >= 0).all()


def test_no_hero_is_played_twice_in_a_match(world: World):
    for heroes in world.match_log.hero.tolist():
        played = [hero for hero in heroes if hero]
        assert len(played) == len(set(played))


def test_the_most_skilled_win_more_than_the_least_skilled(world: World):
    person, won = world.match_log.person.ravel(), _wins(world.match_log).ravel()
    games = np.bincount(person, minlength=200)
    wins = np.bincount(person[won], minlength=200)
    by_skill = np.argsort(world.people.skill)
    low, high = by_skill[:20], by_skill[-20:]
    assert wins[high].sum() / games[high].sum() > wins[low].sum() / games[low].sum() + 0.05


def test_hero_win_rates_follow_their_strength_on_each_patch(world: World):
    match_log = world.match_log
    patch = np.repeat(patch_at(match_log.start_time)[:, None], 10, axis=1)
    won = _wins(match_log)
    for number in (61, 62):
        on_patch = (patch == number) & (match_log.hero > 0)
        games = np.bincount(match_log.hero[on_patch], minlength=200)[HERO_IDS]
        wins = np.bincount(match_log.hero[on_patch & won], minlength=200)[HERO_IDS]
        common = games > 100
        strength = hero_strengths(world.seed, number)[common]
        assert np.corrcoef(strength, wins[common] / games[common])[0, 1] > 0.4
    assert not np.allclose(hero_strengths(world.seed, 61), hero_strengths(world.seed, 62))


def test_ranks_follow_results_and_keep_moving(world: World):
    mmr, tiers = world.standings(world.now)
    assert np.corrcoef(world.people.skill, mmr)[0, 1] > 0.8
    assert {11, 80} <= set(tiers.tolist())
    assert all(len(world.rank_history(person, world.now)) > 3 for person in (0, 1, 2))
    for person in range(40):
        history = world.rank_history(person, world.now)
        assert (history[-1][1] if history else None) == world.rank(person, world.now).rank_tier


def test_leaderboard_ranks_are_the_best_immortals_in_order(world: World):
    mmr, tiers = world.standings(world.now)
    ranks = [world.rank(person, world.now) for person in range(200)]
    board = sorted((rank.leaderboard_rank, person) for person, rank in enumerate(ranks) if rank.leaderboard_rank)
    assert [place for place, _ in board] == list(range(1, len(board) + 1))
    assert all(tiers[person] == 80 for _, person in board)
    assert all(mmr[one] >= mmr[next_] for (_, one), (_, next_) in pairwise(board))


def test_an_uncalibrated_player_has_no_rank_until_ten_ranked_matches():
    world = World(7, 40, days=1)
    newcomer = 5
    assert world.rank(newcomer, world.now) == (None, None)
    world.advance(days=40)
    assert world.rank(newcomer, world.now).rank_tier is not None


def test_late_updates_and_late_matches_are_in_the_match_log(world: World):
    match_log = world.match_log
    day = 86_400
    assert 0.01 < (match_log.visible_at - match_log.end_time > day).mean() < 0.06
    assert 0.3 < (match_log.parsed_at < NEVER).mean() < 0.6
    assert 0.04 < (match_log.details_at > match_log.visible_at).mean() < 0.12
    corrected = (match_log.result_at > match_log.visible_at) & (match_log.result_at < NEVER)
    assert corrected.any()
    assert (match_log.result_at == NEVER).any()


def test_quirks_of_real_data_occur(world: World):
    match_log = world.match_log
    void = match_log.duration == 0
    assert void.any()
    assert (match_log.hero[void] == 0).all()
    assert {0, 9, 10} <= set(match_log.party.ravel().tolist())
    assert {-1, 0, 1, 2, 3, 4} == set(match_log.leaver.ravel().tolist())
    assert {360, 361} <= set(match_log.duration.tolist())
    assert {399, 410} <= set(match_log.cluster.tolist())


def test_the_upcoming_hero_is_played_before_now(world: World):
    played = (world.match_log.hero == UPCOMING_HERO.hero_id).any(axis=1)
    assert played.any()
    assert world.match_log.start_time[played].min() > world.now - 21 * 86_400
    assert world.new_hero_listed_at > world.now


def test_friends_queue_together(world: World):
    match_log = world.match_log
    circle = world.people.circle[match_log.person]
    together = (circle[:, :5, None] == circle[:, None, :5]).sum() - circle[:, :5].size
    assert together / len(match_log) > 0.5


def test_steam_id64_is_the_account_id_moved_by_the_constant():
    assert steam_id64(101_695_162) == 76_561_198_061_960_890
