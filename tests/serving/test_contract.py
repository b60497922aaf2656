"""What OpenAPI promises is what is answered, and the documentation needs nobody else."""

from __future__ import annotations

import re
from typing import Any

import httpx
import jsonschema
import pytest

from serving.endpoints import ENDPOINTS

EXAMPLES = {
    "leaderboards": "/leaderboards",
    "leaderboard_entries": "/leaderboards/dota2_matches",
    "player": "/players/dota2/102",
    "player_win_loss": "/players/dota2/101/win-loss",
    "player_heroes": "/players/dota2/101/heroes",
    "player_matches": "/players/dota2/101/matches",
    "player_rank_progression": "/players/dota2/101/rank-progression",
    "hero_meta_trends": "/heroes/meta-trends",
    "hero_win_rates": "/heroes/win-rates",
}


@pytest.fixture(scope="module")
def document(reader: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = reader.get("/openapi.json").json()
    return found


def test_every_declared_endpoint_is_documented_once(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    operations = {
        operation["operationId"]: path for path, methods in document["paths"].items() for operation in methods.values()
    }
    for endpoint in ENDPOINTS:
        assert operations[endpoint.name] == f"/api/v1{endpoint.path}"
    assert set(EXAMPLES) == {endpoint.name for endpoint in ENDPOINTS}


def test_schemas_are_valid_and_complete(document: dict[str, Any]) -> None:
    for methods in document["paths"].values():
        for operation in methods.values():
            for answer in operation["responses"].values():
                for content in answer.get("content", {}).values():
                    jsonschema.Draft202012Validator.check_schema(content["schema"])
            for parameter in operation.get("parameters", []):
                jsonschema.Draft202012Validator.check_schema(parameter["schema"])
                assert parameter["description"]
    references = re.findall(r'"\$ref": ?"([^"]+)"', str(document).replace("'", '"'))
    assert references == []


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_answers_fit_their_schema(reader: httpx.Client, document: dict[str, Any], name: str) -> None:
    (endpoint,) = (endpoint for endpoint in ENDPOINTS if endpoint.name == name)
    responses = document["paths"][f"/api/v1{endpoint.path}"]["get"]["responses"]

    def check(answer: httpx.Response) -> None:
        schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
        jsonschema.Draft202012Validator(schema).validate(answer.json())

    found = reader.get(f"/api/v1{EXAMPLES[name]}")
    assert found.status_code == 200
    assert found.json()["data"]
    check(found)
    check(reader.get(f"/api/v1{EXAMPLES[name]}?nothing=1"))
    if "404" in responses:
        check(reader.get(f"/api/v1{EXAMPLES[name].replace('dota2/10', 'dota2/90').replace('_matches', '_none')}"))


def test_the_documentation_page_shows_every_endpoint_and_loads_nothing(reader: httpx.Client) -> None:
    answer = reader.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    for endpoint in ENDPOINTS:
        assert f"GET /api/v1{endpoint.path}" in answer.text
        for column in endpoint.columns:
            assert column.name in answer.text
    assert "<script" not in answer.text
    assert not re.search(r"(?:src|href)=\"(?!/)", answer.text)
    assert not re.search(r"url\(|@import", answer.text)
