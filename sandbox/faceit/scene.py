"""The competitions of cs2 on FACEIT: queues, hubs and championships, and their premade teams."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import numpy as np

from sandbox.faceit.accounts import CS2, REGIONS, Accounts

MAPS = ("de_mirage", "de_inferno", "de_nuke", "de_ancient", "de_anubis", "de_dust2", "de_train")

_TEAM_SIZE = 5
_MAX_TEAMS = 9
_PLAYERS_A_TEAM = 10


class Competition(NamedTuple):
    """The competition of a match."""

    competition_id: str
    name: str
    kind: str  # `matchmaking`, `hub` or `championship`
    organizer_id: str
    region: str
    best_of: int
    is_rated: bool  # its matches change the elo


class Team(NamedTuple):
    """A premade team: row numbers of its members, the captain first, and of its substitute."""

    team_id: str
    name: str
    nickname: str
    members: tuple[int, ...]
    substitute: int | None


_QUEUES = (("Europe 5v5 Queue", REGIONS[0]), ("North America 5v5 Queue", REGIONS[1]))
_HUBS = ("Lantern Club", "Harbour Premades")
#: With the maximum number of maps; a best of two may end in a draw.
_CHAMPIONSHIPS = (("Saltmarsh League", 2), ("Clocktower Cup", 3))
_TEAM_NAMES = (
    ("Copper Finches", "FINCH"),
    ("Drystone", "DRY"),
    ("Foghorn Five", "FOG"),
    ("Grand Marmots", "MARM"),
    ("Hinterland", "HINT"),
    ("Iron Teapots", "TEA"),
    ("Jetty", "JTY"),
    ("Kiln", "KILN"),
    ("Loose Change", "LOOSE"),
)


class Scene:
    """The competitions and teams of a world; they do not change."""

    def __init__(self, seed: int, accounts: Accounts) -> None:
        rng = np.random.default_rng([seed, 8])
        organizers = [_uuid(rng) for _ in range(3)]
        self.queues = tuple(
            Competition(_uuid(rng), name, "matchmaking", "faceit", region, 1, True) for name, region in _QUEUES
        )
        self.hubs = tuple(
            Competition(_uuid(rng), name, "hub", organizers[place], REGIONS[0], 1, True)
            for place, name in enumerate(_HUBS)
        )
        self.championships = tuple(
            Competition(_uuid(rng), name, "championship", organizers[2], REGIONS[0], best_of, False)
            for name, best_of in _CHAMPIONSHIPS
        )
        self.teams = _teams(rng, accounts)

    @property
    def competitions(self) -> tuple[Competition, ...]:
        """All competitions; the match log refers to their positions here."""
        return (*self.queues, *self.hubs, *self.championships)

    @property
    def lobby_hub(self) -> int:
        """Position of the hub whose lobbies fill like the queues."""
        return len(self.queues)

    @property
    def premade_competitions(self) -> tuple[int, int, int]:
        """Positions of the competitions of premade teams: their hub, the league, the cup."""
        return (self.lobby_hub + 1, self.lobby_hub + 2, self.lobby_hub + 3)

    def competition(self, competition_id: str, kind: str) -> Competition | None:
        """The competition of this kind with this id."""
        return next(
            (one for one in self.competitions if (one.competition_id, one.kind) == (competition_id, kind)), None
        )


def _teams(rng: np.random.Generator, accounts: Accounts) -> tuple[Team, ...]:
    players = accounts.plays(CS2)
    best = players[np.argsort(-accounts.skill[players], kind="stable")]
    count = min(_MAX_TEAMS, len(best) // _PLAYERS_A_TEAM)
    bench = best[count * _TEAM_SIZE :].tolist()
    return tuple(
        Team(
            _uuid(rng),
            *_TEAM_NAMES[place],
            # Distributed alternately, so that teams are about equally strong.
            tuple(best[place : count * _TEAM_SIZE : count].tolist()),
            bench[place] if place % 2 == 0 else None,
        )
        for place in range(count)
    )


def _uuid(rng: np.random.Generator) -> str:
    return str(UUID(bytes=rng.bytes(16), version=4))
