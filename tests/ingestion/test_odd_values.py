"""Any JSON value in any field of any response: a row is lost only for its key or its result; odd fields are counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.sources.faceit.source import SOURCE as FACEIT
from ingestion.sources.opendota.source import SOURCE as OPENDOTA
from tests.unexpected_values import (
    MISSING,
    SAMPLE_RESPONSES,
    SampleResponse,
    unexpected_effects,
    unexpected_values,
    value_paths,
)

_RECORDED = {
    "opendota/players/101695162.json": ("player", {"account_id": 101695162}),
    "opendota/players/101695162/ratings.json": ("player_ratings", {"account_id": 101695162}),
    "opendota/players/101695162/heroes.json": ("player_heroes", {"account_id": 101695162}),
    "opendota/matches/1781962623.json": ("match", {"match_id": 1781962623}),
    "opendota/proMatches.json": ("pro_matches", {}),
    "opendota/publicMatches.json": ("public_matches", {}),
    "opendota/heroStats.json": ("hero_stats", {}),
}

#: Odd values that sources are known to send, in place of any field.
_FREQUENT: list[Any] = [
    *(MISSING, None, "", "seven", "null", "faction1", "\x00", "cut \ud83d"),
    *(True, 2.5, -1, 0, 10**30, float("nan"), [], {}, [1], {"a": 1}),
]


@pytest.mark.parametrize("answer", SAMPLE_RESPONSES, ids=str)
@settings(max_examples=60, deadline=None)
@given(number=st.integers(0, 10_000), value=unexpected_values)
def test_one_odd_value_loses_no_row_but_its_own_and_is_counted(answer: SampleResponse, number: int, value: Any) -> None:
    found = list(value_paths(answer.body))
    assert unexpected_effects(answer, found[number % len(found)], value) == []


@pytest.mark.parametrize("answer", SAMPLE_RESPONSES, ids=str)
def test_each_frequent_odd_value_in_each_field_loses_no_row_but_its_own(answer: SampleResponse) -> None:
    effects = [
        (path, value, found)
        for path in value_paths(answer.body)
        for value in _FREQUENT
        if (found := unexpected_effects(answer, path, value))
    ]
    assert effects == []


@pytest.mark.parametrize("file", _RECORDED)
@settings(max_examples=10, deadline=None)
@given(number=st.integers(0, 10_000_000), value=unexpected_values)
def test_one_odd_value_in_a_recorded_response_loses_no_row_but_its_own(
    recorded: Path, file: str, number: int, value: Any
) -> None:
    endpoint, params = _RECORDED[file]
    body: Any = json.loads((recorded / file).read_bytes())
    answer = SampleResponse(OPENDOTA if file.startswith("opendota") else FACEIT, endpoint, body, params)
    found = list(value_paths(body))
    assert unexpected_effects(answer, found[number % len(found)], value) == []
