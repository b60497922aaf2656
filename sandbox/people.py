"""The people of the world: their identities, skill, activity, and the circles in which they play.

A person is a row number, which is stable for a seed. The ids of upstreams are derived from it, so that one person can
have several identities: the Steam account here, the FACEIT id in `sandbox.faceit.accounts`. Accounts of further game
databases are to be derived from the same row number, each with a random generator of its own, so that an additional
one changes no other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sandbox.dota_facts import HEROES, UPCOMING_HERO

STEAM_ID64_BASE = 76_561_197_960_265_728

CIRCLE_SIZE = 3  # people who often queue together
SMALLEST_POOL = 20  # a match needs ten players, and matchmaking a choice
NEVER_CALIBRATED = 1 << 30  # ranked matches
NEVER_LEFT = 1 << 30  # day

# Hero ids by column of every hero matrix; the upcoming hero is the last.
HERO_IDS: npt.NDArray[np.int64] = np.array([hero.hero_id for hero in (*HEROES, UPCOMING_HERO)], dtype=np.int64)

_ADJECTIVES = "Amber,Brisk,Calm,Dapper,Early,Feral,Gilded,Hollow,Idle,Jaunty,Keen,Lucid,Mellow,Nimble,Ochre,Pale,Quick"
_NOUNS = "Anchor,Badger,Cinder,Drifter,Ember,Falcon,Harbor,Ibex,Jackal,Kestrel,Lantern,Marten,Otter,Yarrow"
_COUNTRIES = "AR,AU,BR,CA,CN,DE,DK,FI,FR,GB,ID,MX,MY,PE,PH,PL,RU,SE,TH,UA,US,VN"

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class People:
    """All people of the world, one row per person (`n` rows)."""

    account_id: Ints  # Steam account id, 32 bits; unique
    names: list[str]
    countries: list[str | None]
    circle: Ints  # people of one circle queue together
    skill: Floats  # at the world's start, standard deviation about 1
    rate: Floats  # matches a day while active
    joined_day: Ints  # first and last active day, counted from the world's start
    left_day: Ints
    start_mmr: Ints
    calibration: Ints  # ranked matches to play before a rank is shown
    private: npt.NDArray[np.bool_]  # matches are hidden; anonymous in match details
    favour: npt.NDArray[np.float32]  # n x heroes: relative preference

    def __len__(self) -> int:
        """Number of people."""
        return len(self.account_id)

    def person_of(self, account_id: int) -> int | None:
        """Row number of a Steam account; None if the world has no such account."""
        found = np.flatnonzero(self.account_id == account_id)
        return int(found[0]) if len(found) else None


def steam_id64(account_id: int) -> int:
    """The 64-bit Steam id, which other upstreams use for the same account."""
    return account_id + STEAM_ID64_BASE


def make_people(seed: int, players: int, days: int) -> People:
    """Generate `players` people who may be tracked, and private ones up to the smallest pool.

    `days` is the length of the world's history; some people join during it and some leave.
    """
    count = max(players, SMALLEST_POOL)
    rng = np.random.default_rng([seed, 1])
    person = np.arange(count)
    circle = person // CIRCLE_SIZE
    skill = 0.85 * rng.normal(size=circle[-1] + 1)[circle] + 0.5 * rng.normal(size=count)
    # Fixed rows instead of probabilities: the smallest world has a person of each kind, and the first person always
    # plays from beginning to end.
    joined = np.where(person % 8 == 3, rng.integers(1, max(2, days * 4 // 5), count), 0)
    left = np.where(person % 17 == 9, rng.integers(days // 3 + 1, days + 2, count), NEVER_LEFT)
    calibration = np.where(person % 11 == 5, 10, 0)
    calibration[person % 53 == 13] = NEVER_CALIBRATED
    favour = rng.gamma(0.25, size=(count, len(HERO_IDS))).astype(np.float32) + np.float32(0.01)
    return People(
        account_id=_account_ids(rng, count),
        names=_names(rng, count),
        countries=_countries(rng, count),
        circle=circle,
        skill=skill,
        rate=np.clip(rng.lognormal(0.4, 0.3, count), 0.8, 2.4),
        joined_day=joined,
        left_day=left,
        start_mmr=np.clip(2_900 + 1_500 * skill + rng.normal(0, 250, count), 60, 8_500).astype(np.int64),
        calibration=calibration,
        private=(person % 19 == 7) | (person >= players),
        favour=favour,
    )


def _account_ids(rng: np.random.Generator, count: int) -> Ints:
    ids = np.unique(rng.integers(60_000_000, 1_300_000_000, count * 2))
    chosen: Ints = rng.permutation(ids)[:count]
    return chosen


def _countries(rng: np.random.Generator, count: int) -> list[str | None]:
    choices = _COUNTRIES.split(",")
    drawn = rng.integers(-5, len(choices), size=count).tolist()
    return [choices[number] if number >= 0 else None for number in drawn]


def _names(rng: np.random.Generator, count: int) -> list[str]:
    adjectives, nouns = _ADJECTIVES.split(","), _NOUNS.split(",")
    first = rng.integers(len(adjectives), size=count)
    second = rng.integers(len(nouns), size=count)
    # Names repeat, as they do upstream; only some have a number.
    number = np.where(rng.random(count) < 0.4, rng.integers(1, 99, count), 0)
    return [adjectives[a] + nouns[b] + (str(c) if c else "") for a, b, c in zip(first, second, number, strict=True)]
