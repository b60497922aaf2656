"""The simulation of FACEIT's matches, one day at a time: like `sandbox.simulation`, with its own random generators.

Matchmaking fills lobbies of about equal elo with the people who want to play; premade teams play in the evening. Elo is
carried over from day to day.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from sandbox.faceit.accounts import DOTA2, GAMES, Accounts
from sandbox.faceit.match_log import (
    BYE,
    CANCELLED,
    MISSING,
    NEVER,
    PLAYED,
    Bools,
    Day,
    Dota2EloChanges,
    Ints,
    Maps,
    Series,
)
from sandbox.faceit.rounds import Played, play
from sandbox.faceit.rules import LOWEST_ELO, elo_gains, levels_of
from sandbox.faceit.scene import MAPS, Scene, Team
from sandbox.rules import DAY_S

_WINDOWS = 6  # a person plays at most once in each window of the day
_WINDOW_S = 12_600
_LATEST_START_S = 9_000  # within a window, so that a match usually ends before the next window
_FIXTURE_START_S = 75_600  # 21:00: after the start of the day's last lobbies
_FIXTURE_CHANCE = 0.3  # that two teams play each other on a day
_BYE_CHANCE = 0.05
_CANCELLED_SHARE = 0.04
_ROUND_S = 105
_BREAK_S = 240
_HOUR_S = 3_600


class _ScheduledMatches(NamedTuple):
    """The scheduled matches of one day, one row each; columns as in `Series`."""

    person: Ints
    competition: Ints
    starts: Ints
    team: Ints
    absent: Ints
    is_bye: Bools


class Simulation:
    """FACEIT's matches, from the world's first day on."""

    def __init__(self, seed: int, accounts: Accounts, scene: Scene, *, start: int) -> None:
        self._seed = seed
        self._accounts = accounts
        self._scene = scene
        self._start = start
        self._elo = accounts.start_elo.copy()  # n x games
        self._dota2 = accounts.plays(DOTA2)
        self._day = 0

    @property
    def played_until(self) -> int:
        """The time (Unix s) before which every match is simulated."""
        return self._start + self._day * DAY_S

    def play_day(self) -> Day:
        """Simulate the next day; returns its matches."""
        rng = np.random.default_rng([self._seed, 7, self._day])
        scheduled = _in_order(self._lobbies(rng), self._fixtures(rng))
        series, maps = self._play(rng, scheduled)
        dota2_elo_changes = self._draw_dota2_elo_changes(rng)
        self._rate(series, dota2_elo_changes)
        self._day += 1
        return Day(series, maps, dota2_elo_changes)

    def _lobbies(self, rng: np.random.Generator) -> _ScheduledMatches:
        """The lobbies of the day: ten players each, the first five are faction1, the first of a side is its captain."""
        accounts = self._accounts
        circles = int(accounts.circle[-1]) + 1
        people, starts = [], []
        weekend = 1.3 if (self.played_until // DAY_S + 3) % 7 >= 5 else 0.9
        for window, activity in enumerate((0.5, 0.6, 0.8, 1.0, 1.5, 1.6)):
            demand = accounts.rate * (accounts.joined_day <= self._day) * weekend * activity / _WINDOWS
            matches = min(int(demand.sum() / 10 + rng.random()), int((demand > 0).sum()) // 10)
            mood = rng.normal(0, 1.2, circles)[accounts.circle]
            with np.errstate(divide="ignore"):
                # Gumbel's trick: the largest sums are a weighted draw without replacement.
                priority = np.log(demand) + mood + rng.gumbel(size=len(accounts))
            chosen = np.argsort(-priority, kind="stable")[: matches * 10]
            closeness = self._elo[:, 0] / 250 + rng.normal(0, 0.7, circles)[accounts.circle]
            lobbies = chosen[np.argsort(closeness[chosen], kind="stable")].reshape(matches, 10)
            # Sorted by circle, friends are on one side, unless their circle spans both sides.
            side = rng.random(circles)[accounts.circle[lobbies]]
            people.append(np.take_along_axis(lobbies, np.argsort(side, axis=1, kind="stable"), axis=1))
            starts.append(self.played_until + window * _WINDOW_S + rng.integers(0, _LATEST_START_S, matches))
        person = np.concatenate(people)
        region = np.array([self._region(captain) for captain in person[:, 0].tolist()], dtype=np.int64)
        in_hub = rng.random(len(person)) < 0.15
        return _ScheduledMatches(
            person=person,
            competition=np.where(in_hub, self._scene.lobby_hub, region),
            starts=np.concatenate(starts),
            team=np.full((len(person), 2), MISSING),
            absent=np.full((len(person), 2), MISSING),
            is_bye=np.zeros(len(person), dtype=np.bool_),
        )

    def _region(self, person: int) -> int:
        region = self._accounts.by_person[person].region
        return next(place for place, queue in enumerate(self._scene.queues) if queue.region == region)

    def _fixtures(self, rng: np.random.Generator) -> _ScheduledMatches:
        """Matches of premade teams, at most one per team and day, and byes."""
        scene = self._scene
        order = rng.permutation(len(scene.teams)).tolist()
        rows: list[tuple[list[int], int, int, list[int], list[int], bool]] = []
        for one, other in zip(order[::2], order[1::2], strict=False):
            draw = rng.random()
            start = self.played_until + _FIXTURE_START_S + int(rng.integers(0, 1_200))
            place = int(rng.choice(scene.premade_competitions, p=[0.25, 0.4, 0.35]))
            if draw < _FIXTURE_CHANCE:
                lineups = [_lineup(rng, scene.teams[team]) for team in (one, other)]
                people = [person for lineup, _ in lineups for person in lineup]
                rows.append((people, place, start, [one, other], [absent for _, absent in lineups], False))
            elif draw > 1 - _BYE_CHANCE:
                people = [*scene.teams[one].members, *[MISSING] * 5]
                rows.append((people, scene.premade_competitions[1], start, [one, MISSING], [MISSING, MISSING], True))
        return _ScheduledMatches(
            person=np.array([row[0] for row in rows], dtype=np.int64).reshape(-1, 10),
            competition=np.array([row[1] for row in rows], dtype=np.int64),
            starts=np.array([row[2] for row in rows], dtype=np.int64),
            team=np.array([row[3] for row in rows], dtype=np.int64).reshape(-1, 2),
            absent=np.array([row[4] for row in rows], dtype=np.int64).reshape(-1, 2),
            is_bye=np.array([row[5] for row in rows], dtype=np.bool_),
        )

    def _play(self, rng: np.random.Generator, scheduled: _ScheduledMatches) -> tuple[Series, Maps]:
        count = len(scheduled.starts)
        state = np.where(rng.random(count) < _CANCELLED_SHARE, CANCELLED, PLAYED)
        state[scheduled.is_bye] = BYE
        best_of = np.array([one.best_of for one in self._scene.competitions])[scheduled.competition]
        best_of[scheduled.is_bye] = 1
        is_of_two = (state == PLAYED) & (best_of == 2)
        maps = self._play_maps(rng, scheduled.person, np.where(state == PLAYED, np.where(is_of_two, 1, best_of), 0))
        maps = _with_second_maps(maps, self._play_second_maps(scheduled.person, is_of_two))
        seconds = np.bincount(
            maps.series, weights=_BREAK_S + _ROUND_S * maps.scores.sum(axis=1), minlength=count
        ).astype(np.int64)
        won = np.stack([_maps_won(maps, count, side) for side in (0, 1)], axis=1)
        is_played = state == PLAYED
        waited = rng.integers(300, 900, count)
        finished_at = np.where(is_played, scheduled.starts + seconds, scheduled.starts + waited)
        visible_at, result_at = _upstream_times(rng, finished_at)
        # A match whose result was lost is not rated, even if the result appears later.
        rated = np.array([one.is_rated for one in self._scene.competitions])[scheduled.competition]
        counts = rated & is_played & (result_at == visible_at)
        of_maps = np.where(won[:, 0] == won[:, 1], MISSING, won.argmax(axis=1))
        winner = np.where(is_played, of_maps, np.where(scheduled.is_bye, 0, MISSING))
        elo = self._elo[scheduled.person, 0]
        of_first, of_second = elo[:, :5].mean(axis=1), elo[:, 5:].mean(axis=1)
        first_won = winner == 0
        gain = elo_gains(np.where(first_won, of_first, of_second), np.where(first_won, of_second, of_first))
        series = Series(
            match_id=np.array([f"1-{UUID(bytes=rng.bytes(16), version=4)}" for _ in range(count)], dtype="U38"),
            competition=scheduled.competition,
            best_of=best_of,
            state=state,
            scheduled_at=np.where(scheduled.team[:, 0] == MISSING, MISSING, scheduled.starts // 900 * 900),
            configured_at=scheduled.starts - rng.integers(120, 400, count),
            started_at=np.where(is_played, scheduled.starts, MISSING),
            finished_at=finished_at,
            visible_at=visible_at,
            result_at=np.where(is_played, result_at, visible_at),
            winner=winner,
            elo_gain=np.where(counts, gain, 0),
            is_scored_in_maps=rng.random(count) < 0.06,
            is_detailed=rng.random(count) >= 0.05,
            team=scheduled.team,
            absent=scheduled.absent,
            person=scheduled.person,
            level=levels_of(elo),
        )
        return series, maps

    def _play_maps(self, rng: np.random.Generator, person: Ints, best_of: Ints) -> Maps:
        """The maps of each match until one side has won the match."""
        series = np.repeat(np.arange(len(person)), best_of)
        number = np.concatenate([np.arange(1, maximum + 1) for maximum in best_of.tolist()] or [np.zeros(0)])
        number = number.astype(np.int64)
        people = person[series]
        accounts = self._accounts
        played: Played = play(rng, accounts.skill[people], accounts.headshots[people], accounts.snipers[people])
        order = rng.permuted(np.tile(np.arange(len(MAPS)), (len(person), 1)), axis=1)
        maps = Maps(series, number, order[series, number - 1], played.halves, played.stats)
        needed = best_of[series] // 2 + 1
        before = np.stack([_won_before(maps, side) for side in (0, 1)], axis=1)
        kept = np.flatnonzero((before < needed[:, None]).all(axis=1))
        return Maps(series[kept], number[kept], maps.map[kept], maps.halves[kept], maps.stats[kept])

    def _play_second_maps(self, person: Ints, is_of_two: Bools) -> Maps:
        """The second maps of best-of-two matches, which are always played; with their own random generator."""
        rng = np.random.default_rng([self._seed, 9, self._day])
        return self._play_maps(rng, person, np.where(is_of_two, 1, 0))

    def _draw_dota2_elo_changes(self, rng: np.random.Generator) -> Dota2EloChanges:
        """Random elo changes in dota2, whose FACEIT matches are not simulated."""
        players = self._dota2[rng.random(len(self._dota2)) < 0.35]
        at = np.sort(self.played_until + rng.integers(0, DAY_S, len(players)))
        return Dota2EloChanges(
            at, rng.permutation(players), rng.integers(15, 36, len(players)) * rng.choice([-1, 1], len(players))
        )

    def _rate(self, series: Series, dota2_elo_changes: Dota2EloChanges) -> None:
        """Update the elos by the day's matches."""
        changes = elo_changes(series)
        counted = changes != 0
        np.add.at(self._elo[:, 0], series.person[counted], changes[counted])
        np.add.at(self._elo[:, GAMES.index(DOTA2)], dota2_elo_changes.person, dota2_elo_changes.change)
        np.maximum(self._elo, LOWEST_ELO, out=self._elo)


