"""OpenAPI equals the contracts of the marts and the actual responses; the documentation loads nothing external."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import httpx
import jsonschema
import psycopg
import pytest
from psycopg.pq.abc import PGresult

from orchestration.dbt.contracts import (
    COLUMNS_FILE,
    EXPOSURES_FILE,
    FORMULAS_FILE,
    columns_module,
    contracts,
    exposures,
    formulas_module,
)
from serving.endpoints import ENDPOINTS, Endpoint
from serving.endpoints.contracts import MARTS
from tests.serving.marts import Marts

EXAMPLES = {
    "leaderboards": "/leaderboards",
    "leaderboard_entries": "/leaderboards/dota2_matches",
    "leaderboard_place": "/leaderboards/dota2_matches/players/7",
    "player": "/players/dota2/102",
    "player_win_loss": "/players/dota2/101/win-loss",
    "player_heroes": "/players/dota2/101/heroes",
    "player_maps": "/players/cs2/p-ada/maps",
    "player_matches": "/players/dota2/101/matches",
    "player_rank_progression": "/players/dota2/101/rank-progression",
    "player_form": "/players/cs2/p-ada/form",
    "player_benchmarks": "/players/dota2/101/benchmarks",
    "player_teammates": "/players/dota2/101/teammates",
    "player_opponents": "/players/cs2/p-ada/opponents",
    "player_person": "/players/dota2/101/person",
    "player_search": "/search/players?prefix=ad",
    "players_compare": "/compare/players?game=cs2&players=p-ada&players=p-bob",
    "hero_meta_trends": "/heroes/meta-trends",
    "hero_win_rates": "/heroes/win-rates",
    "hero_timeline": "/heroes/dota2/1/timeline",
    "map_win_rates": "/maps/win-rates",
    "teams": "/teams",
    "team": "/teams/cs2/t-1",
    "team_form": "/teams/dota2/1/form",
    "leagues": "/leagues",
    "league_standings": "/leagues/cs2/l-1/standings",
    "freshness": "/freshness",
}
UNKNOWN = {"players_compare": {"game": "cs2", "players": ["nobody", "no-one"]}}
"""Query parameters with an unknown subject."""
_OIDS = {
    "text": {25},
    "integer": {20, 21, 23},
    "number": {1700},
    "boolean": {16},
    "date": {1082},
    "timestamp": {1184},
}
"""Types of PostgreSQL by the type in responses."""
_NARROWED = {
    ("leaderboard_entries", "rank"),
    ("player_matches", "played_at"),
    ("player_search", "display_name"),
    ("teams", "last_played_at"),
}
"""Columns that are nullable in a mart but not in an endpoint, which excludes such rows."""


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
    schemas = []
    for methods in document["paths"].values():
        for operation in methods.values():
            for response in operation["responses"].values():
                schemas += [content["schema"] for content in response.get("content", {}).values()]
            for parameter in operation.get("parameters", []):
                schemas.append(parameter["schema"])
                assert parameter["description"]
    # All errors share one schema, so each schema is checked once.
    for schema in {str(schema): schema for schema in schemas}.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    references = re.findall(r'"\$ref": ?"([^"]+)"', str(document).replace("'", '"'))
    assert references == []


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_responses_match_their_schema(reader: httpx.Client, document: dict[str, Any], name: str) -> None:
    (endpoint,) = (endpoint for endpoint in ENDPOINTS if endpoint.name == name)
    responses = document["paths"][f"/api/v1{endpoint.path}"]["get"]["responses"]

    def check(response: httpx.Response) -> None:
        schema = responses[str(response.status_code)]["content"]["application/json"]["schema"]
        jsonschema.Draft202012Validator(schema).validate(response.json())

    found = reader.get(f"/api/v1{EXAMPLES[name]}")
    assert found.status_code == 200
    assert found.json()["data"]
    check(found)
    path, _, query = EXAMPLES[name].partition("?")
    unknown = reader.get(f"/api/v1{path}?{query}&nothing=1")
    assert unknown.status_code == 400
    check(unknown)
    assert ("404" in responses) == bool(endpoint.subject)
    if endpoint.subject:
        unknown_subject = {
            parameter.name: parameter.choices[0] if parameter.choices else "nobody"
            for parameter in endpoint.parameters
            if parameter.in_path
        }
        missing = reader.get(f"/api/v1{endpoint.path.format_map(unknown_subject)}", params=UNKNOWN.get(name))
        assert missing.status_code == 404
        check(missing)


def test_columns_equal_the_contracts_of_the_marts() -> None:
    assert COLUMNS_FILE.read_text() == columns_module(contracts()), "run `make contracts`"


def test_formulas_equal_the_dbt_macros() -> None:
    assert FORMULAS_FILE.read_text() == formulas_module(), "run `make contracts`"


def test_no_query_contains_a_formula_of_its_own() -> None:
    for path in (COLUMNS_FILE.parent / "sql").glob("*.sql"):
        assert not re.search(r"round\(|sqrt\(|1\.96|::numeric", path.read_text(), re.IGNORECASE), path.name


def test_exposures_equal_the_endpoints() -> None:
    assert EXPOSURES_FILE.read_text() == exposures(), "run `make contracts`"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_a_query_returns_the_declared_columns_in_their_types(reader_marts: Marts, endpoint: Endpoint) -> None:
    with psycopg.connect(reader_marts.database.url("serving")) as connection:
        result = run(connection, endpoint)
    found = {result.fname(place).decode(): result.ftype(place) for place in range(result.nfields)}
    declared = {*endpoint.columns, *(endpoint.pagination.keyset if endpoint.pagination is not None else ())}
    assert set(found) == {column.name for column in declared}
    for column in declared:
        assert found[column.name] in _OIDS[column.type], column.name


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_columns_of_marts_are_declared_as_in_their_contracts(reader_marts: Marts, endpoint: Endpoint) -> None:
    keyset = endpoint.pagination.keyset if endpoint.pagination is not None else ()
    declared = {column.name: column for column in (*endpoint.columns, *keyset)}
    with psycopg.connect(reader_marts.database.url("serving")) as connection:
        origins = {
            (oid, place): (mart, name)
            for oid, mart, place, name in connection.execute(
                "SELECT attrelid, attrelid::regclass::text, attnum, attname FROM pg_attribute "
                "WHERE attnum > 0 AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'marts'::regnamespace)"
            )
        }
        result = run(connection, endpoint)
    for place in range(result.nfields):
        mart, name = origins.get((result.ftable(place), result.ftablecol(place)), (None, None))
        column = declared[result.fname(place).decode()]
        if mart is None or name != column.name or (endpoint.name, name) in _NARROWED:
            continue
        contract = MARTS[mart.removeprefix("marts.")][name]
        assert column in (contract, replace(contract, nullable=True)), f"{mart}.{name}"


def run(connection: psycopg.Connection, endpoint: Endpoint) -> PGresult:
    """Run an endpoint's query with all parameters null."""
    values = dict.fromkeys(re.findall(r"%\((\w+)\)s", endpoint.sql))
    result = connection.execute(endpoint.sql, values).pgresult
    assert result is not None
    return result


def test_the_documentation_page_shows_every_endpoint_and_loads_nothing(reader: httpx.Client) -> None:
    response = reader.get("/docs")
    assert response.headers["content-type"].startswith("text/html")
    for endpoint in ENDPOINTS:
        assert f"GET /api/v1{endpoint.path}" in response.text
        for column in endpoint.columns:
            assert column.name in response.text
    assert "<script" not in response.text
    assert not re.search(r"(?:src|href)=\"(?!/)", response.text)
    assert not re.search(r"url\(|@import", response.text)


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_the_document_is_compressed_and_revalidated(reader: httpx.Client, path: str) -> None:
    first = reader.get(path, headers={"Accept-Encoding": "gzip"})
    assert (first.status_code, first.headers["content-encoding"]) == (200, "gzip")
    again = reader.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_document_describes_the_headers_for_keys(reader: httpx.Client) -> None:
    document = reader.get("/openapi.json").json()
    named = {scheme for way in document["security"] for scheme in way}
    assert named == set(document["components"]["securitySchemes"]) == {"bearer", "key"}
