"""The simulation of the world's matches, one day at a time.

Each day has its own random generator, seeded by the world's seed and the number of the day; skill and rating are
carried over from day to day. Results are logistic in the difference of the teams' summed skill and hero strength on the
current patch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sandbox.dota_facts import (
    CLUSTER_OF_UNKNOWN_REGION,
    CLUSTER_REGIONS,
    LONGEST_INSIGNIFICANT_S,
    UNKNOWN_CLUSTER,
)
from sandbox.match_log import NEVER, UNKNOWN, MatchLog
from sandbox.people import HERO_IDS, People
from sandbox.pro_scene import ProScene
from sandbox.ranks import average_tiers, tiers_of
from sandbox.rules import DAY_S, RANKED_LOBBY, hero_strengths, patch_at, rating_changes

_WINDOWS = 6  # a person plays at most once in each window of the day
_WINDOW_S = 12_600
_LATEST_START_S = 9_000  # within a window, so that a match usually ends before the next window
_SKILL_WEIGHT = 0.45  # log-odds for one unit of summed skill
_RADIANT_EDGE = 0.08
_FIRST_MATCH_ID = 8_000_000_000
_FIRST_MATCH_DAY = 20_000  # days since 1970; ids increase from there
_IDS_A_DAY = 1_000_000

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class _Queue(NamedTuple):
    game_mode: int
    lobby_type: int
    share: float
    typical_s: int


# Turbo, ability draft, event and custom games are not balanced, so a request for matches excludes them by default.
_QUEUES = (
    _Queue(22, RANKED_LOBBY, 0.520, 2_250),
    _Queue(22, 0, 0.120, 2_150),
    _Queue(23, 0, 0.180, 1_350),
    _Queue(1, 0, 0.040, 2_100),
    _Queue(3, RANKED_LOBBY, 0.020, 2_200),
    _Queue(4, 0, 0.035, 2_150),
    _Queue(16, 0, 0.010, 2_100),
    _Queue(18, 0, 0.025, 2_300),
    _Queue(19, 12, 0.020, 1_500),
    _Queue(2, 1, 0.015, 2_000),
    _Queue(1, 1, 0.012, 1_900),
    _Queue(0, 0, 0.003, 1_800),
)
_PRO_QUEUE = _Queue(2, 2, 0.0, 2_300)


class Simulation:
    """The world's matchmaking, from its first day on."""

    def __init__(self, seed: int, people: People, pro_scene: ProScene, *, start: int, new_hero_at: int) -> None:
        self._seed = seed
        self._people = people
        self._pro_scene = pro_scene
        self._start = start
        self._new_hero_at = new_hero_at
        self._skill = people.skill.copy()
        self._mmr = people.start_mmr.copy()
        self._ranked_played = np.zeros(len(people), dtype=np.int64)
        self._day = 0

    @property
    def played_until(self) -> int:
        """The time (Unix s) before which every match is simulated."""
        return self._start + self._day * DAY_S

    def play_day(self) -> MatchLog:
        """Simulate the next day; returns its matches."""
        rng = np.random.default_rng([self._seed, 2, self._day])
        day_start = self.played_until
        self._skill += rng.normal(0, 0.02, len(self._people))
        lobbies = [self._matchmaking(rng, window) for window in range(_WINDOWS)]
        people = np.concatenate(lobbies)
        starts = np.concatenate(
            [
                day_start + window * _WINDOW_S + rng.integers(0, _LATEST_START_S, len(lobby))
                for window, lobby in enumerate(lobbies)
            ]
        )
        match_log = self._play(rng, people, starts)
        self._day += 1
        return match_log

    def _matchmaking(self, rng: np.random.Generator, window: int) -> Ints:
        """The ten players of each match in a window; the first five are Radiant."""
        people = self._people
        active = (people.joined_day <= self._day) & (self._day < people.left_day)
        weekend = 1.35 if (self.played_until // DAY_S + 3) % 7 >= 5 else 0.9
        demand = people.rate * active * weekend * (0.6, 0.7, 0.8, 1.0, 1.4, 1.5)[window] / _WINDOWS
        matches = min(int(demand.sum() / 10 + rng.random()), int(active.sum()) // 10)
        circles = int(people.circle[-1]) + 1
        mood = rng.normal(0, 1.2, circles)[people.circle]
        with np.errstate(divide="ignore"):
            # Gumbel's trick: the largest sums are a weighted draw without replacement.
            priority = np.log(demand) + mood + rng.gumbel(size=len(people))
        chosen = np.argsort(-priority, kind="stable")[: matches * 10]
        closeness = self._mmr / 700 + rng.normal(0, 0.7, circles)[people.circle] + rng.normal(0, 0.25, len(people))
        lobbies = chosen[np.argsort(closeness[chosen], kind="stable")].reshape(matches, 10)
        # Sorted by circle, friends are on one side, unless their circle spans both sides.
        side = rng.random(circles)[people.circle[lobbies]]
        return np.take_along_axis(lobbies, np.argsort(side, axis=1, kind="stable"), axis=1)

    def _play(self, rng: np.random.Generator, public: Ints, public_starts: Ints) -> MatchLog:
        fixtures = self._pro_scene.fixtures(rng, self.played_until)
        people = np.concatenate([public, fixtures.people])
        starts = np.concatenate([public_starts, fixtures.starts])
        count = len(people)
        is_pro = np.arange(count) >= len(public)
        queue = rng.choice(len(_QUEUES), size=count, p=[queue.share for queue in _QUEUES])
        queue[is_pro] = len(_QUEUES)
        queues = np.array([(q.game_mode, q.lobby_type, q.typical_s) for q in (*_QUEUES, _PRO_QUEUE)])
        game_mode, lobby_type, typical_s = queues[queue].T

        hero_index = self._draft(rng, people, starts)
        radiant_win = self._outcomes(rng, people, hero_index, starts)
        duration = np.clip(typical_s * rng.lognormal(0, 0.24, count), 600, 3_500).astype(np.int64)
        # Early leavers, and the two durations next to the limit of significance.
        is_short = (rng.random(count) < 0.02) & ~is_pro
        edge = rng.integers(LONGEST_INSIGNIFICANT_S, LONGEST_INSIGNIFICANT_S + 2, count)
        short = np.where(rng.random(count) < 0.3, edge, rng.integers(45, 420, count))
        duration = np.where(is_short, short, duration)
        # The upstream has matches that never began: no hero, no duration, but a winner.
        is_void = (rng.random(count) < 0.012) & ~is_pro
        duration = np.where(is_void, 0, duration)
        hero = HERO_IDS[hero_index]
        hero[is_void[:, None] | (rng.random(hero.shape) < 0.001)] = 0

        tiers = np.where(self._ranked_played >= self._people.calibration, tiers_of(self._mmr), 0)[people]
        average = average_tiers(tiers)
        kills, deaths, assists = self._scores(rng, people, radiant_win, duration)
        is_custom = np.isin(lobby_type, (1, 2))
        visible_at, details_at, parsed_at, result_at = _upstream_times(rng, starts + duration, is_pro)
        match_log = MatchLog(
            match_id=starts,  # set below, after the day is sorted
            start_time=starts,
            duration=duration,
            game_mode=game_mode,
            lobby_type=lobby_type,
            cluster=_clusters(rng, count),
            radiant_win=radiant_win,
            average_rank=np.where((average > 0) & ~is_custom, average, UNKNOWN),
            ranked_players=(tiers > 0).sum(axis=1),
            visible_at=visible_at,
            details_at=details_at,
            parsed_at=parsed_at,
            result_at=result_at,
            league=_after(len(public), fixtures.league),
            series=_after(len(public), fixtures.series),
            radiant_team=_after(len(public), fixtures.radiant_team),
            dire_team=_after(len(public), fixtures.dire_team),
            person=people,
            hero=hero,
            kills=kills,
            deaths=deaths,
            assists=assists,
            leaver=_leavers(rng, people.shape),
            party=_parties(rng, self._people.circle[people], is_custom),
            facet=np.where(rng.random(people.shape) < 0.03, UNKNOWN, rng.integers(1, 4, people.shape)),
        )
        match_log = match_log.take(np.argsort(starts, kind="stable"))
        self._rate(match_log)
        return _numbered(rng, self.played_until // DAY_S, match_log)

    def _draft(self, rng: np.random.Generator, people: Ints, starts: Ints) -> Ints:
        """A hero column for each slot, without repeated heroes in a match."""
        favour = self._people.favour[people]
        # The smallest of exponentials divided by weights is a weighted draw.
        price = rng.standard_exponential(favour.shape, dtype=np.float32) / favour
        price[starts < self._new_hero_at, :, -1] = np.inf
        match = np.arange(len(people))
        picks = np.empty(people.shape, dtype=np.int64)
        for column in range(10):
            picks[:, column] = price[:, column].argmin(axis=1)
            price[match, :, picks[:, column]] = np.inf
        return picks

    def _outcomes(
        self, rng: np.random.Generator, people: Ints, hero_index: Ints, starts: Ints
    ) -> npt.NDArray[np.bool_]:
        first, last = patch_at(np.array([self.played_until, self.played_until + DAY_S]))
        strength = np.array([hero_strengths(self._seed, patch) for patch in range(first, last + 1)])
        worth = _SKILL_WEIGHT * self._skill[people] + strength[(patch_at(starts) - first)[:, None], hero_index]
        log_odds = worth[:, :5].sum(axis=1) - worth[:, 5:].sum(axis=1) + _RADIANT_EDGE
        won: npt.NDArray[np.bool_] = rng.random(len(people)) < 1 / (1 + np.exp(-log_odds))
        return won

    def _scores(
        self, rng: np.random.Generator, people: Ints, radiant_win: npt.NDArray[np.bool_], duration: Ints
    ) -> tuple[Ints, Ints, Ints]:
        won = np.repeat(np.stack([radiant_win, ~radiant_win], axis=1), 5, axis=1)
        minutes = duration[:, None] / 60
        form = np.exp(0.12 * np.clip(self._skill[people], -2.5, 2.5))
        kills = rng.poisson(0.17 * minutes * form * np.where(won, 1.2, 0.8))
        deaths = rng.poisson(0.17 * minutes / form * np.where(won, 0.8, 1.2))
        assists = rng.poisson(0.34 * minutes * np.where(won, 1.2, 0.8))
        return kills, deaths, assists

    def _rate(self, match_log: MatchLog) -> None:
        """Update the ratings by the day's ranked matches."""
        delta = rating_changes(match_log)
        np.add.at(self._mmr, match_log.person, delta)
        np.add.at(self._ranked_played, match_log.person, delta != 0)
        np.maximum(self._mmr, 1, out=self._mmr)


def _upstream_times(
    rng: np.random.Generator, end: Ints, is_pro: npt.NDArray[np.bool_]
) -> tuple[Ints, Ints, Ints, Ints]:
    """Times at which the upstream lists a match, has its details, has parsed it, and has its result."""
    count = len(end)
    hours = 3_600
    lag = np.where(
        rng.random(count) < 0.04,
        rng.integers(24 * hours, 144 * hours, count),
        rng.integers(300, hours, count),
    )
    visible = end + lag
    is_late = rng.random(count) < 0.08
    details = visible + np.where(is_late, rng.integers(6 * hours, 96 * hours, count), 0)
    wait = np.where(is_pro, 900, rng.exponential(20 * hours, count)).astype(np.int64)
    parsed = np.where(is_pro | (rng.random(count) < 0.4), visible + wait, NEVER)
    fate = rng.random(count)
    late_result = visible + rng.integers(24 * hours, 192 * hours, count)
    result = np.where(fate < 0.003, NEVER, np.where(fate < 0.018, late_result, visible))
    return visible, details, parsed, result


def _clusters(rng: np.random.Generator, count: int) -> Ints:
    known = np.array([c for c in CLUSTER_REGIONS if c != CLUSTER_OF_UNKNOWN_REGION])
    cluster = known[rng.integers(len(known), size=count)]
    cluster[rng.random(count) < 0.006] = UNKNOWN_CLUSTER
    cluster[rng.random(count) < 0.006] = CLUSTER_OF_UNKNOWN_REGION
    return cluster


def _parties(rng: np.random.Generator, circles: Ints, is_custom: npt.NDArray[np.bool_]) -> Ints:
    """Number of players of a circle on one side; in custom lobbies the odd values of real responses."""
    sides = circles.reshape(-1, 2, 5)
    size = (sides[:, :, :, None] == sides[:, :, None, :]).sum(axis=3).reshape(-1, 10)
    odd = rng.choice(np.array([0, 9, 10]), size=size.shape)
    size = np.where(is_custom[:, None], odd, size)
    return np.where(rng.random(size.shape) < 0.01, UNKNOWN, size)


def _leavers(rng: np.random.Generator, shape: tuple[int, ...]) -> Ints:
    values = np.array([0, 1, 2, 3, 4, UNKNOWN])
    return rng.choice(values, size=shape, p=[0.945, 0.03, 0.004, 0.012, 0.003, 0.006])


def _after(leading: int, values: Ints) -> Ints:
    """`values` after one zero for each public match."""
    return np.concatenate([np.zeros(leading, dtype=np.int64), values])


def _numbered(rng: np.random.Generator, day: int, match_log: MatchLog) -> MatchLog:
    """Assign match ids in order of start, with gaps and without duplicates."""
    step = _IDS_A_DAY // max(1, len(match_log))
    ids = np.arange(len(match_log)) * step + rng.integers(0, max(1, step), len(match_log))
    match_log.match_id[:] = _FIRST_MATCH_ID + (day - _FIRST_MATCH_DAY) * _IDS_A_DAY + ids
    return match_log