def elo_changes(series: Series) -> Ints:
    """Elo that each of the ten players gains or loses in a match (n x 10); 0 if the match does not count."""
    is_winner = np.repeat(np.stack([series.winner == 0, series.winner == 1], axis=1), 5, axis=1)
    changes: Ints = np.where(is_winner, series.elo_gain[:, None], -series.elo_gain[:, None])
    return changes


def _lineup(rng: np.random.Generator, team: Team) -> tuple[list[int], int]:
    """The lineup of a team, and the member who was substituted."""
    members = list(team.members)
    if team.substitute is None or rng.random() > 0.3:
        return members, MISSING
    # The captain is never substituted.
    place = int(rng.integers(1, len(members)))
    absent, members[place] = members[place], team.substitute
    return members, absent


def _in_order(*parts: _ScheduledMatches) -> _ScheduledMatches:
    columns: list[Any] = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(columns[_ScheduledMatches._fields.index("starts")], kind="stable")
    return _ScheduledMatches(*(column[order] for column in columns))


def _with_second_maps(maps: Maps, second: Maps) -> Maps:
    """All maps in order of series and number; a second map is never the same as the first."""
    first = dict(zip(maps.series.tolist(), maps.map.tolist(), strict=True))
    others = np.array([first[series] for series in second.series.tolist()], dtype=np.int64)
    elsewhere = (others + 1 + second.map % (len(MAPS) - 1)) % len(MAPS)
    series = np.concatenate([maps.series, second.series])
    number = np.concatenate([maps.number, second.number + 1])
    order = np.lexsort((number, series))
    return Maps(
        series[order],
        number[order],
        np.concatenate([maps.map, elsewhere])[order],
        np.concatenate([maps.halves, second.halves])[order],
        np.concatenate([maps.stats, second.stats])[order],
    )


def _maps_won(maps: Maps, count: int, side: int) -> Ints:
    scores = maps.scores
    return np.bincount(maps.series, weights=scores[:, side] > scores[:, 1 - side], minlength=count).astype(np.int64)


def _won_before(maps: Maps, side: int) -> Ints:
    """Number of earlier maps of the same match that a side had won."""
    won = (maps.scores[:, side] > maps.scores[:, 1 - side]).astype(np.int64)
    so_far = np.concatenate([[0], won.cumsum()])
    first = np.arange(len(maps)) - (maps.number - 1)
    before: Ints = so_far[:-1] - so_far[first]
    return before


def _upstream_times(rng: np.random.Generator, end: Ints) -> tuple[Ints, Ints]:
    """Times at which FACEIT lists a match, and has its result."""
    count = len(end)
    is_late = rng.random(count) < 0.03
    visible = end + np.where(is_late, rng.integers(24 * _HOUR_S, 120 * _HOUR_S, count), rng.integers(30, 600, count))
    fate = rng.random(count)
    late_result = visible + rng.integers(12 * _HOUR_S, 150 * _HOUR_S, count)
    return visible, np.where(fate < 0.003, NEVER, np.where(fate < 0.02, late_result, visible))
