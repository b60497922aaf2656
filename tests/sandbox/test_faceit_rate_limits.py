"""FACEIT's key, its ten requests per second and its three forms of errors."""

from __future__ import annotations

import time

import httpx
import pytest

from sandbox.faceit import KEY, FaceitLimits
from sandbox.server import Sandbox, serve
from sandbox.world import World
from tests.sandbox.conftest import AUTHORIZED

_PATH = "/rankings/games/cs2/regions/EU?limit=1"


def _world() -> World:
    return World(seed=1, players=20, days=3)


def test_ten_requests_per_second_over_all_connections_with_headers_as_recorded():
    limits = FaceitLimits(per_second=10, second_s=30)
    with (
        serve(_world(), faceit_limits=limits) as sandbox,
        httpx.Client(base_url=sandbox.faceit_url, headers=AUTHORIZED) as one,
        httpx.Client(base_url=sandbox.faceit_url, headers=AUTHORIZED) as other,
    ):
        responses = [(one if number % 2 else other).get(_PATH) for number in range(11)]
    assert [response.status_code for response in responses] == [200] * 10 + [429]
    assert {response.headers["ratelimit-limit"] for response in responses} == {"10, 10;w=1"}
    assert [response.headers["ratelimit-remaining"] for response in responses] == [*map(str, range(9, -1, -1)), "0"]
    assert responses[10].json() == {"message": "API rate limit exceeded"}
    assert 1 <= int(responses[10].headers["ratelimit-reset"]) <= 30
    assert FaceitLimits.as_recorded().per_second == 10


def test_the_next_second_brings_a_new_budget():
    limits = FaceitLimits(per_second=1, second_s=0.3)
    with (
        serve(_world(), faceit_limits=limits) as sandbox,
        httpx.Client(base_url=sandbox.faceit_url, headers=AUTHORIZED) as api,
    ):
        assert [api.get(_PATH).status_code for _ in range(2)] == [200, 429]
        time.sleep(0.35)
        assert api.get(_PATH).status_code == 200


def test_a_valid_key_is_always_required(sandbox: Sandbox):
    url = f"{sandbox.faceit_url}{_PATH}"
    without, unknown = httpx.get(url), httpx.get(url, headers={"Authorization": "Bearer guess"})
    assert (without.status_code, without.json()) == (401, {"message": "Unauthorized"})
    assert (unknown.status_code, unknown.json()["code"]) == (403, "err_f0")
    assert httpx.get(url, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
    assert httpx.get(f"{url}&api_key={KEY}").status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/players/00000000-0000-4000-8000-000000000000", 404),
        ("/players?nickname=Nobody", 404),
        ("/players?game=cs2&game_player_id=1", 404),
        ("/players", 400),
        ("/matches/1-none", 404),
        ("/matches/1-none/stats", 404),
        ("/hubs/none", 404),
        ("/championships/none/matches", 404),
        ("/teams/none", 404),
        ("/rankings/games/cs2/regions/MOON", 400),
        ("/rankings/games/cs2/regions/EU?limit=101", 400),
        ("/rankings/games/cs2/regions/EU/players/none", 404),
        ("/search/players?limit=5", 400),
        ("/nothing", 404),
    ],
)
def test_unknown_entities_and_invalid_parameters_have_descriptive_errors(faceit: httpx.Client, path: str, status: int):
    response = faceit.get(path)
    assert response.status_code == status
    (described,) = response.json()["errors"]
    assert set(described) == {"message", "code", "http_status", "parameters"}
    assert described["http_status"] == status
    assert described["code"] == {400: "err_r0", 404: "err_nf0"}[status]
