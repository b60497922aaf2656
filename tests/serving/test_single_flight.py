"""Any number of concurrent equal requests cause one query."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import redis

from serving.cache import keys
from tests.serving.conftest import ApiPair, api_of
from tests.serving.http_clients import count, get_together, queries, seconds_until
from tests.serving.marts import Marts

PLAYER = "/api/v1/players/dota2/101"
#: On a busy machine a process may not see the lock in time, and queries by itself.
_QUERIES_OF_FOUR_HUNDRED = 4


def max_queries(patience: float) -> int:
    """Maximum number of queries for one response: one, unless the machine is busy."""
    return 1 if patience == 1 else _QUERIES_OF_FOUR_HUNDRED


def test_400_cold_requests_over_two_processes_are_one_query_even_if_it_is_slow(pair: ApiPair, patience: float) -> None:
    bases = (pair.one, pair.other)
    waits = "ladder_flight_waits_total"
    before = sum(map(queries, bases)), sum(count(base, waits) for base in bases)
    with ThreadPoolExecutor(1) as executor:
        with pair.marts.locked("dim_players"):
            pending = executor.submit(get_together, [base + PLAYER for base in bases for _ in range(200)])
            # Longer than a lock lasts without renewal, and shorter than the query timeout.
            time.sleep(2.5)
        responses = pending.result()
    assert {response.status_code for response in responses} == {200}
    assert len({response.content for response in responses}) == 1
    assert 1 <= sum(map(queries, bases)) - before[0] <= max_queries(patience)
    assert sum(count(base, waits) for base in bases) > before[1]


def test_workers_of_one_server_share_single_flight_and_metrics(marts: Marts, patience: float) -> None:
    before = marts.reads("dim_players")
    with api_of(marts.database, workers=2) as base:
        responses = get_together([base + PLAYER] * 400)
        assert {response.status_code for response in responses} == {200}
        assert len({response.content for response in responses}) == 1
        made = queries(base)
        assert 1 <= made <= max_queries(patience)
        assert count(base, 'ladder_requests_total{endpoint="player",status="200"}') == 400
    # PostgreSQL's statistics are complete once the processes have ended.
    assert marts.reads("dim_players") == before + made


def test_a_killed_lock_holder_delays_others_by_a_bounded_time(pair: ApiPair, patience: float) -> None:
    others = psutil.Process().children(recursive=True)
    with (
        api_of(pair.marts.database) as doomed,
        redis.Redis.from_url(pair.redis_url) as cache,
        ThreadPoolExecutor(2) as executor,
    ):
        with pair.marts.locked("dim_players"):
            lost = executor.submit(httpx.get, doomed + PLAYER)
            seconds_until(lambda: any(cache.scan_iter(keys.lock_key("ladder:*:/players/dota2/101"))))
            pending = executor.submit(httpx.get, pair.one + PLAYER, timeout=30)
            for process in psutil.Process().children(recursive=True):
                if process not in others:
                    process.kill()
        began = time.monotonic()
        assert pending.result().status_code == 200
        assert time.monotonic() - began < 4 * patience
        assert isinstance(lost.exception(), httpx.TransportError)


def test_different_requests_do_not_wait_for_each_other(pair: ApiPair, patience: float) -> None:
    before = queries(pair.one)
    began = time.monotonic()
    responses = get_together([f"{pair.one}{PLAYER}/matches?limit={limit}" for limit in range(1, 101)])
    assert {response.status_code for response in responses} == {200}
    assert queries(pair.one) == before + 100
    assert time.monotonic() - began < 10 * patience
