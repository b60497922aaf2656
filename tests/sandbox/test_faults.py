"""Each kind of fault has its effect, and the same request succeeds afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from sandbox.faults import Faults
from sandbox.server import Sandbox, serve
from sandbox.truth import truth
from sandbox.world import World


@contextmanager
def _running(faults: Faults) -> Iterator[tuple[Sandbox, httpx.Client]]:
    world = World(seed=1, players=30, days=20)
    with serve(world, faults=faults) as sandbox, httpx.Client(base_url=sandbox.url, timeout=5) as api:
        yield sandbox, api


def test_a_retry_after_a_429_succeeds():
    with _running(Faults(too_many=1.0, tries=2)) as (_, api):
        responses = [api.get("/leagues") for _ in range(3)]
        assert [response.status_code for response in responses] == [429, 429, 200]
        assert responses[0].json() == {"error": "minute rate limit exceeded"}
        assert api.get("/teams").status_code == 429


def test_server_errors_come_in_bursts():
    with _running(Faults(schedule={2: "server_error"}, burst=3)) as (sandbox, api):
        statuses = [api.get("/leagues").status_code for _ in range(6)]
        assert statuses == [200, 500, 500, 500, 200, 200]
        assert [entry.fault for entry in sandbox.requests.entries][1] == "server_error"


def test_a_truncated_body_is_shorter_than_announced():
    with _running(Faults(schedule={1: "truncate"})) as (_, api):
        with pytest.raises(httpx.RemoteProtocolError):
            api.get("/heroStats")
        assert api.get("/heroStats").status_code == 200


def test_a_cut_body_is_valid_http_and_invalid_json():
    with _running(Faults(schedule={1: "cut"})) as (_, api):
        response = api.get("/leagues")
        assert response.status_code == 200
        with pytest.raises(ValueError, match=r"."):
            response.json()
        assert api.get("/leagues").json()


def test_a_hanging_request_exceeds_the_clients_timeout_and_does_not_delay_the_end():
    began = time.perf_counter()
    with _running(Faults(schedule={1: "hang"}, hang_s=60)) as (_, api):
        with pytest.raises(httpx.ReadTimeout):
            api.get("/leagues", timeout=0.3)
        assert api.get("/leagues").status_code == 200
    assert time.perf_counter() - began < 10


def test_a_slow_request_gets_a_late_response():
    with _running(Faults(schedule={1: "slow"}, slow_s=0.3)) as (_, api):
        began = time.perf_counter()
        assert api.get("/leagues").status_code == 200
        assert time.perf_counter() - began >= 0.3


def test_a_duplicate_page_ignores_the_offset_once():
    with _running(Faults(duplicate_page=1.0, path_contains="matches")) as (sandbox, api):
        account = sandbox.world.suggested_players(1)[0]
        path = f"/players/{account}/matches?limit=5"
        again, right = (api.get(f"{path}&offset=5").json() for _ in range(2))
        assert again == api.get(path).json()
        assert right != again


def test_malformed_records_are_recorded_and_served_correctly_the_next_time():
    with _running(Faults(malformed=0.2, seed=4)) as (sandbox, api):
        account = sandbox.world.suggested_players(1)[0]
        path = f"/players/{account}/matches?significant=0"
        wrong, right = ({record["match_id"]: record for record in api.get(path).json()} for _ in range(2))
        different = {match for match in right if wrong[match] != right[match]}
        assert different == {bad.match_id for bad in sandbox.malformed}
        assert 0 < len(different) < len(right)
        for bad in sandbox.malformed:
            assert bad.account_id == account
            assert wrong[bad.match_id][bad.field] == bad.value
            assert isinstance(right[bad.match_id][bad.field], int)
        assert sorted(right) == truth(sandbox.world, [account]).match_ids(account)


def test_an_undelivered_response_is_not_recorded():
    with _running(Faults(malformed=1.0, schedule={1: "cut", 2: "truncate", 4: "cut"})) as (sandbox, api):
        account = sandbox.world.suggested_players(1)[0]
        api.get(f"/players/{account}")
        with pytest.raises(httpx.RemoteProtocolError):
            api.get(f"/players/{account}/matches")
        assert (sandbox.observed_ranks, sandbox.malformed) == ([], [])
        api.get(f"/players/{account}")
        api.get(f"/players/{account}/matches")
        assert (len(sandbox.observed_ranks), sandbox.malformed) == (1, [])
        records = api.get(f"/players/{account}/matches").json()
        assert len(sandbox.malformed) == len(records) > 0


def test_faults_depend_on_the_seed_and_the_request_alone():
    def statuses(seed: int, paths: list[str]) -> dict[str, int]:
        with _running(Faults(seed=seed, too_many=0.5)) as (_, api):
            return {path: api.get(path).status_code for path in paths}

    paths = [f"/constants/patch?try={number}" for number in range(30)]
    assert statuses(1, paths) == statuses(1, paths[::-1])
    assert statuses(1, paths) != statuses(2, paths)
    assert set(statuses(1, paths).values()) == {200, 429}


def test_faults_can_be_set_and_ended_while_running():
    with _running(Faults()) as (sandbox, api):
        sandbox.set_faults(Faults(too_many=1.0, tries=100))
        assert [api.get("/leagues").status_code for _ in range(3)] == [429, 429, 429]
        sandbox.set_faults(Faults(schedule={2: "server_error"}, burst=1))
        assert [api.get("/leagues").status_code for _ in range(3)] == [200, 500, 200]
        sandbox.set_faults(None)
        assert api.get("/leagues").status_code == 200
