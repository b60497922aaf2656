"""The simulated world: people, their matches and a clock. Upstreams are views of it (see `sandbox.opendota`).

The seed determines everything. The world has a clock of its own, which only `advance` changes; no response depends on
the system clock. The same seed advanced to the same time is the same world, in any number of steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sandbox.match_log import MatchLog, join
from sandbox.people import People, make_people
from sandbox.pro_scene import ProScene
from sandbox.ranks import IMMORTAL, tiers_of
from sandbox.rules import DAY_S, rating_changes
from sandbox.simulation import Simulation

DEFAULT_NOW = datetime(2026, 11, 1, tzinfo=UTC)

_NEW_HERO_PLAYED_S = 20 * DAY_S  # before the world's first "now"
_NEW_HERO_LISTED_S = 5 * DAY_S  # after it

Ints = npt.NDArray[np.int64]


class Rank(NamedTuple):
    """The rank on a profile: both None while uncalibrated; `leaderboard_rank` only for the best Immortals."""

    rank_tier: int | None
    leaderboard_rank: int | None


@dataclass(frozen=True)
class _History:
    """The match log with its indexes in one object, so that a concurrent reader gets a consistent state."""

    match_log: MatchLog
    cells: Ints  # match x 10 + column, by person, oldest first
    person_of_cell: Ints
    rated_at: Ints  # one entry for each change of an MMR, oldest first (s)
    rated_person: Ints
    rated_change: Ints


def _history(match_logs: list[MatchLog]) -> _History:
    match_log = join(match_logs)
    person = match_log.person.ravel()
    cells = np.argsort(person, kind="stable")
    change = rating_changes(match_log).ravel()
    rated = np.flatnonzero(change)
    rated = rated[np.argsort(match_log.end_time[rated // 10], kind="stable")]
    return _History(match_log, cells, person[cells], match_log.end_time[rated // 10], person[rated], change[rated])


class World:
    """One deterministic world.

    `players` is the number of people who can be tracked; `days` the history before `now` (rounded down to a whole UTC
    day for the history's start). Attributes: `now` (Unix s), `start` (s), `people`, `pro_scene`, `match_log`; `id` is
    the same for the same arguments, regardless of the clock.
    """

    def __init__(self, seed: int = 7, players: int = 200, *, days: int = 180, now: datetime = DEFAULT_NOW) -> None:
        self.seed = seed
        self.players = players
        self.now = int(now.timestamp())
        self.id = f"sandbox-{seed}-{players}-{days}-{now.astimezone(UTC):%Y%m%dT%H%M%S}"
        self.start = self.now // DAY_S * DAY_S - days * DAY_S
        self.new_hero_listed_at = self.now + _NEW_HERO_LISTED_S
        self.people: People = make_people(seed, players, days)
        self.pro_scene = ProScene(self.people)
        self._simulation = Simulation(
            seed, self.people, self.pro_scene, start=self.start, new_hero_at=self.now - _NEW_HERO_PLAYED_S
        )
        self._history = _history(self._play_until(self.now))

    def advance(self, *, days: float = 0, seconds: int = 0) -> int:
        """Advance the clock; returns the new `now` (Unix s)."""
        step = int(days * DAY_S) + seconds
        if step < 0:
            raise ValueError("the world's clock only moves forward")
        new = self._play_until(self.now + step)
        if new:
            self._history = _history([self.match_log, *new])
        # Last, so that a concurrent request gets either the old time or the new one.
        self.now += step
        return self.now

    @property
    def match_log(self) -> MatchLog:
        """All matches so far, listed or not. The log is append-only: positions stay valid."""
        return self._history.match_log

    def suggested_players(self, count: int = 40) -> list[int]:
        """Account ids to track: `count` people, some of them friends, one in nineteen private."""
        return [int(account) for account in self.people.account_id[: min(count, self.players)]]

    def set_private(self, account_id: int, private: bool) -> None:
        """Hide a person's matches, or show them again."""
        person = self.people.person_of(account_id)
        if person is None:
            raise ValueError(f"no such account in this world: {account_id}")
        self.people.private[person] = private

    def matches_of(self, person: int, at: int) -> tuple[Ints, Ints]:
        """Positions in the match log and columns of a person's matches that are listed at a time (s), newest first."""
        history = self._history
        low, high = np.searchsorted(history.person_of_cell, (person, person + 1))
        cells = history.cells[low:high][::-1]
        match = cells // 10
        listed = history.match_log.visible_at[match] <= at
        return match[listed], cells[listed] % 10

    def rank(self, person: int, at: int) -> Rank:
        """A person's rank at a time (s)."""
        mmr, tiers = self.standings(at)
        if tiers[person] == 0:
            return Rank(None, None)
        immortals = np.flatnonzero(tiers == IMMORTAL)
        board = immortals[np.lexsort((immortals, -mmr[immortals]))][: (len(immortals) + 1) // 2]
        place = np.flatnonzero(board == person)
        return Rank(int(tiers[person]), int(place[0]) + 1 if len(place) else None)

    def standings(self, at: int) -> tuple[Ints, Ints]:
        """MMR and rank tier (0 for uncalibrated) of all people at a time (s)."""
        history = self._history
        end = np.searchsorted(history.rated_at, at, side="right")
        person, count = history.rated_person[:end], len(self.people)
        change = np.bincount(person, weights=history.rated_change[:end], minlength=count)
        played = np.bincount(person, minlength=count)
        mmr = np.maximum(self.people.start_mmr + change.astype(np.int64), 1)
        return mmr, np.where(played >= self.people.calibration, tiers_of(mmr), 0)

    def rank_history(self, person: int, at: int) -> list[tuple[int, int]]:
        """`(timestamp, tier)` of each change of a person's shown tier up to a time (s), oldest first."""
        history = self._history
        mine = (history.rated_person == person) & (history.rated_at <= at)
        timestamps = np.concatenate([[self.start], history.rated_at[mine]])
        change = np.concatenate([[0], np.cumsum(history.rated_change[mine])])
        mmr = self.people.start_mmr[person] + change
        tiers = tiers_of(np.maximum(mmr, 1))
        shown = np.arange(len(tiers)) >= self.people.calibration[person]
        timestamps, tiers = timestamps[shown], tiers[shown]
        changed = np.diff(tiers, prepend=0) != 0
        return list(zip(timestamps[changed].tolist(), tiers[changed].tolist(), strict=True))

    def _play_until(self, timestamp: int) -> list[MatchLog]:
        match_logs = []
        while self._simulation.played_until < timestamp:
            match_logs.append(self._simulation.play_day())
        return match_logs
