"""Professional matches of the same people: teams of the most skilled players, their leagues and fixtures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sandbox.people import People

Ints = npt.NDArray[np.int64]

_TEAM_SIZE = 5
_MAX_TEAMS = 12
_FIXTURE_START_S = (75_600, 79_800)  # 21:00 and 22:10: after the start of the day's last public matches
_FIXTURE_CHANCE = 0.12  # that two teams play each other on a day
_FIRST_TEAM_ID = 9_400_011
_TEAM_ID_STEP = 7_919


class Team(NamedTuple):
    """A team and its members' row numbers."""

    team_id: int
    name: str
    tag: str
    logo: int  # over 2^53, so that a JSON parser without big integers rounds it
    members: tuple[int, ...]


class League(NamedTuple):
    """A league; `tier` is null upstream for some leagues."""

    league_id: int
    name: str
    tier: str | None


LEAGUES = (
    League(18_101, "Harbour Premier", "premium"),
    League(18_240, "Northlight Open", "professional"),
    League(18_377, "Cellar Cup", None),
)

_NAMES = (
    ("Tidewater", "TIDE"),
    ("Glasshouse", "GLAS"),
    ("Low Orbit", "LOW"),
    ("Nine Lanterns", "9L"),
    ("Paper Wolves", "PW"),
    ("Saltmarsh", "SALT"),
    ("Clockmakers", "CLK"),
    ("Red Kettle", "RK"),
    ("Second Wind", "SW"),
    ("Fieldstone", "FS"),
    ("Echo Bay", "ECHO"),
    ("Winter Train", "WT"),
)


@dataclass(frozen=True)
class Fixtures:
    """Professional matches of one day, one row per match."""

    people: Ints  # n x 10
    starts: Ints  # s
    league: Ints
    series: Ints
    radiant_team: Ints
    dire_team: Ints


class ProScene:
    """The teams of a world; membership does not change."""

    def __init__(self, people: People) -> None:
        best = np.argsort(-people.skill, kind="stable")
        count = min(_MAX_TEAMS, len(people) // (2 * _TEAM_SIZE))
        self.teams = tuple(
            Team(
                _FIRST_TEAM_ID + index * _TEAM_ID_STEP,
                *_NAMES[index],
                9_007_199_254_740_993 + index * 1_000_003,
                # Distributed alternately, so that teams are about equally strong.
                tuple(int(person) for person in best[index : count * _TEAM_SIZE : count]),
            )
            for index in range(count)
        )

    def fixtures(self, rng: np.random.Generator, day_start: int) -> Fixtures:
        """Best-of-two series between some pairs of teams; sides are swapped for the second game."""
        order = rng.permutation(len(self.teams))
        pairs = [(order[i], order[i + 1]) for i in range(0, len(order) - 1, 2) if rng.random() < _FIXTURE_CHANCE]
        games = []
        for number, (one, other) in enumerate(pairs):
            league = LEAGUES[int(rng.integers(len(LEAGUES)))].league_id
            series = day_start // 86_400 * 100 + number
            for game, (radiant, dire) in enumerate(((one, other), (other, one))):
                start = day_start + _FIXTURE_START_S[game] + int(rng.integers(60, 600))
                games.append((radiant, dire, start, league, series))
        columns = np.array(games, dtype=np.int64).reshape(-1, 5).T
        members = np.array([team.members for team in self.teams], dtype=np.int64)
        ids = np.array([team.team_id for team in self.teams], dtype=np.int64)
        return Fixtures(
            people=np.concatenate([members[columns[0]], members[columns[1]]], axis=1),
            starts=columns[2],
            league=columns[3],
            series=columns[4],
            radiant_team=ids[columns[0]],
            dire_team=ids[columns[1]],
        )
