"""A player's lifetime statistics on FACEIT: sums over maps, under FACEIT's misleading names."""

from __future__ import annotations

from typing import Any

from sandbox.faceit.match_log import STATS
from sandbox.faceit.scene import MAPS
from sandbox.faceit.statistics import Counts, Row, counts_of, details, share, text
from sandbox.faceit.world import FaceitWorld

JsonObject = dict[str, Any]

_RECENT = 5

# Names of a match's statistics, and the names of their totals.
_LIFETIME_NAMES = {
    "Entry Count": "Total Entry Count",
    "Entry Wins": "Total Entry Wins",
    "1v1Count": "Total 1v1 Count",
    "1v1Wins": "Total 1v1 Wins",
    "1v2Count": "Total 1v2 Count",
    "1v2Wins": "Total 1v2 Wins",
    "Flash Count": "Total Flash Count",
    "Flash Successes": "Total Flash Successes",
    "Enemies Flashed": "Total Enemies Flashed",
    "Utility Count": "Total Utility Count",
    "Utility Successes": "Total Utility Successes",
    "Utility Damage": "Total Utility Damage",
    "Sniper Kills": "Total Sniper Kills",
    "Match Entry Rate": "Entry Rate",
    "Match Entry Success Rate": "Entry Success Rate",
    "Match 1v1 Win Rate": "1v1 Win Rate",
    "Match 1v2 Win Rate": "1v2 Win Rate",
    "Flash Success Rate per Match": "Flash Success Rate",
    "Flashes per Round in a Match": "Flashes per Round",
    "Enemies Flashed per Round in a Match": "Enemies Flashed per Round",
    "Utility Success Rate per Match": "Utility Success Rate",
    "Utility Usage per Round": "Utility Usage per Round",
    "Utility Damage Success Rate per Match": "Utility Damage Success Rate",
    "Utility Damage per Round in a Match": "Utility Damage per Round",
    "Sniper Kill Rate per Match": "Sniper Kill Rate",
    "Sniper Kill Rate per Round": "Sniper Kill Rate per Round",
}


def lifetime(faceit: FaceitWorld, rows: list[Row]) -> JsonObject:
    """A player's totals over maps (newest first), under FACEIT's names: `K/D Ratio` is a sum."""
    results = [_is_win(faceit, row) for row in rows]
    detailed = [row for row in rows if faceit.history.series.is_detailed[row.match]]
    streaks = "".join(str(result) for result in results).split("0")
    averages = {name: value for name, value in _averages(faceit, rows).items() if "K/R" not in name}
    return {
        **averages,
        **_extended(faceit, detailed),
        "Matches": str(len(rows)),
        "Wins": str(sum(results)),
        "Win Rate %": text(100 * share(sum(results), len(results)), 0),
        "Recent Results": [str(result) for result in results[:_RECENT][::-1]],
        "Current Win Streak": str(len(streaks[0])),
        "Longest Win Streak": str(max(len(streak) for streak in streaks)),
    }


def segments(faceit: FaceitWorld, rows: list[Row]) -> list[JsonObject]:
    """A player's totals by map."""
    by_map: dict[int, list[Row]] = {}
    for row in rows:
        by_map.setdefault(int(faceit.history.maps.map[row.place]), []).append(row)
    found = []
    for number, mine in by_map.items():
        total, count = _sums(faceit, mine), len(mine)
        wins = sum(_is_win(faceit, row) for row in mine)
        counted = {
            name: total[key]
            for name, key in (
                ("Kills", "kills"),
                ("Deaths", "deaths"),
                ("Assists", "assists"),
                ("Headshots", "headshots"),
                ("MVPs", "mvps"),
                ("Triple Kills", "triple_kills"),
                ("Quadro Kills", "quadro_kills"),
                ("Penta Kills", "penta_kills"),
            )
        }
        stats = {
            **_averages(faceit, mine),
            **_extended(faceit, [row for row in mine if faceit.history.series.is_detailed[row.match]]),
            **{name: str(value) for name, value in counted.items()},
            **{f"Average {name}": text(value / count) for name, value in counted.items() if name != "Headshots"},
            "Headshots per Match": text(total["headshots"] / count),
            "Rounds": str(sum(_rounds(faceit, row) for row in mine)),
            "Matches": str(count),
            "Wins": str(wins),
            "Win Rate %": text(100 * wins / count, 0),
        }
        name = MAPS[number]
        images = {f"img_{size}": f"https://assets.example.invalid/{name}_{size}.jpeg" for size in ("small", "regular")}
        # As in recordings, the label is the readable name of the map, not its class.
        label = name.removeprefix("de_").capitalize()
        found.append({"type": "Map", "mode": "5v5", "label": label, **images, "stats": stats})
    return found


def _averages(faceit: FaceitWorld, rows: list[Row]) -> dict[str, str]:
    """Sums and averages of ratios by map; `K/D Ratio` is the sum."""
    every = [(counts_of(faceit, row), _rounds(faceit, row)) for row in rows]
    sums = {
        "K/D Ratio": sum(counts["kills"] / max(counts["deaths"], 1) for counts, _ in every),
        "K/R Ratio": sum(counts["kills"] / rounds for counts, rounds in every),
        "Headshots %": sum(round(100 * share(counts["headshots"], counts["kills"])) for counts, _ in every),
    }
    return {
        "K/D Ratio": text(sums["K/D Ratio"]),
        "K/R Ratio": text(sums["K/R Ratio"]),
        "Total Headshots %": text(sums["Headshots %"], 0),
        "Average K/D Ratio": text(sums["K/D Ratio"] / len(rows)),
        "Average K/R Ratio": text(sums["K/R Ratio"] / len(rows)),
        "Average Headshots %": text(sums["Headshots %"] / len(rows), 0),
    }


def _extended(faceit: FaceitWorld, rows: list[Row]) -> dict[str, str]:
    """Totals over the maps with all statistics; `Total Matches` counts only these."""
    total = _sums(faceit, rows)
    rounds = sum(_rounds(faceit, row) for row in rows)
    counted = details(total, max(rounds, 1))
    renamed = {
        "Total Damage": str(total["damage"]),
        "ADR": text(share(total["damage"], rounds)),
        "Total Matches": str(len(rows)),
        "Total Rounds with extended stats": str(rounds),
        "Total Kills with extended stats": str(total["kills"]),
    }
    return renamed | {theirs: counted[ours] for ours, theirs in _LIFETIME_NAMES.items()}


def _sums(faceit: FaceitWorld, rows: list[Row]) -> Counts:
    stats = faceit.history.maps.stats[[row.place for row in rows], [row.column for row in rows]]
    return dict(zip(STATS, stats.reshape(-1, len(STATS)).sum(axis=0).tolist(), strict=True))


def _is_win(faceit: FaceitWorld, row: Row) -> int:
    scores = faceit.history.maps.scores[row.place]
    return int(scores[row.column // 5] > scores[1 - row.column // 5])


def _rounds(faceit: FaceitWorld, row: Row) -> int:
    return int(faceit.history.maps.scores[row.place].sum())
