"""Chart layout: positions of lines, bands, marks and labels in percent of the plot, so that charts fit any width.

A template renders them as SVG. Lines and bands are in a box of 100 x 100 that stretches with strokes of constant width;
labels and dots are positioned in percent outside the box, so they keep their shape. This works from 320 px without a
script.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

__all__ = ["Bar", "Chart", "DayRange", "Mark", "Point", "Tick", "band_chart", "bar_chart", "day_range_of", "step_chart"]

_MAX_Y_TICKS = 4
_MAX_X_TICKS = 5
_MAX_MARKS = 120
"""More marks would be too close for a finger or a pointer."""
_DAY_STEPS = (1, 2, 7, 14)
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60)
Anchor = Literal["start", "middle", "end"]
DayRange = tuple[date, date]
"""First and last day of an axis."""


@dataclass(frozen=True, slots=True)
class Point:
    """A value of one day.

    Args:
        day: the day.
        value: the value.
        label: the value as text.
        low: lower bound of its interval, if it has one.
        high: upper bound of its interval.
        until: day on which the value ended without a successor; None if the next value follows.
    """

    day: date
    value: float
    label: str
    low: float = 0.0
    high: float = 0.0
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled position on an axis, in percent from the left or the top."""

    at: float
    label: str
    anchor: Anchor = "middle"


@dataclass(frozen=True, slots=True)
class Mark:
    """A value whose label is shown when the pointer is over its area.

    Args:
        x: position in percent from the left.
        y: position in percent from the top.
        left: left edge of its area in percent.
        width: width of its area in percent.
        label: the text.
    """

    x: float
    y: float
    left: float
    width: float
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from the bottom of the plot, in percent."""

    x: float
    width: float
    top: float

    @property
    def height(self) -> float:
        """Height in percent."""
        return 100 - self.top


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart over time.

    Args:
        x_ticks: labelled days.
        y_ticks: labelled values.
        marks: single values with their labels.
        line: an SVG path in a box of 100 x 100; empty without a line.
        band: the interval around the line, as a closed path.
        bars: bars in place of a line.
    """

    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    marks: Sequence[Mark]
    line: str = ""
    band: str = ""
    bars: Sequence[Bar] = ()


def day_range_of(points: Sequence[Sequence[Point]]) -> DayRange | None:
    """First and last day of several charts that share an axis; None with fewer than two days."""
    found = [day for series in points for point in series for day in (point.day, point.until) if day is not None]
    if not found or min(found) == max(found):
        return None
    return min(found), max(found)


def step_chart(points: Sequence[Point], day_range: DayRange, ticks: Sequence[tuple[float, str]] = ()) -> Chart:
    """A chart of values that hold until the next one or until they end, such as ranks. Ended values break the line.

    Args:
        points: in order of their days.
        day_range: range of the axis.
        ticks: values to label; round numbers by default.
    """
    ticks = ticks or _round_ticks([point.value for point in points])
    y_of = _y_scale([point.value for point in points] + [value for value, _ in ticks])
    x_of = _x_scale(day_range)
    line = f"M{x_of(points[0].day):g},{y_of(points[0].value):g}"
    for before, point in pairwise(points):
        if before.until is not None:
            line += f"H{x_of(before.until):g}M{x_of(point.day):g},{y_of(point.value):g}"
        elif point.value != before.value:
            line += f"H{x_of(point.day):g}V{y_of(point.value):g}"
    line += f"H{x_of(points[-1].until or points[-1].day):g}"
    return Chart(_date_ticks(day_range), _y_labels(ticks, y_of), _marks(points, x_of, y_of), line=line)


def band_chart(points: Sequence[Point], day_range: DayRange) -> Chart:
    """A chart of rates with their intervals; the axis includes 50%.

    Args:
        points: in order of their days.
        day_range: range of the axis.
    """
    values = [0.5, *(edge for point in points for edge in (point.low, point.value, point.high))]
    ticks = [(value / 100, f"{label}%") for value, label in _round_ticks([value * 100 for value in values])]
    y_of = _y_scale([*values, *(value for value, _ in ticks)])
    x_of = _x_scale(day_range)
    line = "M" + "L".join(f"{x_of(point.day):g},{y_of(point.value):g}" for point in points)
    upper = [f"{x_of(point.day):g},{y_of(point.high):g}" for point in points]
    lower = [f"{x_of(point.day):g},{y_of(point.low):g}" for point in reversed(points)]
    band = f"M{'L'.join(upper + lower)}Z"
    return Chart(_date_ticks(day_range), _y_labels(ticks, y_of), _marks(points, x_of, y_of), line=line, band=band)


