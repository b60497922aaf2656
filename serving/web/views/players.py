"""One player: profile, results, heroes or maps, other players, matches; form and ranks of the person in all games."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from serving.web import ranks
from serving.web.charts import Chart, DayRange, Point, day_range_of, step_chart
from serving.web.declaration import Values
from serving.web.endpoint_reader import EndpointReader, Record
from serving.web.formatting import count

__all__ = ["matches", "player"]

_RECENT_MATCHES = 20
_MAX_OTHERS = 8
_MAX_IDENTITIES = 8
"""Only the first accounts of a person are shown."""
_OBSERVATIONS_PER_PAGE = 2000
_GAMES_WITH_HEROES = ("dota2",)


@dataclass(frozen=True, slots=True)
class Ladder:
    """A player's rank on a ladder over time.

    Args:
        name: name of the ladder.
        player: the player.
        rows: observations, the oldest first.
        chart: chart of the observations; None for a single day.
    """

    name: str
    player: Record
    rows: Sequence[Record]
    chart: Chart | None


async def player(reader: EndpointReader, values: Values) -> dict[str, Any]:
    """All data of one player, and rank and form of the person's other players."""
    player_key = {"game": values["game"], "player_id": values["player_id"]}
    split_endpoint = "player_heroes" if values["game"] in _GAMES_WITH_HEROES else "player_maps"
    found = await reader.gather(
        player=reader.read("player", player_key),
        results=reader.read("player_win_loss", player_key),
        person=reader.read("player_person", player_key),
        split=reader.read(split_endpoint, player_key),
        benchmarks=reader.read("player_benchmarks", player_key),
        teammates=reader.read("player_teammates", player_key, limit=_MAX_OTHERS),
        opponents=reader.read("player_opponents", player_key, limit=_MAX_OTHERS),
        recent=reader.read("player_matches", player_key, limit=_RECENT_MATCHES),
    )
    selected = found["player"].row
    # Accounts without an ingested match or profile have no page.
    identities = [row for row in found["person"].rows if row["is_tracked"] is not None][:_MAX_IDENTITIES]
    if not any((row["game"], row["player_id"]) == (selected["game"], selected["player_id"]) for row in identities):
        identities.insert(0, selected)
    return {
        "player": selected,
        "identities": identities,
        "period_results": found["results"].rows,
        "ladders": await _ladders(reader, identities),
        "forms": await _forms(reader, identities),
        "with_heroes": values["game"] in _GAMES_WITH_HEROES,
        "split": found["split"].rows,
        "benchmarks": found["benchmarks"].rows,
        "others": {"teammates": found["teammates"].rows, "opponents": found["opponents"].rows},
        "recent": found["recent"].rows,
        "has_more_matches": found["recent"].next_cursor is not None,
    }


async def matches(reader: EndpointReader, values: Values) -> dict[str, Any]:
    """A player's matches, page by page."""
    player_key = {"game": values["game"], "player_id": values["player_id"]}
    found = await reader.gather(
        player=reader.read("player", player_key),
        matches=reader.read("player_matches", player_key, cursor=values["cursor"]),
    )
    return {
        "player": found["player"].row,
        "with_heroes": values["game"] in _GAMES_WITH_HEROES,
        "rows": found["matches"].rows,
        "next_cursor": found["matches"].next_cursor,
    }


async def _ladders(reader: EndpointReader, identities: Sequence[Record]) -> list[Ladder]:
    """All ladders of a person; their charts share one range of days."""
    found = [await _progression(reader, identity) for identity in identities]
    drawn: list[tuple[Record, str, list[Record], list[Point]]] = []
    for identity, progression in zip(identities, found, strict=True):
        by_ladder: dict[str, list[Record]] = defaultdict(list)
        for row in progression:
            by_ladder[row["ladder"]].append(row)
        drawn += [(identity, name, rows, _points(name, rows)) for name, rows in by_ladder.items()]
    day_range = day_range_of([points for *_, points in drawn])
    return [Ladder(name, identity, rows, _chart(name, points, day_range)) for identity, name, rows, points in drawn]


async def _progression(reader: EndpointReader, identity: Record) -> list[Record]:
    """All rank observations of a player, by ladder."""
    rows: list[Record] = []
    cursor = None
    while True:
        found = await reader.read(
            "player_rank_progression", _player_key(identity), limit=_OBSERVATIONS_PER_PAGE, cursor=cursor
        )
        rows += found.rows
        cursor = found.next_cursor
        if cursor is None:
            return rows


def _chart(ladder: str, points: Sequence[Point], day_range: DayRange | None) -> Chart | None:
    if day_range is None or len(points) < 2:
        return None
    return step_chart(points, day_range, ranks.axis_labels(ladder, [point.value for point in points]))


def _player_key(row: Record) -> dict[str, str]:
    return {"game": row["game"], "player_id": row["player_id"]}


def _points(ladder: str, rows: Sequence[Record]) -> list[Point]:
    """Points of a ladder's chart; a day without a rank ends the previous value."""
    points: list[Point] = []
    for row in rows:
        day = date.fromisoformat(row["observed_date"])
        if row["rank_value"] is None:
            if points and points[-1].until is None:
                points[-1] = replace(points[-1], until=day)
            continue
        name = row["rank_name"] or ""
        value = count(row["rank_value"])
        label = name if ladder == "dota2_rank_tier" and name else f"{value} ({name})" if name else value
        points.append(Point(day, ranks.scale_position(ladder, row["rank_value"]), f"{day.day} {day:%b %Y}: {label}"))
    return points


async def _forms(reader: EndpointReader, identities: Sequence[Record]) -> list[dict[str, Any]]:
    """Newest counted matches and rating trend of each player of a person."""
    forms = []
    for row in identities:
        found = await reader.gather(
            form=reader.read("player_form", _player_key(row)),
            recent=reader.read("player_matches", {**_player_key(row), "significant": True}, limit=_RECENT_MATCHES),
        )
        known = [match for match in found["recent"].rows if match["is_win"] is not None or match["is_draw"]]
        forms.append({"player": row, "form": found["form"].row, "recent": known[::-1]})
    return forms
