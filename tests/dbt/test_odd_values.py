"""No value that a source sends stops a load or a build, or removes an unrelated row."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ingestion.sources.faceit.source import SOURCE as FACEIT
from ingestion.sources.opendota.source import SOURCE as OPENDOTA
from tests.dbt import faceit_payloads
from tests.dbt.project import Project, match_details, match_row
from tests.unexpected_values import MISSING, SAMPLE_RESPONSES, value_paths, with_value
from warehouse.lake.files import Lake
from warehouse.staging.load import load_pending

_ODD: tuple[Any, ...] = (
    MISSING,
    None,
    True,
    "seven",
    "\x00",
    "cut \ud83d",
    "\U0001f600" * 3000,
    2.5,
    1e308,
    10**9,
    -(10**9),
    2**31,
    2**63,
    10**30,
    float("inf"),
    float("nan"),
    0,
    -1,
    4102444800,
    1767225600000,
    9 * 10**18,
    [],
    {"a": 1},
)
#: Fields of a history that are part of its key or decide the result.
_NEEDED = {"match_id", "player_slot", "radiant_win"}
_FIRST_ACCOUNT = 50_000
_FIRST_MATCH = 10_000_000
#: Names by slot.
_NAMES = {0: "\u5531" * 1000, 1: "x" * 1_000_000, 128: "\U0001f600" * 700}
_NO_TIMES = (0, -5, 86_400, 4102444800, 9 * 10**18, "soon")
_TIMED_ACCOUNT = 60_000
_TIMED_MATCH = 20_000_020


@pytest.fixture
def fresh(project: Project) -> Iterator[Project]:
    """The project in its initial state, restored at the end."""
    project.restore()
    yield project
    project.restore()


def _land(project: Project, numbers: random.Random, mutations: int) -> None:
    """Land pages of both sources, each with one value replaced."""
    lake = Lake(project.database.settings.lake_path)
    for _ in range(mutations):
        answer = numbers.choice(SAMPLE_RESPONSES)
        body = with_value(answer.body, numbers.choice(list(value_paths(answer.body))), numbers.choice(_ODD))
        observed_at = project.page(answer.endpoint, []).observed_at
        lake.land(answer.source, answer.endpoint, [replace(answer.page(body), observed_at=observed_at)])


def _history_mutations(numbers: random.Random, count: int) -> dict[int, tuple[str, Any]]:
    """Field of the second match of each account that is replaced, and the new value."""
    fields = sorted(match_row(1))
    return {_FIRST_ACCOUNT + n: (numbers.choice(fields), numbers.choice(_ODD)) for n in range(count)}


def _check(project: Project, seed: int, mutations: int) -> int:
    """Load and build mutated pages, check the effect of each mutation; returns the number of counted field rejects."""
    numbers = random.Random(seed)
    _land(project, numbers, mutations // 2)
    histories = _history_mutations(numbers, mutations - mutations // 2)
    lake = Lake(project.database.settings.lake_path)
    for account, (name, value) in histories.items():
        first = _FIRST_MATCH + 10 * account
        rows = [match_row(first + place) for place in range(3)]
        answer = replace(SAMPLE_RESPONSES[1], body=rows, params={"account_id": account})
        page = replace(answer.page(with_value(rows, (1, name), value)), observed_at=project.page("x", []).observed_at)
        lake.land(OPENDOTA, "player_matches", [page])
    for source in (OPENDOTA, FACEIT):
        load_pending(project.database.url("ingest"), lake, source)
    project.build()
    for account, (name, value) in histories.items():
        first = _FIRST_MATCH + 10 * account
        found = project.rows(
            "SELECT match_id, kills, is_win, played_date FROM marts_blue.fct_player_matches "
            "WHERE game = 'dota2' AND player_id = %s ORDER BY match_id",
            str(account),
        )
        kept = {row[0] for row in found}
        assert {str(first), str(first + 2)} <= kept, (name, value)
        if name not in _NEEDED:
            assert [row[0] for row in found] == [str(first + place) for place in range(3)], (name, value)
            assert {row[2] for row in found} == {True}, (name, value)
    counted = project.rows("SELECT coalesce(sum(records), 0)::bigint FROM ops.field_rejects")[0][0]
    assert not project.rows("SELECT 1 FROM ops.rejects WHERE replayed_at IS NULL AND reason = ''")
    return int(counted)


def test_no_value_stops_a_build_or_removes_an_unrelated_row(fresh: Project) -> None:
    assert _check(fresh, seed=1, mutations=160) > 0


@pytest.mark.long
def test_2000_odd_values_in_20_builds_remove_no_unrelated_row(fresh: Project) -> None:
    counted = 0
    for seed in range(20):
        fresh.restore()
        counted += _check(fresh, seed=100 + seed, mutations=100)
    assert counted > 200


@pytest.fixture(scope="module")
def at_the_limits(project: Project) -> Iterator[Project]:
    """The project, built once with texts and numbers at their limits and with impossible times."""
    project.restore()
    _load_texts_and_numbers(project)
    _load_times(project)
    project.build()
    yield project
    project.restore()


def _load_texts_and_numbers(project: Project) -> None:
    details = match_details(_FIRST_MATCH, {slot: _FIRST_ACCOUNT + slot for slot in _NAMES})
    for player in details["players"]:
        player |= {"personaname": _NAMES[player["player_slot"]], "kills": 10**9}
        player |= {"hero_damage": 10**9, "hero_id": 10**9}
    profile = {"account_id": 7, "personaname": _NAMES[0]}
    project.load(
        project.details(details),
        project.page("player", {"profile": profile, "rank_tier": 10**9}, account_id=7),
        project.page("constants", {"y" * 300: {"name": "y" * 9000}}, resource="heroes"),
    )
    series = faceit_payloads.history(70, competition_id="c" * 9000, competition_name="c" * 9000)
    for team in series["teams"].values():
        team["nickname"] = "n" * 9000
        team["players"][0]["game_player_id"] = "z" * 9000
    statistics = faceit_payloads.match_statistics(70)
    statistics["rounds"][0]["round_stats"]["Map"] = "de_" + "m" * 9000
    project.load(
        project.page("player_history", {"items": [series]}, player_id="p1", game="cs2"),
        project.page("match_stats", statistics, match_id="f70"),
        source=FACEIT,
    )


def _load_times(project: Project) -> None:
    history = [match_row(_TIMED_MATCH + place, start_time=value) for place, value in enumerate(_NO_TIMES)]
    project.load(
        project.history(_TIMED_ACCOUNT, *history, match_row(_TIMED_MATCH + 9, start_time=1767225600123)),
        project.details(match_details(_TIMED_MATCH, {0: _TIMED_ACCOUNT})),
    )


def test_texts_and_numbers_at_their_limits_are_built_and_indexed(at_the_limits: Project) -> None:
    shown = at_the_limits.rows(
        "SELECT player_id, length(display_name) FROM marts_blue.dim_players WHERE player_id = ANY(%s) ORDER BY 1",
        [str(_FIRST_ACCOUNT + slot) for slot in _NAMES],
    )
    assert shown == [("50000", 1000), ("50001", 1_000_000), ("50128", 700)]
    maps = "SELECT length(map_id) FROM marts_blue.fct_faceit_player_maps WHERE series_id = 'f70'"
    assert at_the_limits.rows(maps) == [(100,)] * 4
    numbers = "SELECT kills, hero_damage FROM marts_blue.fct_player_matches WHERE player_id = '50000'"
    assert at_the_limits.rows(numbers) == [(10**9, 10**9)]


def test_an_impossible_time_moves_no_window_and_is_taken_from_the_details(at_the_limits: Project) -> None:
    as_of_date = "SELECT as_of_date FROM prep.int_as_of_date_{}"
    # Green was not built again.
    assert at_the_limits.rows(as_of_date.format("blue")) == at_the_limits.rows(as_of_date.format("green"))
    account = str(_TIMED_ACCOUNT)
    assert at_the_limits.rows(
        "SELECT match_id, played_date FROM marts_blue.fct_player_matches WHERE player_id = %s ORDER BY 1", account
    ) == [
        (str(_TIMED_MATCH), date(2026, 2, 10)),
        *((str(_TIMED_MATCH + place), None) for place in range(1, len(_NO_TIMES))),
        (str(_TIMED_MATCH + 9), date(2026, 1, 1)),
    ]
    assert at_the_limits.rows(
        "SELECT period, matches FROM marts_blue.player_win_rates WHERE player_id = %s ORDER BY 1", account
    ) == [("30d", 1), ("7d", 0), ("all", 7)]
    assert at_the_limits.rows(
        "SELECT count(*), count(start_time) FROM staging_opendota.player_matches WHERE account_id = %s", _TIMED_ACCOUNT
    ) == [(7, 1)]
    assert at_the_limits.rows(
        "SELECT sum(records)::bigint FROM ops.field_rejects WHERE field_path = '$.start_time'"
    ) == [(6,)]