def bar_chart(points: Sequence[Point], day_range: DayRange, every: timedelta) -> Chart:
    """A chart of counts per period.

    Args:
        points: in order of their days.
        day_range: range of the axis.
        every: length of a period.
    """
    ticks = _round_ticks([0, *(point.value for point in points)])
    y_of = _y_scale([0, *(value for value, _ in ticks), *(point.value for point in points)])
    x_of = _x_scale(day_range)
    width = 0.7 * 100 * every.days / max(1, (day_range[1] - day_range[0]).days)
    bars = [Bar(round(x_of(point.day) - width / 2, 3), round(width, 3), y_of(point.value)) for point in points]
    return Chart(_date_ticks(day_range), _y_labels(ticks, y_of), _marks(points, x_of, y_of), bars=bars)


def _y_scale(values: Sequence[float]) -> Callable[[float], float]:
    """Function from a value to its position in percent from the top."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 1, high + 1
    return lambda value: round(100 * (high - value) / (high - low), 2)


def _x_scale(day_range: DayRange) -> Callable[[date], float]:
    length = max(1, (day_range[1] - day_range[0]).days)
    return lambda day: round(100 * (day - day_range[0]).days / length, 2)


def _marks(points: Sequence[Point], x_of: Callable[[date], float], y_of: Callable[[float], float]) -> list[Mark]:
    step = max(1, math.ceil(len(points) / _MAX_MARKS))
    drawn = [*points[: -1 if step > 1 else None : step], *(points[-1:] if step > 1 else ())]
    x_positions = [x_of(point.day) for point in drawn]
    boundaries = [0.0, *((one + other) / 2 for one, other in pairwise(x_positions)), 100.0]
    return [
        Mark(x, y_of(point.value), round(left, 2), round(right - left, 2), point.label)
        for point, x, (left, right) in zip(drawn, x_positions, pairwise(boundaries), strict=True)
    ]


def _y_labels(ticks: Sequence[tuple[float, str]], y_of: Callable[[float], float]) -> list[Tick]:
    return [Tick(y_of(value), label) for value, label in ticks]


def _round_ticks(values: Sequence[float]) -> list[tuple[float, str]]:
    """Round whole numbers that enclose the values, few enough to read."""
    low, high = min(values), max(values)
    min_step = max((high - low) / _MAX_Y_TICKS, 1)
    power = 10 ** math.floor(math.log10(min_step))
    step = next(power * size for size in (1, 2, 5, 10) if power * size >= min_step)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [(place * step, f"{place * step:,}") for place in range(first, max(last, first + 1) + 1)]


def _date_ticks(day_range: DayRange) -> list[Tick]:
    """Labelled days: Mondays or first days of months, few enough for a phone."""
    x_of = _x_scale(day_range)
    ticks = []
    for day, label in _calendar_days(day_range):
        at = x_of(day)
        anchor: Anchor = "start" if at < 6 else "end" if at > 94 else "middle"
        ticks.append(Tick(at, label, anchor))
    return ticks


def _calendar_days(day_range: DayRange) -> Iterator[tuple[date, str]]:
    first, last = day_range
    length = (last - first).days
    step = next((step for step in _DAY_STEPS if length / step <= _MAX_X_TICKS), None)
    if step is not None:
        day = first if step < 7 else first + timedelta(days=-first.weekday() % 7)
        while day <= last:
            yield day, f"{day.day} {day:%b}"
            day += timedelta(days=step)
        return
    months = next((months for months in _MONTH_STEPS if length / (30.4 * months) <= _MAX_X_TICKS), _MONTH_STEPS[-1])
    month = first.year * 12 + first.month - 1
    month += -month % months
    while (day := date(month // 12, month % 12 + 1, 1)) <= last:
        if day >= first:
            yield day, f"{day:%Y}" if months >= 12 else f"{day:%b %Y}" if day.month <= months else f"{day:%b}"
        month += months
