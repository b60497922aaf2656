"""A player: profile, results, form and rank over all games of the person, characters or maps, others met; matches."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

from serving.pages import ranks
from serving.pages.charts import Chart, Point, days, step_chart
from serving.pages.declaration import Values
from serving.pages.reading import Reader, Record
from serving.pages.words import count

__all__ = ["matches", "player"]

_RECENT = 20
_OTHERS = 8
_IDENTITIES = 8
"""Somebody with more accounts is shown with the first."""
_OBSERVATIONS = 2000
_WITH_HEROES = ("dota2",)


async def player(reader: Reader, values: Values) -> dict[str, Any]:
    """Everything about one player, and rank and form of the same person's other players."""
    who = {"game": values["game"], "player_id": values["player_id"]}
    of_what = "player_heroes" if values["game"] in _WITH_HEROES else "player_maps"
    found = await reader.together(
        player=reader.read("player", **who),
        results=reader.read("player_win_loss", **who),
        person=reader.read("player_person", **who),
        split=reader.read(of_what, **who),
        benchmarks=reader.read("player_benchmarks", **who),
        teammates=reader.read("player_teammates", **who, limit=_OTHERS),
        opponents=reader.read("player_opponents", **who, limit=_OTHERS),
        recent=reader.read("player_matches", **who, limit=_RECENT),
    )
    this = found["player"].row
    identities = list(found["person"].rows[:_IDENTITIES])
    if not any((row["game"], row["player_id"]) == (this["game"], this["player_id"]) for row in identities):
        identities.insert(0, this)
    return {
        "player": this,
        "identities": identities,
        "results_of": found["results"].rows,
        "ladders": await _ladders(reader, identities),
        "forms": await _forms(reader, identities),
        "with_heroes": values["game"] in _WITH_HEROES,
        "split": found["split"].rows,
        "benchmarks": found["benchmarks"].rows,
        "met": {"teammates": found["teammates"].rows, "opponents": found["opponents"].rows},
        "recent": found["recent"].rows,
        "has_more_matches": found["recent"].following is not None,
    }


async def matches(reader: Reader, values: Values) -> dict[str, Any]:
    """A player's matches, page by page."""
    who = {"game": values["game"], "player_id": values["player_id"]}
    cursor = None if values["cursor"] is None else str(values["cursor"])
    found = await reader.together(
        player=reader.read("player", **who), matches=reader.read("player_matches", **who, cursor=cursor)
    )
    return {
        "player": found["player"].row,
        "with_heroes": values["game"] in _WITH_HEROES,
        "rows": found["matches"].rows,
        "following": found["matches"].following,
    }


async def _ladders(reader: Reader, identities: list[Record]) -> list[dict[str, Any]]:
    """What is known of each ladder that the person stands on; charts share their days."""
    found = await reader.together(
        **{
            str(place): reader.read(
                "player_rank_progression", game=row["game"], player_id=row["player_id"], limit=_OBSERVATIONS
            )
            for place, row in enumerate(identities)
        }
    )
    ladders = []
    for place, identity in enumerate(identities):
        by_ladder: dict[str, list[Record]] = defaultdict(list)
        for row in found[str(place)].rows:
            if row["rank_value"] is not None:
                by_ladder[row["ladder"]].append(row)
        for name, rows in by_ladder.items():
            ladders.append({"name": name, "player": identity, "rows": rows, "points": _points(name, rows)})
    over = days([ladder["points"] for ladder in ladders])
    for ladder in ladders:
        ladder["chart"] = _chart(ladder["name"], ladder["points"], over)
    return ladders


def _chart(ladder: str, points: list[Point], over: tuple[date, date] | None) -> Chart | None:
    if over is None:
        return None
    return step_chart(points, over, ranks.names(ladder, [point.value for point in points]))


def _points(ladder: str, rows: list[Record]) -> list[Point]:
    points = []
    for row in rows:
        day = date.fromisoformat(row["observed_date"])
        name = row["rank_name"] or ""
        value = count(row["rank_value"])
        said = name if ladder == "dota2_rank_tier" and name else f"{value} ({name})" if name else value
        points.append(Point(day, ranks.height(ladder, row["rank_value"]), f"{day.day} {day:%b %Y}: {said}"))
    return points


async def _forms(reader: Reader, identities: list[Record]) -> list[dict[str, Any]]:
    """The newest matches that count, and the rating over them, of each of the person's players."""
    forms = []
    for row in identities:
        who = {"game": row["game"], "player_id": row["player_id"]}
        found = await reader.together(
            form=reader.read("player_form", **who),
            recent=reader.read("player_matches", **who, significant=True, limit=_RECENT),
        )
        known = [match for match in found["recent"].rows if match["is_win"] is not None]
        forms.append({"player": row, "form": found["form"].row, "recent": known[::-1]})
    return forms
