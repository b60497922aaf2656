"""Syncs of streams end in order despite errors, and resume where they stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg import conninfo

from ingestion.errors import WrongAddressError
from ingestion.sources.opendota.connector import CONNECTOR, STREAMS
from ingestion.sources.opendota.source import SOURCE
from ingestion.sync.execution import sync_stream
from ingestion.sync.reports import SyncReport
from sandbox.faults import Faults
from sandbox.rate_limits import RequestLimits
from sandbox.server import Sandbox, serve
from sandbox.world import World
from tests.ingestion.clocks import ShiftedClock
from tests.ingestion.scripted_server import Reply, error
from tests.ingestion.sources.opendota.conftest import QUICK, Warehouse
from warehouse.core.errors import DatabaseError
from warehouse.ops.state import start_sync

Requested = Callable[[], list[str]]


def one_stop(reports: dict[str, SyncReport]) -> str:
    """The stop message of the only sync; it is one line."""
    [report] = reports.values()
    assert report.stop is not None
    assert "\n" not in report.stop.message
    return f"{report.stop.reason}: {report.stop.message}"


def test_a_full_run_reads_every_endpoint_and_a_second_one_little(
    warehouse: Warehouse, players: list[int], upstream: Sandbox, requested: Requested
) -> None:
    team, league = upstream.world.pro_scene.teams[0], 18_101
    warehouse.track("player", *players)
    warehouse.track("team", team.team_id)
    warehouse.track("league", league)
    first = warehouse.run(opendota_match_budget=10)
    assert {name: report.stop or report.failures for name, report in first.items()} == {
        stream.name: () for stream in STREAMS
    }
    for table in SOURCE.tables:
        if table.name != "match_absences":
            assert warehouse.rows(f"SELECT count(*) > 0 FROM {table}") == [(True,)], table
    assert warehouse.rows("SELECT count(*) FROM ops.passes WHERE finished_at IS NULL") == [(0,)]
    requested()
    warehouse.run(opendota_match_budget=0)
    # Each run reads the tracked entities, and the newest pages of both match lists.
    paths = [path for path in requested() if "less_than_match_id" not in path]
    private, newest = players[7], "/matches?significant=0&limit=100"
    of_players = [
        f"/players/{id_}{part}"
        for id_ in players
        for part in ("", "/matches?significant=0" if id_ == private else newest)
    ]
    others = ["/proMatches", "/publicMatches", f"/teams/{team.team_id}/matches", f"/leagues/{league}/matches"]
    assert sorted(paths) == sorted([*of_players, *others])


def test_a_resumed_sync_skips_landed_items(warehouse: Warehouse, players: list[int], requested: Requested) -> None:
    warehouse.track("player", *players)
    with warehouse.connection() as connection:
        start_sync(connection, SOURCE.name, "player_matches")  # a sync that is killed

    async def until_some_are_read() -> None:
        enough = asyncio.Event()

        def on_progress(name: str, done: int, total: int) -> None:
            if done >= 4:
                enough.set()

        async with CONNECTOR.open_context(
            warehouse.settings, warehouse.url, warehouse.lake, retry_policy=QUICK, on_progress=on_progress
        ) as context:
            stream = next(one for one in STREAMS if one.name == "player_matches")
            task = asyncio.create_task(sync_stream(context, stream))
            await enough.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(until_some_are_read())
    warehouse.load()
    landed = {path for (path,) in warehouse.rows("SELECT replace(name, 'player_matches/', '') FROM ops.cursors")}
    assert 0 < len(landed) < len(players)
    requested()
    report = warehouse.run("player_matches")["player_matches"]
    read = {path.split("/")[2] for path in requested()}
    assert read == set(map(str, players)) - landed
    assert report.skipped == len(landed)
    # The next sync is a new one.
    warehouse.run("player_matches")
    assert len(requested()) == len(players)


def test_an_unreachable_address_stops_the_sync_in_one_line(warehouse: Warehouse, players: list[int]) -> None:
    with serve(World(seed=1, players=3, days=5)) as gone:
        pass
    warehouse.track("player", *players)
    stop = one_stop(warehouse.at(gone.url).run("players"))
    assert stop.startswith("unreachable: OpenDota cannot be reached")
    assert "LADDER_OPENDOTA_URL" in stop


def test_a_source_that_fails_every_request_is_not_requested_for_every_player(
    warehouse: Warehouse, upstream: Sandbox, requested: Requested
) -> None:
    warehouse.track("player", *upstream.world.suggested_players(30))
    upstream.set_faults(Faults(server_error=1, burst=10_000))
    reports = warehouse.run("players")
    assert one_stop(reports).startswith("unreachable: request after request fails")
    assert len(set(requested())) < 20


def test_a_failing_player_is_reported_and_the_others_are_read(
    warehouse: Warehouse, upstream: Sandbox, players: list[int]
) -> None:
    warehouse.track("player", *players)
    upstream.set_faults(Faults(truncate=1, tries=100, path_contains=f"/players/{players[2]}"))
    report = warehouse.run("player_matches")["player_matches"]
    assert [failure.item for failure in report.failures] == [f"player {players[2]}"]
    assert report.done == len(players) - 1
    assert report.stop is None


def test_a_wrong_key_stops_the_sync_and_is_not_shown(
    warehouse: Warehouse, players: list[int], requested: Requested
) -> None:
    warehouse.track("player", *players)
    stop = one_stop(warehouse.with_key("b7f1-secret").run("players"))
    assert stop.startswith("refused: OpenDota refuses the key")
    assert "LADDER_OPENDOTA_KEY" in stop
    assert "b7f1" not in stop
    assert len(requested()) == 1


@pytest.mark.parametrize("suffix", ["", "/nowhere"])
def test_a_wrong_address_stops_the_sync_and_names_the_variable(
    warehouse: Warehouse, upstream: Sandbox, players: list[int], suffix: str
) -> None:
    warehouse.track("player", *players)
    stop = one_stop(warehouse.at(upstream.url.removesuffix("/api") + suffix).run("players"))
    assert stop.startswith("refused: ")
    assert "LADDER_OPENDOTA_URL" in stop


def test_an_invalid_address_is_reported_before_any_request(warehouse: Warehouse) -> None:
    with pytest.raises(WrongAddressError, match="LADDER_OPENDOTA_URL"):
        warehouse.at("http://127.0.0.1:99999/api").run("players")


BLOCKED = Reply(403, b"<html><title>Attention Required!</title></html>", {"content-type": "text/html"})


def test_a_few_blocked_paths_do_not_affect_others_and_are_requested_last_the_next_time(
    warehouse: Warehouse,
) -> None:
    warehouse.track("player", *range(1, 10))

    def respond(path: str, times: int) -> Reply:
        id_ = path.rpartition("/")[2]
        return BLOCKED if id_ in {"1", "2", "3", "4"} else Reply(body=b'{"profile": {}}')

    report, _ = warehouse.run_against(respond, "players", opendota_call_budget=500)
    assert (report.done, report.stop) == (5, None)
    assert [failure.item for failure in report.failures] == [f"player {id_}" for id_ in (1, 2, 3, 4)]
    assert "403, a web page (Attention Required!), and no key is set" in report.failures[0].message
    warehouse.track("player", 10)
    # Six requests are the stream's share.
    _, paths = warehouse.run_against(respond, "players", clock=ShiftedClock(hours=1), opendota_call_budget=20)
    assert set(paths) == {f"/players/{id_}" for id_ in range(5, 11)}


@pytest.mark.parametrize("is_open", [True, False])
def test_consecutive_refusals_stop_the_sync_and_the_source_if_every_request_is_refused(
    warehouse: Warehouse, is_open: bool
) -> None:
    warehouse.track("player", *range(1, 60))

    def respond(path: str, times: int) -> Reply:
        return Reply(body=b"{}") if is_open and path.endswith("/constants/game_mode") else BLOCKED

    report, paths = warehouse.run_against(respond, "players", opendota_call_budget=500)
    assert report.stop is not None
    assert (report.stop.reason, report.stop.is_of_source) == (("blocked", False) if is_open else ("refused", True))
    assert "5 requests in a row were refused, the last one: OpenDota refused /players/" in report.stop.message
    assert "with 403, a web page (Attention Required!), and no key is set" in report.stop.message
    assert "set LADDER_OPENDOTA_KEY" in report.stop.message
    assert paths.count("/constants/game_mode") == 1
    assert len(paths) < 20


def test_refusals_by_the_api_itself_never_stop_a_sync(warehouse: Warehouse) -> None:
    warehouse.track("player", *range(1, 30))

    def respond(path: str, times: int) -> Reply:
        number = int(path.rpartition("/")[2])
        status = (400, 404, 410, 418, 451)[number % 5]
        return Reply(status, b'{"error": "no"}') if number < 29 else Reply(body=b'{"profile": {}}')

    report, _ = warehouse.run_against(respond, "players", opendota_call_budget=500)
    assert (report.done, len(report.failures), report.stop) == (1, 28, None)


def test_a_player_without_a_profile_is_a_notice_and_the_stored_profile_is_kept(warehouse: Warehouse) -> None:
    warehouse.track("player", 7)
    whole = Reply(body=b'{"profile": {"account_id": 7, "personaname": "Ann"}, "rank_tier": 11}')
    warehouse.run_against(lambda path, n: whole, "players")
    for hours, body in ((1, b'{"profile": null, "rank_tier": 12}'), (2, b"null")):
        report, _ = warehouse.run_against(
            lambda path, n, body=body: Reply(body=body), "players", ShiftedClock(hours=hours)
        )  # type: ignore[misc]
        assert report.is_ok
        assert "`ladder untrack opendota player 7`" in report.notices[0]
    assert warehouse.rows("SELECT personaname FROM staging_opendota.players") == [("Ann",)]
    assert warehouse.rows("SELECT rank_tier FROM staging_opendota.player_ranks ORDER BY 1") == [(11,), (12,)]


def test_the_day_limit_ends_the_sync_normally_and_keeps_landed_pages(warehouse: Warehouse, players: list[int]) -> None:
    with serve(World(seed=7, players=30, days=60), limits=RequestLimits(per_day=5)) as upstream:
        warehouse.track("player", *players)
        report = warehouse.at(upstream.url).run("player_matches")["player_matches"]
        assert report.stop is not None
        assert (report.stop.reason, report.is_ok) == ("day_limit", True)
        assert report.done == 5
        assert upstream.requests.count == 5
    assert warehouse.rows("SELECT count(*) FROM ops.cursors") == [(5,)]
    assert warehouse.rows("SELECT report -> 'stop' ->> 'reason' FROM ops.passes") == [("day_limit",)]


def test_a_lake_that_cannot_be_written_stops_the_sync_in_one_line(
    warehouse: Warehouse, players: list[int], requested: Requested
) -> None:
    warehouse.track("player", *players)
    warehouse.lake.root.parent.mkdir(exist_ok=True)
    warehouse.lake.root.write_text("not a folder")
    assert one_stop(warehouse.run("player_matches", load=False)).startswith("lake: ")
    warehouse.lake.root.unlink()
    assert warehouse.run("player_matches")["player_matches"].done == len(players)


def test_a_database_that_is_not_set_up_is_one_line(warehouse: Warehouse) -> None:
    async def scenario() -> None:
        url = conninfo.make_conninfo(warehouse.url, dbname="postgres")
        async with CONNECTOR.open_context(warehouse.settings, url, warehouse.lake, retry_policy=QUICK) as context:
            await sync_stream(context, STREAMS[0])

    with pytest.raises(DatabaseError, match="ladder run"):
        asyncio.run(scenario())


def test_the_plan_lists_the_requests_of_the_next_run_without_making_any(
    warehouse: Warehouse, players: list[int], requested: Requested
) -> None:
    warehouse.track("player", *players)

    def planned() -> dict[str, int]:
        with warehouse.connection() as connection:
            planned_syncs = CONNECTOR.plan(connection, warehouse.settings, datetime.now(UTC))
        return {name: count for one in planned_syncs for name, count in one.requests.items()}

    first = planned()
    assert requested() == []
    assert first["constants"] == 5
    assert first["player"] == first["player_matches"] == first["player_ratings"] == len(players)
    warehouse.run(opendota_match_budget=10)
    second = planned()
    assert "constants" not in second
    assert "player_totals" not in second
    assert second["player"] == second["player_matches"] == len(players)
    assert second["match"] == warehouse.settings.opendota_match_budget
    requested()
    warehouse.run()
    # The number of pages of a match list is not known in advance.
    assert len([path for path in requested() if "less_than_match_id" not in path]) == sum(second.values())


@pytest.mark.parametrize("body", [b'{"profile": {"account_id"', b"not JSON", b"", b"\xff\xfe"], ids=repr)
def test_a_body_that_is_not_json_lands_unchanged_and_does_not_affect_others(warehouse: Warehouse, body: bytes) -> None:
    warehouse.track("player", 1, 2)

    def respond(path: str, times: int) -> Reply:
        is_broken = path.endswith("/players/1")
        return Reply(body=body if is_broken else b'{"profile": {"account_id": 2, "personaname": "Two"}}')

    report, _ = warehouse.run_against(respond, "players")
    assert [failure.item for failure in report.failures] == ["player 1"]
    assert "the response cannot be used" in report.failures[0].message
    assert warehouse.rows("SELECT account_id, personaname FROM staging_opendota.players") == [(2, "Two")]
    [(path, page)] = warehouse.rows("SELECT lake_path, page FROM ops.rejects WHERE record_index = -1")
    assert list(warehouse.lake.read(warehouse.lake.root / path))[page].body == body


def test_catalogues_are_read_when_they_are_due(warehouse: Warehouse, requested: Requested) -> None:
    warehouse.run("constants", "hero_stats", "teams", "leagues")
    assert len(requested()) == 8
    # A schedule's next tick comes slightly less than one interval after the previous observation.
    for hours, expected in ((0.5, []), (0.99, ["/heroStats"]), (6.98, ["/heroStats", "/teams"])):
        warehouse.run("constants", "hero_stats", "teams", "leagues", clock=ShiftedClock(hours=hours))
        assert requested() == expected


def test_a_missing_constant_is_reported_and_the_others_are_read(warehouse: Warehouse) -> None:
    def respond(path: str, times: int) -> Reply:
        is_missing = path.endswith("/region")
        return Reply(404, b'{"error":"Not Found"}') if is_missing else Reply(body=b'{"1":{"id":1}}')

    report, _ = warehouse.run_against(respond, "constants")
    assert [failure.item for failure in report.failures] == ["constants/region"]
    assert report.done == 4
    assert warehouse.rows("SELECT count(*) FROM staging_opendota.constants") == [(4,)]


@pytest.mark.parametrize(
    ("name", "request_path"),
    [
        ("constants", "/constants/heroes"),
        ("hero_stats", "/heroStats"),
        ("teams", "/teams"),
        ("leagues", "/leagues"),
        ("pro_matches", "/proMatches"),
        ("public_matches", "/publicMatches"),
        ("players", "/players/{player}"),
        ("player_matches", "/players/{player}/matches?significant=0"),
        ("player_ratings", "/players/{player}/ratings"),
        ("player_heroes", "/players/{player}/heroes"),
        ("team_matches", "/teams/{team}"),
        ("team_matches", "/teams/{team}/matches"),
        ("league_matches", "/leagues/18101/matches"),
    ],
)
def test_an_unusable_response_is_kept_reported_and_requested_again(
    warehouse: Warehouse, upstream: Sandbox, players: list[int], name: str, request_path: str
) -> None:
    player, team = players[0], upstream.world.pro_scene.teams[0].team_id
    warehouse.track("player", player)
    warehouse.track("team", team)
    warehouse.track("league", 18_101)
    bad = request_path.format(player=player, team=team)

    def respond(path: str, times: int) -> Reply:
        return Reply(body=b'"moved"') if path.removeprefix("/api") == bad else Reply(body=b'{"team_id":1,"leagueid":1}')

    report, requested = warehouse.run_against(respond, name)
    assert bad in requested
    [line] = [failure.message for failure in report.failures if "ladder rejects list" in failure.message]
    assert "cannot be used" in line
    assert not report.is_ok
    assert warehouse.rows("SELECT count(*) FROM ops.rejects WHERE record = '\"moved\"'") == [(1,)]
    _, again = warehouse.run_against(respond, name)
    assert bad in again


def test_reports_are_stored_with_the_syncs(warehouse: Warehouse, players: list[int]) -> None:
    warehouse.track("player", players[0], 5)
    warehouse.run("players")
    [(report,)] = warehouse.rows("SELECT report FROM ops.passes WHERE name = 'players'")
    kept: dict[str, Any] = report
    assert (kept["done"], kept["requests"], kept["failures"][0]["item"]) == (1, 2, "player 5")


#: Stream by kind of entity, with settings that let a run read two entities.
KINDS_BY_STREAM = {
    "player": ("players", {"opendota_call_budget": 6}),
    "team": ("team_matches", {"opendota_call_budget": 6}),
    "league": ("league_matches", {"opendota_call_budget": 6}),
    "match": ("matches", {"opendota_match_budget": 2}),
}


REFUSALS = (error(404, "Not Found"), error(410, "Gone"), error(400, "no"), Reply(body=b'"odd"'), BLOCKED)


@pytest.mark.parametrize("kind", list(KINDS_BY_STREAM))
def test_more_entities_than_a_run_can_read_are_all_read_over_several_runs_despite_errors(
    warehouse: Warehouse, kind: str
) -> None:
    name, budget = KINDS_BY_STREAM[kind]
    warehouse.track(kind, *range(1, 7))

    def respond(path: str, times: int) -> Reply:
        return REFUSALS[int(path.split("/")[3]) % len(REFUSALS)]

    read = [{path.split("/")[2] for path in warehouse.run_against(respond, name, **budget)[1]} for _ in range(6)]
    assert all(len(ids) <= 2 for ids in read)
    assert set().union(*read[:3]) == set().union(*read[3:]) == set("123456")


def test_tracked_matches_that_fail_or_do_not_change_are_all_read_over_several_runs(warehouse: Warehouse) -> None:
    warehouse.track("match", *range(1, 7))

    def respond(path: str, times: int) -> Reply:
        id_ = int(path.rpartition("/")[2])
        whole = {"match_id": id_, "start_time": 1_700_000_000, "version": None, "players": []}
        return error(500, "no") if id_ % 2 else Reply(body=json.dumps(whole).encode())

    read = [set(warehouse.run_against(respond, "matches", opendota_match_budget=2)[1]) for _ in range(6)]
    assert set().union(*read[:3]) == set().union(*read[3:]) == {f"/matches/{id_}" for id_ in range(1, 7)}
