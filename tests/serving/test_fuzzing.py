"""Responses to valid and invalid requests match the OpenAPI document: status, content type, headers and body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.schemas import APIOperation

KNOWN: dict[tuple[str, ...], dict[str, str]] = {
    ("board",): {"board": "dota2_matches"},
    ("board", "player_id"): {"board": "dota2_matches", "player_id": "7"},
    ("game", "player_id"): {"game": "cs2", "player_id": "p-ada"},
    ("game", "character_id"): {"game": "dota2", "character_id": "1"},
    ("game", "team_id"): {"game": "cs2", "team_id": "t-1"},
    ("game", "league_id"): {"game": "cs2", "league_id": "l-1"},
}
"""Existing subjects by the names of their path parameters; random ones never exist."""


@pytest.mark.parametrize(
    ("examples", "at_least"),
    [
        pytest.param(8, 300, id="short"),
        pytest.param(250, 10_000, id="long", marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
    ],
)
def test_every_response_is_one_that_the_document_describes(reader: httpx.Client, examples: int, at_least: int) -> None:
    load_all_checks()
    (acceptance,) = CHECKS.get_by_names(["positive_data_acceptance"])
    rejection_statuses = {"checks": {"negative_data_rejection": {"expected-statuses": [400, 404, 414, 422, 431]}}}
    config = schemathesis.Config.from_dict(rejection_statuses)
    schema = schemathesis.openapi.from_url(f"{reader.base_url}/openapi.json", config=config)
    sent = 0
    with requests.Session() as session:

        def send(case: Case) -> None:
            nonlocal sent
            sent += 1
            # A well-formed cursor may still belong to another list: 400.
            excluded = [acceptance] if "cursor" in case.query else []
            case.call_and_validate(session=session, excluded_checks=excluded)

        for result in schema.get_all_operations():
            operation = result.ok()
            for mode, subject in request_kinds(operation):
                configured = settings(
                    max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
                )
                configured(given(case=operation.as_strategy(mode, path_parameters=subject))(send))()
    assert sent >= at_least


def request_kinds(operation: APIOperation) -> Iterator[tuple[GenerationMode, Mapping[str, str] | None]]:
    """Kinds of requests of an operation: valid, valid for an existing subject, and invalid."""
    in_path = tuple(parameter.name for parameter in operation.path_parameters)
    yield GenerationMode.POSITIVE, None
    if in_path:
        yield GenerationMode.POSITIVE, KNOWN[in_path]
    if in_path or list(operation.query):
        yield GenerationMode.NEGATIVE, None
