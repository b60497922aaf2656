"""The simulation of cs2 maps round by round, so that scores and statistics are consistent.

A map is won with 13 rounds; after 12 to 12 follow overtimes of six rounds, won with four. Each kill of a round has a
killer on one side and a victim on the other; multi-kills, entries, clutches and MVPs are counted from the kills.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sandbox.faceit.match_log import STATS

_HALF = 12
_OVERTIME = 6
_MAX_OVERTIMES = 8
_ROUNDS = 2 * _HALF + _MAX_OVERTIMES * _OVERTIME

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Played(NamedTuple):
    """`n` maps: rounds won by faction in first half, second half and overtime (n x 2 x 3), and statistics."""

    halves: Ints
    stats: Ints  # n x 10 x STATS


class _Rounds(NamedTuple):
    """Winner of each round, and deaths per side: `rank` 0 dies first, and ranks below `lost` die."""

    is_played: Bools  # n x rounds
    winner: Ints  # n x rounds: 0 or 1
    lost: Ints  # n x rounds x 2
    rank: Ints  # n x rounds x 2 x 5


def play(rng: np.random.Generator, skill: Floats, headshots: Floats, snipers: Floats) -> Played:
    """Simulate maps of ten players each; columns 0-4 are faction1, 5-9 faction2.

    Args:
        rng: random generator of all draws.
        skill: of each player (n x 10).
        headshots: share of each player's kills (n x 10).
        snipers: share of kills with a sniper rifle.
    """
    rounds = _play_rounds(rng, skill)
    half = np.minimum(np.arange(rounds.winner.shape[1]) // _HALF, 2)
    won = np.stack([rounds.is_played & (rounds.winner == side) for side in (0, 1)], axis=1)
    halves = np.stack([won[:, :, half == part].sum(axis=2) for part in range(3)], axis=2)
    counted = _count(rng, skill, rounds)
    total = rounds.is_played.sum(axis=1)[:, None]
    counted |= _arms(rng, counted["kills"], headshots, snipers)
    counted |= _damage(rng, counted["kills"], counted["assists"], np.broadcast_to(total, skill.shape))
    return Played(halves, np.stack([counted[name] for name in STATS], axis=2))


def _play_rounds(rng: np.random.Generator, skill: Floats) -> _Rounds:
    count = len(skill)
    edge = skill[:, :5].mean(axis=1) - skill[:, 5:].mean(axis=1)
    is_first = rng.random((count, _ROUNDS)) < (1 / (1 + np.exp(-0.7 * edge)))[:, None]
    # The last overtime cannot end in a draw.
    is_first[:, -_OVERTIME:] = True
    length = _lengths(is_first)
    longest = int(length.max(initial=0))
    winner = np.where(is_first[:, :longest], 0, 1)
    shape = winner.shape
    of_winner = rng.choice(5, size=shape, p=[0.12, 0.24, 0.28, 0.22, 0.14])
    of_loser = rng.choice(np.array([2, 3, 4, 5]), size=shape, p=[0.06, 0.08, 0.14, 0.72])
    lost = np.stack([np.where(winner == side, of_winner, of_loser) for side in (0, 1)], axis=2)
    # The smallest of exponentials divided by weights is a weighted draw: the least skilled die first.
    sides = skill.reshape(count, 1, 2, 5)
    price = rng.standard_exponential((*shape, 2, 5)) * np.exp(0.2 * sides)
    rank = np.argsort(np.argsort(price, axis=3), axis=3)
    return _Rounds(np.arange(longest) < length[:, None], winner, lost, rank)


def _lengths(is_first: Bools) -> Ints:
    """Number of rounds of each map."""
    length = np.zeros(len(is_first), dtype=np.int64)
    overtimes = range(2 * _HALF, _ROUNDS, _OVERTIME)
    for start, end, needed in [(0, 2 * _HALF, _HALF + 1), *((one, one + _OVERTIME, 4) for one in overtimes)]:
        block = is_first[:, start:end]
        is_won = (block.cumsum(axis=1) >= needed) | ((~block).cumsum(axis=1) >= needed)
        ends_here = is_won.any(axis=1) & (length == 0)
        length[ends_here] = start + is_won.argmax(axis=1)[ends_here] + 1
    return length


def _count(rng: np.random.Generator, skill: Floats, rounds: _Rounds) -> dict[str, Ints]:
    """Kills and the statistics derived from them, by player (n x 10)."""
    shape = rounds.rank.shape
    played = rounds.is_played[:, :, None, None]
    weights = np.exp(0.35 * skill).reshape(shape[0], 1, 2, 1, 5)
    bounds = (weights / weights.sum(axis=4, keepdims=True)).cumsum(axis=4)[..., :4]
    killer = (rng.random(shape)[..., None] > bounds).sum(axis=4)  # n x rounds x 2 x kill
    won, clutches = _clutches(rng, rounds, killer)
    is_kill = (np.arange(5) < rounds.lost[:, :, ::-1, None]) & played
    kills = ((killer[..., None] == np.arange(5)) & is_kill[..., None]).sum(axis=3)  # n x rounds x 2 x player
    helper = (killer + rng.integers(1, 5, shape)) % 5
    is_helped = is_kill & (rng.random(shape) < 0.32)
    assists = ((helper[..., None] == np.arange(5)) & is_helped[..., None]).sum(axis=3)
    is_dead = (rounds.rank < rounds.lost[..., None]) & played
    best = (kills + rng.random(shape) / 2).argmax(axis=3)
    is_mvp = (best[..., None] == np.arange(5)) & won
    # The first kill is the winners', unless the losers have a kill and are drawn as quicker.
    loser = 1 - rounds.winner
    lost_by_winner = np.take_along_axis(rounds.lost, rounds.winner[..., None], axis=2)[..., 0]
    opener = np.where((lost_by_winner > 0) & (rng.random(loser.shape) < 0.35), loser, rounds.winner)
    opens = (np.arange(2) == opener[..., None])[..., None] & played
    first_kills = opens & (killer[..., :1] == np.arange(5))
    first_deaths = ~opens & played & (rounds.rank == 0)
    found = {
        "kills": kills,
        "deaths": is_dead,
        "assists": assists,
        "mvps": is_mvp,
        "first_kills": first_kills,
        "first_deaths": first_deaths,
        **{f"{name}_kills": kills == n for n, name in enumerate(("double", "triple", "quadro", "penta"), start=2)},
        **clutches,
    }
    return {name: values.sum(axis=1).reshape(-1, 10) for name, values in found.items()}


def _clutches(rng: np.random.Generator, rounds: _Rounds, killer: Ints) -> tuple[Bools, dict[str, Bools]]:
    """Winning side and clutches (each n x rounds x 2 x player); the winner of a clutch gets its kills."""
    won = ((np.arange(2) == rounds.winner[..., None]) & rounds.is_played[..., None])[..., None]
    last = rounds.rank == 4  # the last survivor of each side
    lost_by_winner = np.take_along_axis(rounds.lost, rounds.winner[..., None], axis=2)[..., 0]
    lost_by_loser = rounds.lost.sum(axis=2) - lost_by_winner
    draw = rng.random(rounds.winner.shape)
    wiped_out = rounds.is_played & (lost_by_loser == 5)
    is_duel = (wiped_out & (lost_by_winner == 4) & (draw < 0.6))[..., None, None]
    is_won_by_one = (wiped_out & (lost_by_winner == 4) & (draw > 0.75))[..., None, None]
    is_lost_by_one = (wiped_out & (lost_by_winner == 3) & (draw < 0.5))[..., None, None]
    survivor = last.argmax(axis=3)[..., None]
    for is_clutch, first in ((is_duel, 4), (is_won_by_one, 3)):
        final = (np.arange(5) >= first) & is_clutch & won
        np.copyto(killer, np.broadcast_to(survivor, killer.shape), where=final)
    return won, {
        "one_on_ones": last & is_duel,
        "one_on_ones_won": last & is_duel & won,
        "one_on_twos": last & ((is_won_by_one & won) | (is_lost_by_one & ~won)),
        "one_on_twos_won": last & is_won_by_one & won,
    }


def _arms(rng: np.random.Generator, kills: Ints, headshots: Floats, snipers: Floats) -> dict[str, Ints]:
    """Kills by weapon; each kill has one weapon."""
    found = {"headshots": rng.binomial(kills, headshots), "sniper_kills": rng.binomial(kills, snipers)}
    left = kills - found["sniper_kills"]
    for name, share in (("pistol_kills", 0.14), ("knife_kills", 0.004), ("zeus_kills", 0.004)):
        found[name] = rng.binomial(left, share)
        left = left - found[name]
    return found


def _damage(rng: np.random.Generator, kills: Ints, assists: Ints, rounds: Ints) -> dict[str, Ints]:
    """Damage and grenades."""
    flashes, utilities = rng.poisson(0.55 * rounds), rng.poisson(0.4 * rounds)
    blinding, hitting = rng.binomial(flashes, 0.42), rng.binomial(utilities, 0.3)
    return {
        "damage": kills * 88 + assists * 35 + rng.poisson(3.0 * rounds),
        "flashes": flashes,
        "flashes_successful": blinding,
        "enemies_flashed": blinding + rng.binomial(blinding, 0.4),
        "utilities": utilities,
        "utilities_successful": hitting,
        "utility_enemies": hitting + rng.binomial(hitting, 0.35),
        "utility_damage": rng.poisson(9.0 * utilities),
    }
