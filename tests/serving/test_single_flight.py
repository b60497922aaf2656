"""However many ask for the same at once, PostgreSQL is asked once."""

from __future__ import annotations

import time

import httpx
import redis

from serving import keys
from serving.generations import Published
from tests.serving.clients import count, get_together, queries
from tests.serving.conftest import api_of, redis_url
from tests.serving.marts import Marts
from warehouse.database import connect
from warehouse.publish import current_generation

PLAYER = "/api/v1/players/dota2/101"


def test_400_cold_requests_over_two_processes_are_one_query(marts: Marts) -> None:
    before = marts.reads("dim_players")
    with api_of(marts.database) as one, api_of(marts.database) as other:
        answers = get_together([base + PLAYER for base in (one, other) for _ in range(200)])
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert queries(one) + queries(other) == 1
        assert count(one, "ladder_flight_waits_total") + count(other, "ladder_flight_waits_total") > 0
    # PostgreSQL's own count, complete once the processes have left.
    assert marts.reads("dim_players") == before + 1


def test_workers_of_one_server_share_flights_and_counts(marts: Marts) -> None:
    with api_of(marts.database, workers=2) as base:
        answers = get_together([base + PLAYER] * 100)
        assert {answer.status_code for answer in answers} == {200}
        assert queries(base) == 1
        assert count(base, 'ladder_requests_total{endpoint="player",status="200"}') == 100


def test_a_holder_that_died_delays_nobody_beyond_a_bound(marts: Marts) -> None:
    with connect(marts.database.url("serving")) as connection:
        generation = current_generation(connection)
    assert generation is not None
    key = f"ladder:{keys.schema()}:{Published.of(generation).token}:dim_players:/players/dota2/101"
    with redis.Redis.from_url(redis_url(marts.database)) as cache, api_of(marts.database) as base:
        cache.set(keys.lock_key(key), "dead", ex=60)
        began = time.monotonic()
        assert httpx.get(base + PLAYER).status_code == 200
        assert 1 < time.monotonic() - began < 4
        assert cache.get(keys.lock_key(key)) == b"dead"


def test_different_requests_do_not_wait_for_each_other(marts: Marts) -> None:
    with api_of(marts.database) as base:
        began = time.monotonic()
        answers = get_together([f"{base}{PLAYER}/matches?limit={limit}" for limit in range(1, 101)])
        assert {answer.status_code for answer in answers} == {200}
        assert queries(base) == 100
        assert time.monotonic() - began < 10
