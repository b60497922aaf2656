"""Tracked players: all data that FACEIT has of them, in as few requests as possible."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ingestion.sources.faceit.connector import CONNECTOR
from ingestion.sources.faceit.source import SOURCE
from sandbox.faceit.truth import truth
from sandbox.faults import Faults
from sandbox.server import Sandbox
from tests.conftest import Database
from tests.ingestion.clocks import ShiftedClock
from tests.ingestion.scripted_server import Reply
from tests.ingestion.sources.faceit.conftest import Warehouse
from tests.ingestion.sources.faceit.lists import PLAYER, history, match, not_found, paged, query_of, statistics
from warehouse.database.connections import connect
from warehouse.ops.state import untrack

Requested = Callable[[], list[str]]
OF_PLAYERS = ("players", "history_matches", "player_match_stats", "player_stats", "player_bans")


def stored_histories(warehouse: Warehouse, players: list[str]) -> set[tuple[str, str, str]]:
    rows = warehouse.rows(
        "SELECT player_id, match_id, upper(status) FROM staging_faceit.history_players "
        "JOIN staging_faceit.history_matches USING (match_id) WHERE player_id = ANY(%s)",
        players,
    )
    return {(player, match, status) for player, match, status in rows}


def true_histories(upstream: Sandbox, players: list[str]) -> set[tuple[str, str, str]]:
    frame = truth(upstream.faceit.world, players).histories
    return {(player, match, status.upper()) for player, match, status in frame.iter_rows()}


def players_of_cs2(upstream: Sandbox, players: list[str]) -> list[str]:
    accounts = upstream.faceit.world.accounts
    return [player for player in players if (account := accounts.of(player)) and "cs2" in account.games]


def test_the_first_run_reads_every_match_of_every_player(
    simulated: Warehouse, upstream: Sandbox, players: list[str]
) -> None:
    simulated.track("player", *players)
    reports = simulated.run(*OF_PLAYERS)
    assert all(report.is_ok for report in reports.values())
    expected = true_histories(upstream, players)
    assert len(expected) > 300
    assert stored_histories(simulated, players) == expected
    facts = truth(upstream.faceit.world, players).player_matches
    stored = simulated.rows(
        "SELECT player_id, match_id, match_round, (stats ->> 'Kills')::integer FROM staging_faceit.player_match_stats"
    )
    assert sorted(stored) == sorted(facts.select("player_id", "match_id", "map_number", "kills").rows())


def test_the_elo_in_each_game_is_that_of_the_profile(
    simulated: Warehouse, upstream: Sandbox, players: list[str]
) -> None:
    simulated.track("player", *players)
    simulated.run("players")
    elos = truth(upstream.faceit.world, players).elos
    shown = {(player, game): elo for player, game, _, elo, _ in elos.iter_rows()}
    # A game that a profile does not show is an observation without an elo.
    expected = {(player, game): shown.get((player, game)) for player in players for game in ("cs2", "dota2")}
    assert set(shown) < set(expected)
    stored = {
        (player, game): elo or None
        for player, game, elo in simulated.rows("SELECT player_id, game, faceit_elo FROM staging_faceit.player_elos")
        if game in ("cs2", "dota2")
    }
    assert {game for _, game in stored} == {"cs2", "dota2"}
    assert stored == expected


def test_matches_of_cs2_are_requested_only_for_players_of_cs2(
    simulated: Warehouse, upstream: Sandbox, requested: Requested
) -> None:
    all_players = upstream.faceit.world.suggested_players(30)
    of_cs2 = players_of_cs2(upstream, all_players)
    assert 0 < len(of_cs2) < len(all_players)
    simulated.track("player", *all_players)
    simulated.run("players")
    requested()
    simulated.run("history_matches")
    assert {path.split("/")[2] for path in requested()} == set(of_cs2)


def test_a_player_with_nothing_new_costs_a_profile_and_one_page(
    simulated: Warehouse, upstream: Sandbox, players: list[str], requested: Requested
) -> None:
    simulated.track("player", *players)
    simulated.run(*OF_PLAYERS)
    requested()
    simulated.run(*OF_PLAYERS)
    requests = [path for path in requested() if "&to=" not in path]
    parts = [path.partition("?")[0].split("/")[2:] for path in requests]
    assert sorted(id_ for id_, *part in parts if not part) == sorted(players)
    assert sorted(id_ for id_, *part in parts if part == ["history"]) == sorted(players_of_cs2(upstream, players))
    # Statistics that are still missing are requested once more.
    assert {"/".join(part) for _, *part in parts} <= {"", "history", "games/cs2/stats"}


def test_new_matches_bring_statistics_and_totals_up_to_date(
    simulated: Warehouse, upstream: Sandbox, players: list[str], requested: Requested
) -> None:
    simulated.track("player", *players)
    simulated.run(*OF_PLAYERS)
    upstream.advance(days=10)
    requested()
    simulated.run(*OF_PLAYERS)
    paths = requested()
    assert any("/stats/cs2" in path for path in paths)
    assert stored_histories(simulated, players) == true_histories(upstream, players)
    facts = truth(upstream.faceit.world, players)
    assert simulated.rows("SELECT count(*) FROM staging_faceit.player_match_stats") == [(facts.player_matches.height,)]
    # Late results and cancelled matches are up to date.
    states = dict(simulated.rows("SELECT upper(status), count(*) FROM staging_faceit.history_matches GROUP BY 1"))
    assert states["CANCELLED"] > 0


def test_statistics_are_requested_again_while_the_newest_match_is_recent_and_once_a_day(warehouse: Warehouse) -> None:
    warehouse.track("player", PLAYER)
    recent = int(ShiftedClock().now().timestamp()) - 3600
    body = f'{{"items": [{{"match_id": "1", "game_id": "cs2", "finished_at": {recent}}}]}}'.encode()
    empty = b'{"items": []}'
    warehouse.run_against(lambda path, n: Reply(body=body), "history_matches")

    def requests(**later: float) -> int:
        clock = ShiftedClock(**later)
        return len(warehouse.run_against(lambda path, n: Reply(body=empty), "player_match_stats", clock)[1])

    assert [requests(hours=hours) for hours in (0, 1, 22, 24, 45, 47)] == [1, 1, 1, 0, 0, 1]


def test_missing_statistics_are_requested_by_the_next_run_and_on_the_schedule(warehouse: Warehouse) -> None:
    warehouse.track("player", PLAYER)
    old = match(1, int(ShiftedClock().now().timestamp()) - 10 * 86_400)
    warehouse.run_against(history([old]), "history_matches")

    def requests(*timestamps: int, **later: float) -> int:
        return len(warehouse.run_against(statistics(timestamps), "player_match_stats", ShiftedClock(**later))[1])

    assert [requests(), requests(), requests(), requests(minutes=29), requests(minutes=31)] == [1, 1, 0, 0, 1]
    with warehouse.connection() as connection:
        planned_syncs = CONNECTOR.plan(connection, warehouse.settings, ShiftedClock(hours=2).now())
    assert {one.name: one.due for one in planned_syncs}["player_match_stats"] == {"no_statistics": 1}
    # The first record is match 0, the second is the missing one.
    assert [requests(1_000, 2_000, hours=2), requests(hours=3), requests(hours=20)] == [1, 0, 0]


def test_a_profile_is_read_by_each_run_and_is_another_observation_of_the_elo(
    simulated: Warehouse, players: list[str], requested: Requested
) -> None:
    simulated.track("player", players[0])
    assert simulated.run("players")["players"].done == 1
    [(before,)] = simulated.rows("SELECT count(*) FROM staging_faceit.player_elos")
    requested()  # the first response of a world may take longer than the timeout
    assert simulated.run("players")["players"].done == 1
    assert requested() == [f"/players/{players[0]}"]
    assert simulated.rows("SELECT count(*) FROM staging_faceit.players") == [(1,)]
    assert simulated.rows("SELECT count(*) FROM staging_faceit.player_elos") == [(2 * before,)]


def test_bans_are_read_once_a_day(simulated: Warehouse, upstream: Sandbox, requested: Requested) -> None:
    all_players = upstream.faceit.world.suggested_players(40)
    simulated.track("player", *all_players)
    simulated.run("player_bans")
    assert len(requested()) == len(all_players)
    assert simulated.rows("SELECT count(*) > 0 FROM staging_faceit.player_bans") == [(True,)]
    simulated.run("player_bans", clock=ShiftedClock(hours=23))
    assert requested() == []
    simulated.run("player_bans", clock=ShiftedClock(hours=25))
    assert len(requested()) == len(all_players)


@pytest.mark.parametrize("name", ["player_stats", "player_match_stats"])
def test_a_player_without_statistics_is_no_failure_and_not_requested_by_each_run(
    warehouse: Warehouse, name: str
) -> None:
    warehouse.track("player", PLAYER)
    report, paths = warehouse.run_against(lambda path, n: not_found("player's statistics"), name)
    assert report.is_ok
    assert len(paths) == 1
    _, again = warehouse.run_against(lambda path, n: not_found("player's statistics"), name)
    assert again == []


def test_an_unknown_player_is_one_line_and_the_others_are_read(simulated: Warehouse, players: list[str]) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    simulated.track("player", players[0], unknown, "Darwin", players[1])
    reports = simulated.run(*OF_PLAYERS)
    failures = {failure.item: failure.message for report in reports.values() for failure in report.failures}
    assert sum(len(report.failures) for report in reports.values()) == len(failures) == 2
    assert f"`ladder untrack faceit player {unknown}`" in failures[f"player {unknown}"]
    assert "`ladder untrack faceit player Darwin`" in failures["player Darwin"]
    assert reports["players"].done == 2


@pytest.mark.parametrize("status", [404, 410])
def test_a_player_with_private_data_affects_neither_other_streams_nor_other_players(
    warehouse: Warehouse, status: int
) -> None:
    warehouse.track("player", PLAYER)

    def respond(path: str, times: int) -> Reply:
        if "/games/cs2/stats" in path:
            return Reply(403, b'{"code": "err_f0", "message": "private"}')
        if "/history" in path:
            return not_found("history", status)
        bodies = {"players": {"player_id": PLAYER, "games": {"cs2": {}}}, "rankings": {"items": []}}
        empty: dict[str, Any] = {"items": [], "player_id": PLAYER, "game_id": "cs2"}
        name = path.split("/")[2] if path.count("/") == 3 or "rankings" in path else ""
        return Reply(body=json.dumps(bodies.get(name, empty)).encode())

    reports, paths = warehouse.run_all_against(respond, *OF_PLAYERS)
    assert [name for name, report in reports.items() if report.failures] == ["history_matches", "player_match_stats"]
    assert "untrack" not in reports["player_match_stats"].failures[0].message
    assert {name: reports[name].done for name in ("players", "player_stats", "player_bans")} == {
        "players": 1,
        "player_stats": 1,
        "player_bans": 1,
    }
    assert any(path.startswith(f"/players/{PLAYER}/bans") for path in paths)


@pytest.mark.parametrize("game", ["cs2", "dota2"])
def test_an_unreadable_elo_is_no_observation_of_a_lost_rank(warehouse: Warehouse, game: str) -> None:
    warehouse.track("player", PLAYER)
    levels = {"skill_level": "ten", "faceit_elo": 2000}
    for games in ({game: levels}, {game: {"faceit_elo": "?"}}, {}):
        body = json.dumps({"player_id": PLAYER, "games": {"tf2": {}, **games}}).encode()
        warehouse.run_against(lambda path, n, body=body: Reply(body=body), "players")
    observed = "SELECT faceit_elo, skill_level FROM staging_faceit.player_elos WHERE game = %s ORDER BY observed_at"
    assert warehouse.rows(observed, game) == [(2000, None), (None, None)]
    assert warehouse.rows("SELECT table_name, field_path FROM ops.rejects") == [("player_elos", "$.faceit_elo")]
    assert warehouse.rows("SELECT table_name, field_path, records FROM ops.field_rejects") == [
        ("player_elos", "$.skill_level", 1)
    ]


@pytest.mark.parametrize(("game", "is_failure"), [("cs2", True), ("dota2", True), ("battalion", False)])
def test_a_profile_is_unusable_only_if_required_fields_are_missing(
    warehouse: Warehouse, game: str, is_failure: bool
) -> None:
    warehouse.track("player", PLAYER)
    body = json.dumps({"player_id": PLAYER, "games": {"tf2": {}, game: {"faceit_elo": "ten"}}}).encode()
    report, _ = warehouse.run_against(lambda path, n: Reply(body=body), "players")
    assert (not report.is_ok, report.notices == ()) == (is_failure, is_failure)
    assert warehouse.rows("SELECT count(*) FROM staging_faceit.players") == [(1,)]


def test_a_player_without_a_profile_is_a_notice_and_no_failure(warehouse: Warehouse) -> None:
    warehouse.track("player", PLAYER)
    report, _ = warehouse.run_against(lambda path, n: Reply(body=b"null"), "players")
    assert report.is_ok
    assert f"`ladder untrack faceit player {PLAYER}`" in report.notices[0]


@pytest.mark.parametrize(
    ("reply", "is_of_key"),
    [
        (Reply(401, b'{"errors": [{"message": "Unauthorized", "code": "err_a0", "http_status": 401}]}'), True),
        (Reply(403, b'{"code": "err_f0", "message": "Forbidden"}'), True),
        (Reply(403, b"<html>"), False),
        (Reply(401, b""), False),
    ],
)
def test_a_refusal_concerns_the_key_only_with_the_apis_message(
    warehouse: Warehouse, reply: Reply, is_of_key: bool
) -> None:
    """A refusal of one player affects only that player; refusals of every request stop the source."""
    others = [f"{PLAYER[:-1]}{digit}" for digit in "0123456"]
    warehouse.track("player", *others)
    good = Reply(body=b'{"items": []}')

    def one(path: str, times: int) -> Reply:
        name = path.rpartition("/")[2]
        body = json.dumps({"player_id": name, "games": {}}).encode()
        return reply if name == others[0] else Reply(body=body) if name in others else good

    report, _ = warehouse.run_against(one, "players")
    assert (report.done, len(report.failures), report.stop) == (len(others) - 1, 1, None)
    report, _ = warehouse.run_against(lambda path, n: reply, "players", ShiftedClock(hours=1))
    assert report.stop is not None
    assert report.stop.is_of_source
    assert ("LADDER_FACEIT_KEY" in report.stop.message) == is_of_key


def test_more_bans_than_fit_a_page_are_all_read(warehouse: Warehouse) -> None:
    warehouse.track("player", PLAYER)
    bans = [{"user_id": PLAYER, "type": "game", "starts_at": f"2026-01-{number:03}"} for number in range(130)]
    _, paths = warehouse.run_against(lambda path, n: paged(bans, query_of(path)), "player_bans")
    assert len(paths) == 2
    assert warehouse.rows("SELECT count(*) FROM staging_faceit.player_bans") == [(130,)]


def test_no_stream_of_a_run_starves_later_streams(simulated: Warehouse, players: list[str]) -> None:
    simulated.track("player", *players)
    reports = simulated.run(*OF_PLAYERS, faceit_call_budget=20)
    assert all(report.requests > 0 for report in reports.values())
    assert sum(report.requests for report in reports.values()) <= 20


def test_every_fault_at_once_loses_nothing(simulated: Warehouse, upstream: Sandbox, players: list[str]) -> None:
    simulated.track("player", *players)
    upstream.faceit.set_faults(
        Faults(seed=5, too_many=0.1, server_error=0.1, hang=0.05, truncate=0.1, cut=0.1, malformed=0.02, hang_s=0.1)
    )
    simulated.run(*OF_PLAYERS)
    upstream.faceit.set_faults(Faults(seed=6, duplicate_page=0.3))
    for hours in (1, 2, 3, 30):
        simulated.run(*OF_PLAYERS, clock=ShiftedClock(hours=hours))
    upstream.faceit.set_faults(Faults())
    simulated.run(*OF_PLAYERS, clock=ShiftedClock(hours=60))
    assert upstream.faceit.fault_injector.malformed
    assert stored_histories(simulated, players) == true_histories(upstream, players)
    facts = truth(upstream.faceit.world, players)
    assert simulated.rows("SELECT count(*) FROM staging_faceit.player_match_stats") == [(facts.player_matches.height,)]


def test_an_untracked_player_is_not_requested_and_its_stored_data_is_kept(
    simulated: Warehouse, players: list[str], requested: Requested
) -> None:
    simulated.track("player", players[0])
    simulated.run("players")
    with simulated.connection() as connection:
        untrack(connection, SOURCE.name, "player", players[:1])
    requested()
    simulated.run(*OF_PLAYERS)
    assert requested() == []
    assert simulated.rows("SELECT count(*) FROM staging_faceit.players") == [(1,)]


def _of_csgo(path: str, times: int) -> Reply:
    """A player of both games, with one match in each."""
    if path.endswith(f"/players/{PLAYER}"):
        return Reply(body=json.dumps({"player_id": PLAYER, "games": {"cs2": {}, "csgo": {"skill_level": 8}}}).encode())
    game = query_of(path).get("game") or ("csgo" if "csgo" in path else "cs2")
    if "/history" in path:
        record = {"match_id": f"1-{game}", "game_id": game, "finished_at": 1_650_000_000, "status": "finished"}
        return paged([record] if "to" not in query_of(path) else [], query_of(path))
    if "/games/" in path:
        stats = {"Match Id": f"1-{game}", "Match Finished At": 1_650_000_000_000, "Game": game, "Kills": "9"}
        return paged([{"stats": stats}] if "to" not in query_of(path) else [], query_of(path))
    return Reply(body=json.dumps({"player_id": PLAYER, "game_id": game, "items": []}).encode())


def test_csgo_is_read_once_a_week_for_players_who_played_it(warehouse: Warehouse) -> None:
    warehouse.track("player", PLAYER)
    names = ("players", "history_matches", "player_match_stats", "player_stats")
    reports, _ = warehouse.run_all_against(_of_csgo, *names)
    assert all(report.is_ok for report in reports.values())
    stored = warehouse.rows(
        "SELECT game_id, game, kills FROM staging_faceit.history_matches AS matches JOIN (SELECT match_id, game, "
        "stats ->> 'Kills' AS kills FROM staging_faceit.player_match_stats) AS stats USING (match_id) ORDER BY 1"
    )
    assert stored == [("cs2", "cs2", "9"), ("csgo", "csgo", "9")]
    assert warehouse.rows("SELECT game_id FROM staging_faceit.player_stats ORDER BY 1") == [("cs2",), ("csgo",)]

    def games_read(**later: float) -> set[str]:
        reading = warehouse.run_all_against(_of_csgo, "history_matches", clock=ShiftedClock(**later))
        return {query_of(path)["game"] for path in reading[1]}

    assert games_read(days=1) == {"cs2"}
    assert games_read(days=7) == {"cs2", "csgo"}


def test_csgo_is_not_requested_for_players_who_never_played_it(warehouse: Warehouse) -> None:
    warehouse.track("player", PLAYER)
    body = json.dumps({"player_id": PLAYER, "games": {"cs2": {}}}).encode()

    def respond(path: str, times: int) -> Reply:
        return Reply(body=body) if path.endswith(f"/players/{PLAYER}") else paged([], query_of(path))

    _, paths = warehouse.run_all_against(respond, "players", "history_matches", "player_match_stats")
    assert [path for path in paths if "csgo" in path] == []


@pytest.mark.parametrize("status", [404, 410])
def test_a_game_that_faceit_no_longer_serves_is_a_notice_and_no_failure(warehouse: Warehouse, status: int) -> None:
    warehouse.track("player", PLAYER)

    def respond(path: str, times: int) -> Reply:
        return not_found("game", status) if "csgo" in path else _of_csgo(path, times)

    reports, _ = warehouse.run_all_against(respond, "players", "history_matches", "player_match_stats", "player_stats")
    assert all(report.is_ok for report in reports.values())
    assert reports["history_matches"].notices == (
        f"player {PLAYER} in csgo: FACEIT no longer serves csgo; stored data is kept",
    )
    assert warehouse.rows("SELECT match_id FROM staging_faceit.history_matches") == [("1-cs2",)]
    assert warehouse.run_all_against(respond, "history_matches")[0]["history_matches"].notices == ()


def test_a_player_without_any_game_that_is_read_is_a_notice(warehouse: Warehouse) -> None:
    warehouse.track("player", PLAYER)
    body = json.dumps({"player_id": PLAYER, "games": {"valorant": {}}}).encode()
    report, _ = warehouse.run_against(lambda path, times: Reply(body=body), "players")
    assert report.is_ok
    assert "none of the games that are read (cs2, csgo, dota2)" in report.notices[0]


def test_a_difference_of_totals_triggers_one_full_scan_even_if_it_is_not_compared_afterwards(
    warehouse: Warehouse, database: Database
) -> None:
    warehouse.track("player", PLAYER)
    respond = history([match(number, 1_700_000_000 + 86_400 * number) for number in range(150)])

    def pages() -> int:
        return len(warehouse.run_against(respond, "history_matches")[1])

    assert (pages(), pages()) == (2, 1)
    with connect(database.admin_url) as connection:
        connection.execute(
            "INSERT INTO ops.source_totals (source, player_id, measure, theirs, ours, compared_at, differs_since) "
            "VALUES ('faceit', %s, 'wins', 3, 2, now(), now())",
            [PLAYER],
        )
    assert (pages(), pages()) == (2, 1)


def test_faceits_totals_are_compared_only_over_the_5v5_ladder(warehouse: Warehouse) -> None:
    warehouse.track("player", PLAYER)
    # The mode is in the history, or else in the statistics; a match without either counts as 5v5.
    modes = [("5v5", None), (None, "CS2 5v5"), (None, None), ("2v2", None), (None, "Wingman"), ("1v1", "5v5")]
    ended = [1_700_000_000 + number for number in range(len(modes))]
    matches = [match(number, at) | {"game_mode": modes[number][0]} for number, at in enumerate(ended)]

    def respond(path: str, times: int) -> Reply:
        if path.endswith(f"/players/{PLAYER}"):
            return Reply(body=json.dumps({"player_id": PLAYER, "games": {"cs2": {}}}).encode())
        if "/history" in path:
            return history(matches)(path, times)
        if "/games/" in path:
            records = [
                {"Match Id": one["match_id"], "Match Round": "1", "Match Finished At": at * 1000, "Game": "cs2"}
                | {"Result": "1", "Game Mode": listed}
                for one, at, (_, listed) in zip(matches, ended, modes, strict=True)
            ]
            return paged([{"stats": stats} for stats in records] if "to" not in query_of(path) else [], query_of(path))
        segments = [
            {"type": "Map", "mode": mode, "label": "Nuke", "stats": {"Matches": number, "Wins": number}}
            for mode, number in (("5V5", "3"), ("Wingman", "9"))
        ]
        body = {"player_id": PLAYER, "game_id": "cs2", "lifetime": {"Matches": "12"}, "segments": segments}
        return Reply(body=json.dumps(body).encode())

    names = ("players", "history_matches", "player_match_stats", "player_stats")
    reports, _ = warehouse.run_all_against(respond, *names)
    assert all(report.is_ok for report in reports.values())
    compared = "SELECT measure, theirs, ours FROM ops.source_totals ORDER BY measure"
    assert warehouse.rows(compared) == [("matches", 3, 3), ("wins", 3, 3)]
