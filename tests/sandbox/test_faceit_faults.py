"""Faults: the same faults for both upstreams, each with its own request numbers, log and errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from sandbox.faceit.match_log import PLAYED
from sandbox.faults import Faults
from sandbox.server import Sandbox, serve
from sandbox.world import World
from tests.sandbox.conftest import AUTHORIZED

_PATH = "/rankings/games/cs2/regions/EU"


@contextmanager
def _running(faults: Faults) -> Iterator[tuple[Sandbox, httpx.Client]]:
    world = World(seed=1, players=30, days=20)
    with (
        serve(world, faults=faults) as sandbox,
        httpx.Client(base_url=sandbox.faceit_url, headers=AUTHORIZED, timeout=5) as api,
    ):
        yield sandbox, api


def test_the_same_faults_affect_both_upstreams_each_with_its_own_errors():
    with _running(Faults(schedule={1: "too_many", 2: "server_error"}, burst=1)) as (sandbox, api):
        with httpx.Client(base_url=sandbox.url) as opendota:
            theirs = [opendota.get("/leagues") for _ in range(3)]
        ours = [api.get(_PATH) for _ in range(3)]
        assert [response.status_code for response in theirs] == [429, 500, 200]
        assert [response.status_code for response in ours] == [429, 503, 200]
        assert ours[0].json() == {"message": "API rate limit exceeded"}
        assert ours[1].json() == {"code": "err_s0", "message": "Service temporarily unavailable"}
        assert [entry.path for entry in sandbox.faceit.log.entries] == [_PATH] * 3
        assert [entry.fault for entry in sandbox.faceit.log.entries] == ["too_many", "server_error", None]
        assert [entry.path for entry in sandbox.requests.entries] == ["/leagues"] * 3


def test_faults_can_be_set_for_both_or_for_one():
    with _running(Faults()) as (sandbox, api), httpx.Client(base_url=sandbox.url) as opendota:
        sandbox.set_faults(Faults(too_many=1.0, tries=100))
        assert [opendota.get("/leagues").status_code, api.get(_PATH).status_code] == [429, 429]
        sandbox.set_faults(None)
        sandbox.faceit.set_faults(Faults(too_many=1.0, tries=100))
        assert [opendota.get("/leagues").status_code, api.get(_PATH).status_code] == [200, 429]


def test_responses_are_damaged_as_they_are_for_opendota():
    with _running(Faults(schedule={1: "cut", 2: "truncate", 3: "hang"}, hang_s=30)) as (_, api):
        with pytest.raises(ValueError, match=r"."):
            api.get(_PATH).json()
        with pytest.raises(httpx.RemoteProtocolError):
            api.get(_PATH)
        with pytest.raises(httpx.ReadTimeout):
            api.get(_PATH, timeout=0.3)
        assert api.get(_PATH).json()["items"]


def test_a_duplicate_page_is_the_first_one_with_its_start_offset():
    with _running(Faults(duplicate_page=1.0, path_contains="stats")) as (sandbox, api):
        player = sandbox.faceit.world.suggested_players(1)[0]
        path = f"/players/{player}/games/cs2/stats?limit=5"
        again, right = (api.get(f"{path}&offset=5").json() for _ in range(2))
        assert again == api.get(path).json()
        assert (again["start"], right["start"]) == (0, 5)
        until = right["items"][-1]["stats"]["Match Finished At"]
        again, right = (api.get(f"{path}&to={until}").json() for _ in range(2))
        assert again["items"][0]["stats"]["Match Finished At"] > until
        assert right["items"][0]["stats"]["Match Finished At"] <= until


def test_malformed_records_are_recorded_and_served_correctly_the_next_time():
    with _running(Faults(malformed=0.2, seed=4)) as (sandbox, api):
        player = sandbox.faceit.world.suggested_players(1)[0]
        for path in (f"/players/{player}/history?game=cs2&limit=100", f"/players/{player}/games/cs2/stats?limit=100"):
            wrong, right = (api.get(path).json()["items"] for _ in range(2))
            different = [(one, other) for one, other in zip(wrong, right, strict=True) if one != other]
            served = sandbox.faceit.fault_injector.malformed[:]
            assert 0 < len(different) == len(served) < len(right)
            for bad, (one, other) in zip(served, different, strict=True):
                record, original = one.get("stats", one), other.get("stats", other)
                assert bad.account_id == player
                assert bad.match_id in (record.get("match_id"), record.get("Match Id"))
                assert record[bad.field] == bad.value != original[bad.field]
            sandbox.faceit.fault_injector.malformed.clear()
        assert sandbox.malformed == []


def test_players_of_a_match_are_malformed_once_in_details_and_in_statistics():
    with _running(Faults(malformed=0.2, seed=4)) as (sandbox, api):
        series = sandbox.faceit.world.history.series
        is_over = (series.state == PLAYED) & (series.result_at <= sandbox.world.now)
        for path in ("/matches/{}", "/matches/{}/stats"):
            sandbox.faceit.fault_injector.malformed.clear()
            for match_id in series.match_id[is_over][:5].tolist():
                wrong, right = (api.get(path.format(match_id)).text for _ in range(2))
                served = [bad for bad in sandbox.faceit.fault_injector.malformed if bad.match_id == match_id]
                assert (wrong != right) == bool(served)
                assert "\\u0000" not in right
            fields = {bad.field for bad in sandbox.faceit.fault_injector.malformed}
            assert fields == ({"nickname"} if "stats" in path else {"nickname", "game_skill_level"})


def test_only_delivered_elos_are_recorded():
    with _running(Faults(schedule={1: "cut", 3: "truncate"})) as (sandbox, api):
        account = sandbox.faceit.world.accounts.by_person[0]
        api.get(f"/players/{account.player_id}")
        assert sandbox.faceit.observed_elos == []
        profile = api.get(f"/players/{account.player_id}").json()
        assert [(one.game, one.faceit_elo, one.skill_level) for one in sandbox.faceit.observed_elos] == [
            (game, profile["games"][game]["faceit_elo"], profile["games"][game]["skill_level"])
            for game in ("cs2", "dota2")
        ]
        assert {(one.at, one.seen_in) for one in sandbox.faceit.observed_elos} == {(sandbox.world.now, "profile")}
        with pytest.raises(httpx.RemoteProtocolError):
            api.get(_PATH)
        places = api.get(_PATH).json()["items"]
        seen = [one for one in sandbox.faceit.observed_elos if one.seen_in == "ranking"]
        assert [one.player_id for one in seen] == [place["player_id"] for place in places]
