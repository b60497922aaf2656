"""FACEIT's statistics of a player on a map, with numbers as text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.faceit.match_log import STATS
from sandbox.faceit.scene import MAPS
from sandbox.faceit.world import FaceitWorld

JsonObject = dict[str, Any]
Counts = dict[str, int]

_CREATED_AFTER_S = 2
_UPDATED_AFTER_S = 90


@dataclass(frozen=True)
class Row:
    """A player in one map."""

    match: int  # position in `Series`
    place: int  # position in `Maps`
    column: int


def rows_of(faceit: FaceitWorld, person: int, at: int) -> list[Row]:
    """The maps of a player whose statistics are known at a time (s), newest first."""
    history = faceit.history
    matches, columns = faceit.matches_of(person, at)
    known = history.series.result_at[matches] <= at
    rows = [
        Row(match, place, column)
        for match, column in zip(matches[known].tolist(), columns[known].tolist(), strict=True)
        for place in reversed(history.maps_of(match))
    ]
    rows.sort(key=lambda row: -int(history.series.finished_at[row.match]))
    return rows


def map_item(faceit: FaceitWorld, row: Row, factions: list[JsonObject]) -> JsonObject:
    """One record of `/players/{id}/games/cs2/stats`. `factions` are those of `matches.factions`."""
    history = faceit.history
    series, maps = history.series, history.maps
    side = row.column // 5
    account = faceit.accounts.by_person[int(series.person[row.match, row.column])]
    competition = faceit.scene.competitions[series.competition[row.match]]
    scores, halves = maps.scores[row.place], maps.halves[row.place, side].tolist()
    finished_at = int(series.finished_at[row.match])
    known_at = max(finished_at, int(series.result_at[row.match]))
    counts = counts_of(faceit, row)
    texts = _basic(counts, int(scores.sum()))
    if series.is_detailed[row.match]:
        texts |= _damage(counts, int(scores.sum()))
    return texts | {
        "Game": "cs2",
        "Game Mode": "5v5",
        "Match Id": str(series.match_id[row.match]),
        "Match Round": str(maps.number[row.place]),
        "Match Finished At": finished_at * 1_000,
        "Best Of": str(series.best_of[row.match]),
        "Competition Id": competition.competition_id,
        "Region": competition.region,
        "Map": MAPS[maps.map[row.place]],
        "Player Id": account.player_id,
        "Nickname": account.nickname,
        "Team": factions[side]["name"],
        "Winner": factions[int(scores.argmax())]["faction_id"],
        "Result": str(int(scores[side] > scores[1 - side])),
        "Score": f"{scores[0]} / {scores[1]}",
        "Rounds": str(scores.sum()),
        "First Half Score": str(halves[0]),
        "Second Half Score": str(halves[1]),
        "Overtime score": str(halves[2]),
        "Final Score": str(scores[side]),
        "Created At": _iso(known_at + _CREATED_AFTER_S, row.place % 1_000),
        "Updated At": _iso(known_at + _UPDATED_AFTER_S, row.place * 7 % 1_000),
    }


def match_texts(faceit: FaceitWorld, row: Row) -> dict[str, str]:
    """A player's 47 statistics in `/matches/{id}/stats`; 12 for matches from before FACEIT counted the others."""
    scores = faceit.history.maps.scores[row.place]
    side, rounds = row.column // 5, int(scores.sum())
    counts = counts_of(faceit, row)
    texts = _basic(counts, rounds) | {"Result": str(int(scores[side] > scores[1 - side]))}
    if not faceit.history.series.is_detailed[row.match]:
        return texts
    return texts | _damage(counts, rounds) | details(counts, rounds)


def counts_of(faceit: FaceitWorld, row: Row) -> Counts:
    """The counts of a player on a map."""
    values = faceit.history.maps.stats[row.place, row.column].tolist()
    return dict(zip(STATS, values, strict=True))


