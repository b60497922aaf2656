"""FACEIT's part of a world: its accounts, matches and elos, with the world's clock.

It is simulated on first use, up to the world's current time, so that it costs nothing if it is not used.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import islice

import numpy as np

from sandbox.faceit.accounts import CS2, DOTA2, GAMES, Accounts, make_accounts
from sandbox.faceit.match_log import Day, Ints, Maps, Series, join
from sandbox.faceit.rules import LOWEST_ELO, level_of
from sandbox.faceit.scene import Scene
from sandbox.faceit.simulation import Simulation, elo_changes
from sandbox.rules import DAY_S
from sandbox.world import World


@dataclass(frozen=True)
class History:
    """The match log with its indexes in one object, so that a concurrent reader gets a consistent state."""

    series: Series
    maps: Maps
    rows: dict[str, int]  # position of a match by its id
    first_map: Ints  # of each match; one entry more at the end
    cells: Ints  # match x 10 + column, by person, oldest first
    person_of_cell: Ints
    changes: dict[str, tuple[Ints, Ints, Ints]]  # by game: timestamp (s), person, change of elo; oldest first

    def maps_of(self, row: int) -> range:
        """Positions of a match's maps in the match log."""
        return range(int(self.first_map[row]), int(self.first_map[row + 1]))


class FaceitWorld:
    """FACEIT's part of a world. Attributes: `world`, `accounts`, `scene`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.accounts: Accounts = make_accounts(world.seed, world.people, (world.now - world.start) // DAY_S)
        self.scene = Scene(world.seed, self.accounts)
        self._simulation = Simulation(world.seed, self.accounts, self.scene, start=world.start)
        self._days: list[Day] = []
        self._history: History | None = None
        # The ground truth may be computed while the server handles requests.
        self._lock = threading.Lock()

    @property
    def now(self) -> int:
        """The world's current time (Unix s)."""
        return self.world.now

    @property
    def is_behind(self) -> bool:
        """Whether the next use has to wait for the simulation, which takes seconds in a large world."""
        return self._history is None or self._simulation.played_until < self.world.now

    @property
    def is_started(self) -> bool:
        """Whether the simulation has started."""
        return self._history is not None

    @property
    def history(self) -> History:
        """All matches until now. The log is append-only: positions stay valid."""
        return self.catch_up()

    def catch_up(self) -> History:
        """Simulate until now, so that the next use does not have to wait."""
        with self._lock:
            new = []
            while self._simulation.played_until < self.world.now:
                new.append(self._simulation.play_day())
            if new or self._history is None:
                self._days = [join([*self._days, *new])]
                self._history = _history(self._days[0])
            return self._history

    def suggested_players(self, count: int = 20) -> list[str]:
        """Player ids to track: people with an account in the world's order, and a newcomer after every five."""
        known = [one for one in self.accounts.by_person.values() if not one.is_newcomer]
        newcomers = iter([one for one in self.accounts.by_person.values() if one.is_newcomer])
        chosen = []
        for first in range(0, len(known), 5):
            chosen += [*known[first : first + 5], *islice(newcomers, 1)]
        return [account.player_id for account in chosen[:count]]

    def matches_of(self, person: int, at: int) -> tuple[Ints, Ints]:
        """Positions in the match log and columns of a person's matches that are listed at a time (s), newest first."""
        history = self.history
        low, high = np.searchsorted(history.person_of_cell, (person, person + 1))
        cells = history.cells[low:high][::-1]
        listed = history.series.visible_at[cells // 10] <= at
        return cells[listed] // 10, cells[listed] % 10

    def elos(self, game: str, at: int) -> Ints:
        """The elo of all people in a game at a time (s), whether or not a profile shows it."""
        timestamps, person, change = self.history.changes[game]
        end = np.searchsorted(timestamps, at, side="right")
        moved = np.bincount(person[:end], weights=change[:end], minlength=len(self.accounts)).astype(np.int64)
        elos: Ints = np.maximum(self.accounts.start_elo[:, GAMES.index(game)] + moved, LOWEST_ELO)
        return elos

    def shown_elo(self, person: int, game: str, at: int) -> int | None:
        """The elo that a profile shows at a time (s); None if it shows none or 0."""
        if not self.accounts.by_person[person].shows_elo(game):
            return None
        return int(self.elos(game, at)[person])

    def board(self, game: str, region: str, at: int) -> list[tuple[int, int, int]]:
        """A region's ranking at a time (s): row number, elo and level, best first; places are not shared."""
        elos, accounts = self.elos(game, at), self.accounts.by_person.values()
        shown = [one.person for one in accounts if one.region == region and one.shows_elo(game)]
        shown.sort(key=lambda person: (-elos[person], person))
        return [(person, int(elos[person]), level_of(int(elos[person]))) for person in shown]


def _history(day: Day) -> History:
    series, maps, dota2_elo_changes = day.series, day.maps, day.dota2_elo_changes
    person = series.person.ravel()
    cells = np.argsort(person, kind="stable")
    cells = cells[person[cells] >= 0]
    change = elo_changes(series).ravel()
    rated = np.flatnonzero(change)
    ended = series.finished_at[rated // 10]
    order = np.argsort(ended, kind="stable")
    return History(
        series=series,
        maps=maps,
        rows={match_id: row for row, match_id in enumerate(series.match_id.tolist())},
        first_map=np.searchsorted(maps.series, np.arange(len(series) + 1)),
        cells=cells,
        person_of_cell=person[cells],
        changes={
            CS2: (ended[order], person[rated][order], change[rated][order]),
            DOTA2: (dota2_elo_changes.at, dota2_elo_changes.person, dota2_elo_changes.change),
        },
    )
