"""Tracked players: all data that OpenDota has of them, in as few requests as possible."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ingestion.sources.opendota.source import SOURCE
from sandbox.faults import Faults
from sandbox.server import Sandbox
from sandbox.truth import truth
from tests.ingestion.clocks import ShiftedClock
from tests.ingestion.scripted_server import Reply, error
from tests.ingestion.sources.opendota.conftest import Warehouse
from warehouse.ops.state import untrack

Requested = Callable[[], list[str]]
OF_PLAYERS = ("players", "player_matches", "player_ratings", "player_heroes")


def stored_matches(warehouse: Warehouse, account: int) -> list[int]:
    rows = warehouse.rows(
        "SELECT match_id FROM staging_opendota.player_matches WHERE account_id = %s ORDER BY match_id", account
    )
    return [match_id for (match_id,) in rows]


def cursor(warehouse: Warehouse, name: str) -> dict[str, object]:
    [(value,)] = warehouse.rows("SELECT value FROM ops.cursors WHERE name = %s", name)
    return dict(value)


def test_the_first_run_reads_every_match_of_every_player_significant_or_not(
    warehouse: Warehouse, upstream: Sandbox, players: list[int]
) -> None:
    warehouse.track("player", *players)
    reports = warehouse.run(*OF_PLAYERS)
    assert all(report.is_ok for report in reports.values())
    facts = truth(upstream.world, players)
    for account in players:
        assert stored_matches(warehouse, account) == facts.match_ids(account)
    assert warehouse.rows("SELECT count(*) FROM staging_opendota.players") == [(len(players),)]
    assert warehouse.rows("SELECT count(*) FROM staging_opendota.player_ranks") == [(len(players),)]
    assert len(stored_matches(warehouse, players[7])) == 0  # private


def test_the_first_import_of_a_player_costs_one_request_per_endpoint(
    warehouse: Warehouse, players: list[int], requested: Requested
) -> None:
    [account] = players[:1]
    warehouse.track("player", account)
    warehouse.run(*OF_PLAYERS)
    assert requested() == [
        f"/players/{account}",
        f"/players/{account}/matches?significant=0",
        f"/players/{account}/ratings",
        f"/players/{account}/heroes",
    ]


def test_a_player_with_no_new_match_costs_a_profile_and_one_page(
    warehouse: Warehouse, players: list[int], requested: Requested
) -> None:
    warehouse.track("player", *players)
    warehouse.run(*OF_PLAYERS)
    requested()
    reports = warehouse.run(*OF_PLAYERS)
    requests = requested()
    # A private history is requested in full, and is empty until it is public.
    pages = {id_: "/matches?significant=0" + ("" if id_ == players[7] else "&limit=100") for id_ in players}
    assert sorted(requests) == sorted(f"/players/{id_}{part}" for id_ in players for part in ("", pages[id_]))
    assert sum(report.requests for report in reports.values()) == 2 * len(players)


def test_new_matches_bring_ratings_and_heroes_up_to_date_and_nothing_is_read_twice(
    warehouse: Warehouse, upstream: Sandbox, players: list[int], requested: Requested
) -> None:
    [account] = players[:1]
    warehouse.track("player", account)
    warehouse.run(*OF_PLAYERS)
    upstream.advance(days=10)
    requested()
    warehouse.run(*OF_PLAYERS)
    assert requested() == [
        f"/players/{account}",
        f"/players/{account}/matches?significant=0&limit=100",
        f"/players/{account}/ratings",
        f"/players/{account}/heroes",
    ]
    assert stored_matches(warehouse, account) == truth(upstream.world, [account]).match_ids(account)


def test_more_new_matches_than_a_page_holds_cost_one_request_more(
    warehouse: Warehouse, upstream: Sandbox, players: list[int], requested: Requested
) -> None:
    [account] = players[:1]
    warehouse.track("player", account)
    warehouse.run(*OF_PLAYERS)
    upstream.advance(days=120)
    requested()
    warehouse.run("player_matches")
    assert requested() == [
        f"/players/{account}/matches?significant=0&limit=100",
        f"/players/{account}/matches?significant=0",
    ]
    facts = truth(upstream.world, [account])
    assert len(facts.match_ids(account)) > 200
    assert stored_matches(warehouse, account) == facts.match_ids(account)


def test_a_history_is_read_again_after_some_days_for_late_updates(
    warehouse: Warehouse, players: list[int], requested: Requested
) -> None:
    [account] = players[:1]
    warehouse.track("player", account)
    warehouse.run("player_matches")
    requested()
    warehouse.run("player_matches", clock=ShiftedClock(days=6))
    assert requested() == [f"/players/{account}/matches?significant=0&limit=100"]
    warehouse.run("player_matches", clock=ShiftedClock(days=8))
    assert requested() == [f"/players/{account}/matches?significant=0"]
    warehouse.run("player_matches", clock=ShiftedClock(days=9))
    assert requested() == [f"/players/{account}/matches?significant=0&limit=100"]


def test_a_profile_is_read_by_each_run_and_is_another_observation_of_the_rank(
    warehouse: Warehouse, players: list[int], requested: Requested
) -> None:
    warehouse.track("player", players[0])
    warehouse.run("players")
    assert warehouse.run("players")["players"].done == 1
    assert len(requested()) == 2
    assert warehouse.rows("SELECT count(*) FROM staging_opendota.players") == [(1,)]
    assert warehouse.rows("SELECT count(*) FROM staging_opendota.player_ranks") == [(2,)]


def test_a_profile_that_became_private_deletes_nothing_and_is_reported(
    warehouse: Warehouse, upstream: Sandbox, players: list[int]
) -> None:
    [account] = players[:1]
    warehouse.track("player", account)
    warehouse.run(*OF_PLAYERS)
    before = stored_matches(warehouse, account)
    upstream.world.set_private(account, True)
    for days in (0, 30):
        report = warehouse.run("player_matches", clock=ShiftedClock(days=days))["player_matches"]
        assert report.is_ok
        [notice] = report.notices
        assert notice.startswith(f"player {account}: OpenDota shows no matches, the profile may be private")
        assert f"`ladder untrack opendota player {account}`" in notice
    [(kept,)] = warehouse.rows("SELECT report -> 'notices' FROM ops.passes ORDER BY pass_id DESC LIMIT 1")
    assert kept == [notice]
    assert stored_matches(warehouse, account) == before
    upstream.world.set_private(account, False)
    upstream.advance(days=20)
    report = warehouse.run("player_matches", clock=ShiftedClock(days=31))["player_matches"]
    assert report.notices == ()
    assert stored_matches(warehouse, account) == truth(upstream.world, [account]).match_ids(account)


def test_an_unknown_player_is_one_line_and_the_others_are_read(warehouse: Warehouse, players: list[int]) -> None:
    warehouse.track("player", players[0], 5, "abc", players[1])
    reports = warehouse.run(*OF_PLAYERS)
    failures = {failure.item: failure.message for report in reports.values() for failure in report.failures}
    assert sum(len(report.failures) for report in reports.values()) == len(failures) == 2
    assert "`ladder untrack opendota player 5`" in failures["player 5"]
    assert "`ladder untrack opendota player abc`" in failures["player abc"]
    assert reports["player_matches"].done == 2
    assert not reports["players"].is_ok


def test_the_stalest_players_are_read_first_within_the_budget(
    warehouse: Warehouse, players: list[int], requested: Requested
) -> None:
    warehouse.track("player", *players)
    first = warehouse.run("player_matches", opendota_call_budget=5)["player_matches"]
    read = {path.split("/")[2] for path in requested()}
    assert first.stop is not None
    assert first.stop.reason == "call_budget"
    assert first.is_ok
    second = warehouse.run("player_matches", opendota_call_budget=5)["player_matches"]
    read_next = {path.split("/")[2] for path in requested()}
    assert len(read) == len(read_next) == first.requests == second.requests == 4  # the stream's share
    assert not read & read_next


def test_no_stream_of_a_run_starves_later_streams(warehouse: Warehouse, players: list[int]) -> None:
    warehouse.track("player", *players)
    reports = warehouse.run(*OF_PLAYERS, opendota_call_budget=16)
    assert all(report.requests > 0 for report in reports.values())
    assert sum(report.requests for report in reports.values()) <= 16


def test_a_record_that_was_wrong_for_a_short_time_is_right_after_the_next_sync(
    warehouse: Warehouse, upstream: Sandbox, players: list[int], requested: Requested
) -> None:
    warehouse.track("player", *players)
    upstream.set_faults(Faults(seed=3, malformed=0.05))
    first = warehouse.run("player_matches")["player_matches"]
    wrong = {(one.account_id, one.match_id): one.field for one in upstream.malformed}
    assert len(wrong) == len(upstream.malformed) > 0
    assert first.rejected == 0
    assert warehouse.rows("SELECT sum(records)::integer FROM ops.field_rejects") == [(len(wrong),)]
    fields = set(wrong.values())
    assert fields == {"hero_id", "kills", "duration", "start_time", "game_mode"}

    def unread() -> set[tuple[int, int]]:
        return {
            record
            for field in fields
            for record in warehouse.rows(
                f"SELECT account_id, match_id FROM staging_opendota.player_matches WHERE {field} IS NULL"
            )
        }

    assert unread() == set(wrong)
    warehouse.run("player_matches")
    assert unread() == set()
    facts = truth(upstream.world, players)
    assert all(stored_matches(warehouse, account) == facts.match_ids(account) for account in players)


def test_a_record_that_stays_wrong_does_not_cause_a_full_scan_each_time(
    warehouse: Warehouse, upstream: Sandbox, players: list[int], requested: Requested
) -> None:
    [account] = players[:1]
    warehouse.track("player", account)
    upstream.set_faults(Faults(seed=3, malformed=0.2, tries=100))
    for _ in range(4):
        warehouse.run("player_matches")
    assert [path.partition("significant=0")[2] for path in requested()] == ["", "", "&limit=100", "&limit=100"]


def test_every_fault_at_once_loses_nothing(warehouse: Warehouse, upstream: Sandbox, players: list[int]) -> None:
    warehouse.track("player", *players)
    upstream.set_faults(
        Faults(seed=5, too_many=0.1, server_error=0.1, hang=0.05, truncate=0.1, cut=0.1, duplicate_page=0.1, hang_s=0.1)
    )
    reports = warehouse.run(*OF_PLAYERS)
    assert [report.failures for report in reports.values()] == [(), (), (), ()]
    facts = truth(upstream.world, players)
    assert all(stored_matches(warehouse, account) == facts.match_ids(account) for account in players)


def test_an_untracked_player_is_not_requested_and_its_stored_data_is_kept(
    warehouse: Warehouse, players: list[int], requested: Requested
) -> None:
    [account] = players[:1]
    warehouse.track("player", account)
    warehouse.run("player_matches")
    with warehouse.connection() as connection:
        untrack(connection, SOURCE.name, "player", [str(account)])
    requested()
    warehouse.run(*OF_PLAYERS)
    assert requested() == []
    assert stored_matches(warehouse, account)


def test_the_cursor_holds_the_newest_stored_match(warehouse: Warehouse, players: list[int]) -> None:
    [account] = players[:1]
    warehouse.track("player", account)
    warehouse.run(*OF_PLAYERS)
    newest = stored_matches(warehouse, account)[-1]
    assert cursor(warehouse, f"player_matches/{account}")["newest_match_id"] == newest
    assert cursor(warehouse, f"player_heroes/{account}") == {"newest_match_id": newest}


@pytest.mark.parametrize("status", [404, 410])
def test_a_missing_history_does_not_affect_other_players(warehouse: Warehouse, status: int) -> None:
    warehouse.track("player", 7, 8)

    def respond(path: str, times: int) -> Reply:
        return error(status, "not here") if path.startswith("/api/players/7/") else Reply()

    report, paths = warehouse.run_against(respond, "player_matches")
    assert [failure.item for failure in report.failures] == ["player 7"]
    assert report.done == 1
    assert report.stop is None
    assert len(paths) == 2