def details(counts: Counts, rounds: int) -> dict[str, str]:
    """The statistics that FACEIT introduced later, from single or summed counts."""
    entries = counts["first_kills"] + counts["first_deaths"]
    numbers = {
        "First Kills": counts["first_kills"],
        "Entry Count": entries,
        "Entry Wins": counts["first_kills"],
        "1v1Count": counts["one_on_ones"],
        "1v1Wins": counts["one_on_ones_won"],
        "1v2Count": counts["one_on_twos"],
        "1v2Wins": counts["one_on_twos_won"],
        "Clutch Kills": counts["one_on_ones_won"] + 2 * counts["one_on_twos_won"],
        "Flash Count": counts["flashes"],
        "Flash Successes": counts["flashes_successful"],
        "Enemies Flashed": counts["enemies_flashed"],
        "Utility Count": counts["utilities"],
        "Utility Successes": counts["utilities_successful"],
        "Utility Enemies": counts["utility_enemies"],
        "Utility Damage": counts["utility_damage"],
        "Sniper Kills": counts["sniper_kills"],
        "Pistol Kills": counts["pistol_kills"],
        "Knife Kills": counts["knife_kills"],
        "Zeus Kills": counts["zeus_kills"],
    }
    rates = {
        "Match Entry Rate": (entries, rounds),
        "Match Entry Success Rate": (counts["first_kills"], entries),
        "Match 1v1 Win Rate": (counts["one_on_ones_won"], counts["one_on_ones"]),
        "Match 1v2 Win Rate": (counts["one_on_twos_won"], counts["one_on_twos"]),
        "Flash Success Rate per Match": (counts["flashes_successful"], counts["flashes"]),
        "Flashes per Round in a Match": (counts["flashes"], rounds),
        "Enemies Flashed per Round in a Match": (counts["enemies_flashed"], rounds),
        "Utility Success Rate per Match": (counts["utilities_successful"], counts["utilities"]),
        "Utility Usage per Round": (counts["utilities"], rounds),
        "Utility Damage Success Rate per Match": (counts["utility_damage"], counts["utilities"]),
        "Utility Damage per Round in a Match": (counts["utility_damage"], rounds),
        "Sniper Kill Rate per Match": (counts["sniper_kills"], counts["kills"]),
        "Sniper Kill Rate per Round": (counts["sniper_kills"], rounds),
    }
    return {
        **{name: str(value) for name, value in numbers.items()},
        **{name: text(share(part, whole)) for name, (part, whole) in rates.items()},
    }


def text(value: float, digits: int = 2) -> str:
    """A number in FACEIT's format: `1.27`, `0.5`, `1`."""
    written = f"{value:.{digits}f}"
    return written.rstrip("0").rstrip(".") if digits else written


def share(part: float, whole: float) -> float:
    """A ratio; 0 for a denominator of 0."""
    return part / whole if whole else 0.0


def _basic(counts: Counts, rounds: int) -> dict[str, str]:
    kills = counts["kills"]
    return {
        "Kills": str(kills),
        "Deaths": str(counts["deaths"]),
        "Assists": str(counts["assists"]),
        "Headshots": str(counts["headshots"]),
        "Headshots %": text(100 * share(counts["headshots"], kills), 0),
        "K/D Ratio": text(kills / max(counts["deaths"], 1)),
        "K/R Ratio": text(kills / rounds),
        "MVPs": str(counts["mvps"]),
        "Triple Kills": str(counts["triple_kills"]),
        "Quadro Kills": str(counts["quadro_kills"]),
        "Penta Kills": str(counts["penta_kills"]),
    }


def _damage(counts: Counts, rounds: int) -> dict[str, str]:
    return {
        "Double Kills": str(counts["double_kills"]),
        "Damage": str(counts["damage"]),
        "ADR": text(counts["damage"] / rounds, 1),
    }


def _iso(timestamp: int, milliseconds: int) -> str:
    """A timestamp in the format of FACEIT's statistics: without trailing zeros of the milliseconds."""
    written = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{milliseconds:03d}".rstrip("0").rstrip(".")
    return f"{written}{fraction}Z"
