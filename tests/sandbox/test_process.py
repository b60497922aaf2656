"""`python -m sandbox`: another process controls it, and it stops on request."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from sandbox.faceit.truth import truth as faceit_truth
from sandbox.faceit.world import FaceitWorld
from sandbox.truth import truth
from sandbox.world import World


@contextmanager
def _process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "sandbox", "--seed", "5", "--players", "30", "--days", "20", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_the_first_line_is_the_url_and_the_control_endpoints_control_the_world():
    world = World(5, 30, days=20)
    with _process("--port", "0") as (_, url):
        control = url.removesuffix("/api") + "/sandbox"
        accounts = httpx.get(f"{control}/players?count=10").json()
        assert accounts == world.suggested_players(10)
        httpx.get(f"{url}/players/{accounts[0]}")
        log = httpx.get(f"{control}/requests").json()
        assert log["count"] == 1
        assert log["entries"][0]["path"] == f"/players/{accounts[0]}"
        assert log["entries"][0]["status"] == 200

        state = httpx.post(f"{control}/advance", json={"days": 2}).json()
        world.advance(days=2)
        assert state["now"] == world.now
        ground_truth = httpx.get(f"{control}/truth", params={"accounts": ",".join(map(str, accounts))}).json()
        assert ground_truth["players"] == truth(world, accounts).players.to_dicts()
        assert ground_truth["match_ids"][str(accounts[0])]["all"] == truth(world, accounts).match_ids(accounts[0])
        assert ground_truth["observed_ranks"][0]["account_id"] == accounts[0]

        faults = httpx.put(f"{control}/faults", json={"schedule": {"2": "too_many"}, "slow_s": 0.1})
        assert faults.json()["faults"]["schedule"] == {"2": "too_many"}
        assert [httpx.get(f"{url}/leagues").status_code for _ in range(3)] == [200, 429, 200]
        assert httpx.put(f"{control}/faults", json={"hang": "often"}).status_code == 400
        assert httpx.get(f"{control}/truth?accounts=17").json() == {"error": "no such account in this world: [17]"}

        httpx.post(f"{control}/private", json={"account_id": accounts[0], "private": True})
        assert httpx.get(f"{url}/players/{accounts[0]}/matches").json() == []
        assert httpx.delete(f"{control}/requests").json()["count"] == 0
        assert httpx.get(f"{control}/state").json()["requests"] == 0


def test_the_second_line_is_faceits_url_and_its_control_endpoints_are_under_faceit():
    world = World(5, 30, days=20)
    faceit = FaceitWorld(world)
    with _process("--faceit-key", "mine", "--faceit-per-second", "50") as (process, url):
        assert process.stdout is not None
        base = process.stdout.readline().strip()
        control = url.removesuffix("/api") + "/sandbox"
        players = httpx.get(f"{control}/faceit/players?count=8").json()
        assert players == faceit.suggested_players(8)
        found = httpx.get(f"{control}/faceit/competitions").json()
        assert found["hubs"] == [one.competition_id for one in faceit.scene.hubs]
        assert len(found["championships"]) == 2
        response = httpx.get(f"{base}/players/{players[0]}", headers={"Authorization": "Bearer mine"})
        assert response.json()["player_id"] == players[0]
        assert response.headers["ratelimit-limit"] == "50, 50;w=1"
        assert httpx.get(f"{base}/players/{players[0]}").status_code == 401
        log = httpx.get(f"{control}/faceit/requests").json()
        assert [entry["status"] for entry in log["entries"]] == [200, 401]
        assert httpx.get(f"{control}/requests").json()["count"] == 0

        httpx.post(f"{control}/advance", json={"days": 2})
        world.advance(days=2)
        ground_truth = httpx.get(f"{control}/faceit/truth", params={"players": ",".join(players)}).json()
        expected = faceit_truth(faceit, players)
        assert ground_truth["players"] == expected.players.to_dicts()
        assert ground_truth["player_matches"] == expected.player_matches.to_dicts()
        assert ground_truth["boards"] == expected.boards.to_dicts()
        assert [one["player_id"] for one in ground_truth["observed_elos"]] == [players[0]] * 2
        unknown = httpx.get(f"{control}/faceit/truth?players=nobody").json()
        assert unknown == {"error": "no such player in this world: ['nobody']"}

        httpx.put(f"{control}/faceit/faults", json={"schedule": {"1": "server_error"}, "burst": 1})
        assert httpx.get(f"{url}/leagues").status_code == 200
        assert httpx.get(f"{base}/players", headers={"Authorization": "Bearer mine"}).status_code == 503
        assert httpx.put(f"{control}/faults", json={}).json()["faults"]["schedule"] == {}
        assert httpx.get(f"{control}/faceit/faults").json()["faults"]["schedule"] == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_on_a_signal(number: signal.Signals):
    with _process() as (process, url):
        assert httpx.get(f"{url}/leagues").status_code == 200
        process.send_signal(number)
        process.wait(timeout=10)


def test_it_stops_at_the_end_of_its_input():
    with _process("--until-stdin-closes") as (process, url):
        assert httpx.get(f"{url}/leagues").status_code == 200
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def test_now_can_be_given():
    with _process("--now", "2026-11-21T06:00:00") as (_, url):
        state = httpx.get(url.removesuffix("/api") + "/sandbox/state").json()
        assert state["now"] == 1_795_240_800


def test_a_taken_port_ends_in_one_clear_line():
    with _process() as (_, url):
        port = url.rsplit(":", 1)[1].removesuffix("/api")
        command = [sys.executable, "-m", "sandbox", "--players", "20", "--days", "2", "--port", port]
        failed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"the sandbox cannot listen on port {port}")
    assert failed.stderr.count("\n") == 1
