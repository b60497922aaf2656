"""The FACEIT accounts of the world's people.

The world's people keep their row numbers; after them come newcomers, who play only cs2 and are unknown to OpenDota.
Each row has its own random generator, so that a person's account depends on seed and row number alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from sandbox.people import CIRCLE_SIZE, People, steam_id64

CS2, DOTA2 = "cs2", "dota2"
GAMES = (CS2, DOTA2)
REGIONS = ("EU", "NA")

_MIN_NEWCOMERS = 10
_PEOPLE_A_NEWCOMER = 4
_FIRST_NEWCOMER_ACCOUNT = 1_300_000_000  # above the accounts of the world's people
_ACCOUNTS_A_NEWCOMER = 10_000
_NEWCOMER_NAMES = ("Flint", "Gravel", "Tinsel", "Marrow", "Quartz", "Sorrel", "Thistle", "Umber", "Vesper", "Wicket")

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Account:
    """One account. As in FACEIT's API, an empty text means null."""

    person: int
    player_id: str
    nickname: str
    country: str
    region: str
    account_id: int  # the Steam account's 32 bits; OpenDota's account_id
    games: tuple[str, ...]
    elo_shown: str  # `yes`; `missing` or `zero` for a cs2 profile without elo
    shows_steam: bool  # the profile has the Steam id, besides the game
    is_newcomer: bool  # OpenDota does not know the Steam account

    def shows_elo(self, game: str) -> bool:
        """Whether the profile shows an elo in the game."""
        return game in self.games and (game == DOTA2 or self.elo_shown == "yes")

    def game_player_id(self, game: str) -> str:
        """The account in a game: a Steam id of 64 bits for cs2, `[U:1:n]` for dota2."""
        return str(steam_id64(self.account_id)) if game == CS2 else f"[U:1:{self.account_id}]"


@dataclass(frozen=True)
class Accounts:
    """All accounts, and the cs2 parameters of all people by row number (`n` rows; some people have no account)."""

    by_person: dict[int, Account]
    player_ids: dict[str, int]  # row number by player id
    circle: Ints  # people of one circle queue together
    skill: Floats
    rate: Floats  # cs2 matches a day; 0 for people who do not play it
    joined_day: Ints
    start_elo: Ints  # n x games
    headshots: Floats  # share of kills
    snipers: Floats  # share of kills

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.circle)

    def of(self, player_id: str) -> Account | None:
        """The account with this id."""
        person = self.player_ids.get(player_id)
        return None if person is None else self.by_person[person]

    def plays(self, game: str) -> Ints:
        """Row numbers of all people with the game in their profile."""
        return np.array([person for person, one in self.by_person.items() if game in one.games], dtype=np.int64)


def make_accounts(seed: int, people: People, days: int) -> Accounts:
    """Generate the accounts of a world. `days` is the length of its history; some people join during it."""
    newcomers = max(_MIN_NEWCOMERS, len(people) // _PEOPLE_A_NEWCOMER)
    count = len(people) + newcomers
    generators = [np.random.default_rng([seed, 6, person]) for person in range(count)]
    accounts: dict[int, Account] = {}
    taken: set[str] = set()
    for person, rng in enumerate(generators):
        if games := _games(person, len(people)):
            accounts[person] = _account(person, rng, people, games, taken)
    plays_cs2 = np.array([person in accounts and CS2 in accounts[person].games for person in range(count)])
    draws = np.array([rng.normal(size=7) for rng in generators])
    skill = 0.7 * draws[:, 0]
    skill[: len(people)] += 0.5 * people.skill
    # The first person plays most, from beginning to end, so that the smallest world has a list of several pages.
    rate = np.where(np.arange(count) == 0, 2.6, np.clip(np.exp(0.35 + 0.35 * draws[:, 1]), 0.6, 2.4))
    joins = np.arange(count) % 8 == 2
    elo = np.stack([1_250 + 420 * skill + 120 * draws[:, 3], 1_000 + 250 * draws[:, 4]], axis=1)
    return Accounts(
        by_person=accounts,
        player_ids={account.player_id: person for person, account in accounts.items()},
        circle=np.arange(count) // CIRCLE_SIZE,
        skill=skill,
        rate=np.where(plays_cs2, rate, 0.0),
        joined_day=np.where(joins, (np.abs(draws[:, 2]) * days / 3).astype(np.int64), 0),
        start_elo=np.clip(elo, 150, 3_300).astype(np.int64),
        headshots=np.clip(0.45 + 0.1 * draws[:, 5], 0.15, 0.75),
        snipers=np.where(np.arange(count) % 5 == 1, 0.35, 0.02),
    )


def _games(person: int, people: int) -> tuple[str, ...]:
    """Games by fixed rows instead of probabilities, so that the smallest world has a person of each kind."""
    if person >= people or person % 5 == 3:
        return (CS2,)
    if person % 7 == 4:
        return ()
    return (DOTA2,) if person % 9 == 5 else (CS2, DOTA2)


def _account(person: int, rng: np.random.Generator, people: People, games: tuple[str, ...], taken: set[str]) -> Account:
    is_newcomer = person >= len(people)
    if is_newcomer:
        name = _NEWCOMER_NAMES[person % len(_NEWCOMER_NAMES)]
        country: str | None = "no" if person % 6 else None
        place = person - len(people)
        account_id = _FIRST_NEWCOMER_ACCOUNT + place * _ACCOUNTS_A_NEWCOMER + int(rng.integers(_ACCOUNTS_A_NEWCOMER))
    else:
        # Some people have the Steam name of another person: names identify no person.
        name = people.names[person - 1 if person % 13 == 4 or person % 13 == 10 else person]
        country = people.countries[person]
        account_id = int(people.account_id[person])
    nickname = name if name.casefold() not in taken else f"{name}-{person}"
    taken.add(nickname.casefold())
    return Account(
        person=person,
        player_id=str(UUID(bytes=rng.bytes(16), version=4)),
        nickname=nickname,
        country=(country or "").lower(),
        region=REGIONS[1] if person % 4 == 3 else REGIONS[0],
        account_id=account_id,
        games=games,
        elo_shown={12: "missing", 17: "zero"}.get(person % 23, "yes"),
        shows_steam=person % 29 != 10,
        is_newcomer=is_newcomer,
    )
