"""Charts as numbers: where lines, bands, marks and labels go, in percent of the plot, so that any width fits.

A template draws them as SVG: what must stretch lies in a box of 100 x 100 whose strokes keep their width, labels and
dots lie beside it at percentages, and so stay round and readable from 320 px on without a script.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

__all__ = ["Bar", "Chart", "Days", "Mark", "Point", "Tick", "band_chart", "bar_chart", "days", "step_chart"]

_Y_TICKS = 4
_X_TICKS = 5
_MARKS = 120
"""More would lie closer than a finger or a pointer can tell apart."""
_DAY_STEPS = (1, 2, 7, 14)
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60)
Anchor = Literal["start", "middle", "end"]
Days = tuple[date, date]
"""The first and the last of an axis."""


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a day.

    Args:
        day: where it is in time.
        value: how high it is.
        label: what it says in words.
        low: lower end of its interval; where there is one.
        high: upper end of its interval.
        until: the day on which it ended with nothing in its place; none where the next value follows.
    """

    day: date
    value: float
    label: str
    low: float = 0.0
    high: float = 0.0
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis, in percent from the left or the top."""

    at: float
    label: str
    anchor: Anchor = "middle"


@dataclass(frozen=True, slots=True)
class Mark:
    """A value that says what it is when it is pointed at.

    Args:
        x: in percent from the left.
        y: in percent from the top.
        left: where the area begins that belongs to it.
        width: of this area.
        label: what it says.
    """

    x: float
    y: float
    left: float
    width: float
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar that stands on the bottom, in percent of the plot."""

    x: float
    width: float
    top: float

    @property
    def height(self) -> float:
        """From its top to the bottom."""
        return 100 - self.top


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart over time.

    Args:
        x_ticks: days.
        y_ticks: values.
        line: an SVG path in a box of 100 x 100; empty without a line.
        band: the same, closed: the interval around the line.
        bars: instead of a line.
        marks: values by themselves.
    """

    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    marks: Sequence[Mark]
    line: str = ""
    band: str = ""
    bars: Sequence[Bar] = ()


def days(points: Sequence[Sequence[Point]]) -> Days | None:
    """First and last day of several charts, so that they share an axis; None with less than two days."""
    found = [day for series in points for point in series for day in (point.day, point.until) if day is not None]
    if not found or min(found) == max(found):
        return None
    return min(found), max(found)


def step_chart(points: Sequence[Point], over: Days, ticks: Sequence[tuple[float, str]] = ()) -> Chart:
    """A value that holds until the next one, or until it ends, as ranks do: there the line is broken.

    Args:
        points: in order of their days.
        over: what the axis spans.
        ticks: values to label; round numbers by default.
    """
    ticks = ticks or _numbers([point.value for point in points])
    up = _scale([point.value for point in points] + [value for value, _ in ticks])
    across = _across(over)
    line = f"M{across(points[0].day):g},{up(points[0].value):g}"
    for before, point in pairwise(points):
        if before.until is not None:
            line += f"H{across(before.until):g}M{across(point.day):g},{up(point.value):g}"
        elif point.value != before.value:
            line += f"H{across(point.day):g}V{up(point.value):g}"
    line += f"H{across(points[-1].until or points[-1].day):g}"
    return Chart(_dates(over), _labels(ticks, up), _marks(points, across, up), line=line)


def band_chart(points: Sequence[Point], over: Days) -> Chart:
    """A rate with its interval; the axis shows the half too.

    Args:
        points: in order of their days.
        over: what the axis spans.
    """
    values = [0.5, *(edge for point in points for edge in (point.low, point.value, point.high))]
    ticks = [(value / 100, f"{label}%") for value, label in _numbers([value * 100 for value in values])]
    up = _scale([*values, *(value for value, _ in ticks)])
    across = _across(over)
    line = "M" + "L".join(f"{across(point.day):g},{up(point.value):g}" for point in points)
    upper = [f"{across(point.day):g},{up(point.high):g}" for point in points]
    lower = [f"{across(point.day):g},{up(point.low):g}" for point in reversed(points)]
    band = f"M{'L'.join(upper + lower)}Z"
    return Chart(_dates(over), _labels(ticks, up), _marks(points, across, up), line=line, band=band)


def bar_chart(points: Sequence[Point], over: Days, every: timedelta) -> Chart:
    """Counts of equal spans of time.

    Args:
        points: in order of their days.
        over: what the axis spans.
        every: the span.
    """
    ticks = _numbers([0, *(point.value for point in points)])
    up = _scale([0, *(value for value, _ in ticks), *(point.value for point in points)])
    across = _across(over)
    width = 0.7 * 100 * every.days / max(1, (over[1] - over[0]).days)
    bars = [Bar(round(across(point.day) - width / 2, 3), round(width, 3), up(point.value)) for point in points]
    return Chart(_dates(over), _labels(ticks, up), _marks(points, across, up), bars=bars)


def _scale(values: Sequence[float]) -> Callable[[float], float]:
    """From a value to percent from the top."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 1, high + 1
    return lambda value: round(100 * (high - value) / (high - low), 2)


def _across(over: Days) -> Callable[[date], float]:
    length = max(1, (over[1] - over[0]).days)
    return lambda day: round(100 * (day - over[0]).days / length, 2)


def _marks(points: Sequence[Point], across: Callable[[date], float], up: Callable[[float], float]) -> list[Mark]:
    step = max(1, math.ceil(len(points) / _MARKS))
    shown = [*points[: -1 if step > 1 else None : step], *(points[-1:] if step > 1 else ())]
    places = [across(point.day) for point in shown]
    borders = [0.0, *((one + other) / 2 for one, other in pairwise(places)), 100.0]
    return [
        Mark(x, up(point.value), round(left, 2), round(right - left, 2), point.label)
        for point, x, (left, right) in zip(shown, places, pairwise(borders), strict=True)
    ]


def _labels(ticks: Sequence[tuple[float, str]], up: Callable[[float], float]) -> list[Tick]:
    return [Tick(up(value), label) for value, label in ticks]


def _numbers(values: Sequence[float]) -> list[tuple[float, str]]:
    """Round whole numbers that enclose the values, few enough to be read."""
    low, high = min(values), max(values)
    rough = max((high - low) / _Y_TICKS, 1)
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * size for size in (1, 2, 5, 10) if power * size >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [(place * step, f"{place * step:,}") for place in range(first, max(last, first + 1) + 1)]


def _dates(over: Days) -> list[Tick]:
    """Days to label: Mondays or firsts of months, few enough for a phone."""
    across = _across(over)
    ticks = []
    for day, label in _calendar(over):
        at = across(day)
        anchor: Anchor = "start" if at < 6 else "end" if at > 94 else "middle"
        ticks.append(Tick(at, label, anchor))
    return ticks


def _calendar(over: Days) -> Iterator[tuple[date, str]]:
    first, last = over
    length = (last - first).days
    step = next((step for step in _DAY_STEPS if length / step <= _X_TICKS), None)
    if step is not None:
        day = first if step < 7 else first + timedelta(days=-first.weekday() % 7)
        while day <= last:
            yield day, f"{day.day} {day:%b}"
            day += timedelta(days=step)
        return
    months = next((months for months in _MONTH_STEPS if length / (30.4 * months) <= _X_TICKS), _MONTH_STEPS[-1])
    month = first.year * 12 + first.month - 1
    month += -month % months
    while (day := date(month // 12, month % 12 + 1, 1)) <= last:
        if day >= first:
            yield day, f"{day:%Y}" if months >= 12 else f"{day:%b %Y}" if day.month <= months else f"{day:%b}"
        month += months
