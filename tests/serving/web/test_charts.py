"""Charts keep all elements within the plot and in order, with few enough labels for a phone."""

from __future__ import annotations

import re
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from serving.web import ranks
from serving.web.charts import Chart, Point, band_chart, bar_chart, day_range_of, step_chart
from serving.web.formatting import age, change, duration, percent, score, signed

DAYS = st.dates(date(2011, 1, 1), date(2035, 1, 1))


@st.composite
def points(draw: st.DrawFn) -> list[Point]:
    """Points on at least two days, in order."""
    known = sorted(draw(st.sets(DAYS, min_size=2, max_size=300)))
    values = draw(st.lists(st.integers(0, 14_000), min_size=len(known), max_size=len(known)))
    return [Point(day, value, str(value)) for day, value in zip(known, values, strict=True)]


def check(chart: Chart) -> None:
    """All elements are within the plot."""
    drawn = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", chart.line + chart.band)]
    assert all(0 <= number <= 100 for number in drawn)
    assert [tick.at for tick in chart.x_ticks] == sorted(tick.at for tick in chart.x_ticks)
    assert all(0 <= tick.at <= 100 for tick in (*chart.x_ticks, *chart.y_ticks))
    assert len({tick.label for tick in chart.y_ticks}) == len(chart.y_ticks)
    assert 2 <= len(chart.y_ticks) <= 8
    assert len(chart.x_ticks) <= 7
    assert all(0 <= mark.x <= 100 and 0 <= mark.y <= 100 for mark in chart.marks)
    # The areas of the marks cover the plot.
    assert chart.marks[0].left == 0
    assert abs(sum(mark.width for mark in chart.marks) - 100) < 2
    assert len(chart.marks) <= 121


@given(points())
def test_a_step_chart_stays_in_its_plot_from_first_to_last_value(known: list[Point]) -> None:
    day_range = day_range_of([known])
    assert day_range is not None
    chart = step_chart(known, day_range)
    check(chart)
    assert chart.line.startswith("M0,")
    assert chart.line.endswith("H100")
    assert (chart.marks[0].label, chart.marks[-1].label) == (known[0].label, known[-1].label)


def test_a_line_is_broken_where_a_value_ends() -> None:
    first = date(2026, 1, 1)
    known = [
        Point(first, 1, "one", until=first + timedelta(days=2)),
        Point(first + timedelta(days=5), 2, "two", until=first + timedelta(days=10)),
    ]
    day_range = day_range_of([known])
    assert day_range == (first, first + timedelta(days=10))
    chart = step_chart(known, day_range)
    assert chart.line == "M0,100H20M50,0H100"
    check(chart)


@given(points())
def test_a_higher_value_is_never_drawn_lower(known: list[Point]) -> None:
    day_range = day_range_of([known])
    assert day_range is not None
    positions = {mark.label: mark.y for mark in step_chart(known, day_range).marks}
    by_value = sorted(positions, key=int)
    assert [positions[label] for label in by_value] == sorted(positions.values(), reverse=True)


@given(points(), st.floats(0, 0.2))
def test_a_band_encloses_its_line(known: list[Point], reach: float) -> None:
    rates = [
        Point(point.day, point.value / 14_000, point.label, max(0.0, point.value / 14_000 - reach), 1.0)
        for point in known
    ]
    day_range = day_range_of([rates])
    assert day_range is not None
    check(band_chart(rates, day_range))


@given(points())
def test_bars_start_at_the_bottom(known: list[Point]) -> None:
    week = timedelta(days=7)
    chart = bar_chart(known, (known[0].day - week, known[-1].day + week), week)
    check(chart)
    assert chart.y_ticks[0].at == 100
    assert all(bar.x >= 0 and bar.x + bar.width <= 100.01 for bar in chart.bars)


@given(st.lists(st.tuples(st.integers(1, 7), st.integers(1, 5)), min_size=1, max_size=20))
def test_medals_keep_their_order_and_labels_enclose_them(found: list[tuple[int, int]]) -> None:
    values = sorted(medal * 10 + star for medal, star in found)
    positions = [ranks.scale_position("dota2_rank_tier", value) for value in values]
    assert positions == sorted(positions)
    assert len(set(positions)) == len(set(values))
    axis_labels = ranks.axis_labels("dota2_rank_tier", positions)
    assert len(axis_labels) >= 2
    assert axis_labels[0][0] <= positions[0]
    assert positions[-1] <= axis_labels[-1][0]


def test_the_highest_medal_has_a_position_and_a_label() -> None:
    assert ranks.scale_position("dota2_rank_tier", 80) == ranks.scale_position("dota2_rank_tier", 75) + 1
    assert ranks.axis_labels("dota2_rank_tier", [40]) == [(35.0, "Divine"), (40.0, "Immortal")]
    assert ranks.axis_labels("faceit_elo", [1000]) == []
    assert ranks.scale_position("faceit_elo", 1000) == 1000


def test_a_single_day_has_no_chart() -> None:
    point = Point(date(2026, 1, 1), 1, "")
    assert day_range_of([[point], [point], []]) is None
    assert day_range_of([]) is None


def test_values_are_formatted_for_people() -> None:
    assert (percent(0.5), percent(None), percent(1, 0)) == ("50.0%", "\N{EN DASH}", "100%")
    assert (change(0.1234), change(-0.05), change(-0.0001), change(0.0), change(None)) == (
        "+12.3",
        "\N{MINUS SIGN}5.0",
        "0.0",
        "0.0",
        "\N{EN DASH}",
    )
    assert (score(1413, "cs2_elo"), score(0.51234, "dota2_win_rate")) == ("1,413", "51.2%")
    assert (signed(12), signed(-1234.5, 1)) == ("+12", "\N{MINUS SIGN}1,234.5")
    assert (duration(59), duration(60), duration(7200), duration(86400 * 3)) == (
        "less than a minute",
        "1 minute",
        "2 hours",
        "3 days",
    )
    assert age(None) == "\N{EN DASH}"


def test_a_rank_score_is_shown_as_the_name_of_the_medal() -> None:
    ranks = (80.9995, 80.0, 75.0, 11.0, 0.0)
    assert [score(rank, "dota2_rank") for rank in ranks] == ["Immortal", "Immortal", "Divine 5", "Herald 1", "0"]
    assert score(None, "dota2_rank") == "\N{EN DASH}"
