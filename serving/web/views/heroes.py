"""`/heroes`: trends by window and bracket; `/heroes/{game}/{character_id}`: one hero by week."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from serving.endpoints.fields import BRACKETS as _ALL_BRACKETS
from serving.errors import UnknownSubject
from serving.web.charts import Point, band_chart, bar_chart, day_range_of
from serving.web.declaration import Values
from serving.web.endpoint_reader import EndpointReader, Record
from serving.web.formatting import bounds, count, percent

__all__ = ["BRACKETS", "SORTS", "hero", "heroes"]

_GAME = "dota2"
"""The only game with trends of characters."""
BRACKETS = tuple(name for name in _ALL_BRACKETS if not name.startswith("level_"))
SORTS: dict[str, Callable[[Record], Any]] = {
    "change": lambda row: row["win_rate_change"],
    "win_rate": lambda row: row["win_rate"],
    "pick_rate": lambda row: row["pick_rate"],
    "matches": lambda row: row["matches"],
}
_WEEK = timedelta(days=7)
_HALF_WEEK = timedelta(days=4)


async def heroes(reader: EndpointReader, values: Values) -> dict[str, Any]:
    """All heroes of a window and bracket in the requested order; missing values last."""
    parameters = {"game": _GAME, "window_days": values["window_days"], "rank_bracket": values["rank_bracket"]}
    rows = list((await reader.read("hero_meta_trends", parameters)).rows)
    key = SORTS[str(values["sort"])]
    rows.sort(key=lambda row: (key(row) is not None, key(row) or 0), reverse=True)
    return {"rows": rows, "game": _GAME, "brackets": ("all", *BRACKETS)}


async def hero(reader: EndpointReader, values: Values) -> dict[str, Any]:
    """One hero's win rate and picks by week."""
    found = await reader.gather(
        weeks=reader.read("hero_timeline", values),
        all=reader.read("hero_win_rates", {"game": values["game"]}),
    )
    selected = next((row for row in found["all"].rows if row["character_id"] == values["character_id"]), None)
    if selected is None:
        raise UnknownSubject("hero")
    weeks = found["weeks"].rows
    rates = [_rate(row) for row in weeks if row["win_rate"] is not None]
    picks = [Point(_week(row), row["picks"], f"{_label(row)}: {count(row['picks'])} picks") for row in weeks]
    day_range = day_range_of([picks])
    return {
        "hero": selected,
        "brackets": BRACKETS,
        "weeks": weeks,
        "rates": band_chart(rates, day_range) if day_range and rates else None,
        "picks": bar_chart(picks, (day_range[0] - _HALF_WEEK, day_range[1] + _HALF_WEEK), _WEEK) if day_range else None,
    }


def _rate(row: Record) -> Point:
    interval = bounds(row["win_rate_low"], row["win_rate_high"])
    label = f"{_label(row)}: {percent(row['win_rate'])} ({interval}), {count(row['matches'])} matches"
    return Point(_week(row), row["win_rate"], label, row["win_rate_low"], row["win_rate_high"])


def _week(row: Record) -> date:
    return date.fromisoformat(row["week_start_date"])


def _label(row: Record) -> str:
    monday = _week(row)
    return f"{monday.day} {monday:%b}"
