"""Streams of FACEIT read all tracked entities, make few requests for few new records, and resume where they stopped."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ingestion.sources.faceit.connector import STREAMS
from ingestion.sources.faceit.source import SOURCE
from sandbox.server import Sandbox
from tests.ingestion.scripted_server import Reply
from tests.ingestion.sources.faceit.conftest import Warehouse
from tests.ingestion.sources.faceit.lists import match, match_id, not_found, paged, query_of

Requested = Callable[[], list[str]]


def test_a_full_run_reads_every_endpoint(simulated: Warehouse, upstream: Sandbox, players: list[str]) -> None:
    scene = upstream.faceit.world.scene
    simulated.track("player", *players)
    simulated.track("hub", scene.hubs[0].competition_id)
    simulated.track("championship", scene.championships[0].competition_id)
    reports = simulated.run()
    assert {name: report.stop or report.failures for name, report in reports.items()} == {
        stream.name: () for stream in STREAMS
    }
    for table in SOURCE.tables:
        assert simulated.rows(f"SELECT count(*) > 0 FROM {table}") == [(True,)], table
    assert simulated.rows("SELECT count(*) FROM ops.passes WHERE finished_at IS NULL") == [(0,)]
    assert simulated.rows("SELECT count(*) FROM ops.drift") == [(0,)]
    assert simulated.rows("SELECT count(*) FROM ops.rejects") == [(0,)]


def entity_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


#: Kind of entity by stream, with settings that let a run read two entities.
KINDS_BY_STREAM = {
    "players": ("player", {"faceit_call_budget": 6}),
    "history_matches": ("player", {"faceit_call_budget": 5}),
    "player_match_stats": ("player", {"faceit_call_budget": 5}),
    "player_bans": ("player", {"faceit_call_budget": 10}),
    "hubs": ("hub", {"faceit_call_budget": 6}),
    "hub_members": ("hub", {"faceit_call_budget": 6}),
    "championships": ("championship", {"faceit_call_budget": 6}),
    "matches": ("match", {"faceit_match_budget": 2}),
}


REFUSALS = (not_found(), not_found(status=410), Reply(400, b'{"message": "no"}'), Reply(body=b'"odd"'))
BLOCKED = Reply(403, b"<html>")


@pytest.mark.parametrize("name", list(KINDS_BY_STREAM))
def test_more_entities_than_a_run_can_read_are_all_read_over_several_runs_despite_errors(
    warehouse: Warehouse, name: str
) -> None:
    kind, budget = KINDS_BY_STREAM[name]
    entity_ids = [("1-" if kind == "match" else "") + entity_id(number) for number in range(6)]
    warehouse.track(kind, *entity_ids)
    # A 404 means that there are no statistics, which are then not due for a day.
    replies = (REFUSALS[2:] if name == "player_match_stats" else REFUSALS) + (BLOCKED,)

    def respond(path: str, times: int) -> Reply:
        return replies[entity_ids.index(path.split("/")[3]) % len(replies)]

    read = [{path.split("/")[2] for path in warehouse.run_against(respond, name, **budget)[1]} for _ in range(6)]
    assert all(len(ids) <= 2 for ids in read)
    assert set().union(*read[:3]) == set().union(*read[3:]) == set(entity_ids)


def test_tracked_matches_without_statistics_are_all_read_over_several_runs(warehouse: Warehouse) -> None:
    hub = entity_id(1)
    warehouse.track("hub", hub)
    ids = [match_id(number) for number in range(6)]
    records = [{**match(number, 1_700_000_000 + number), "status": "FINISHED"} for number in range(6)]

    def hub_of(path: str, times: int) -> Reply:
        return paged(records, query_of(path)) if path.partition("?")[0].endswith("/matches") else Reply(body=b"{}")

    warehouse.run_against(hub_of, "hubs")
    warehouse.track("match", *ids)
    read = [
        {path.split("/")[2] for path in warehouse.run_against(lambda path, n: not_found(), "match_rounds", **budget)[1]}
        for budget in 6 * [{"faceit_match_budget": 2}]
    ]
    assert set().union(*read[:3]) == set().union(*read[3:]) == set(ids)
