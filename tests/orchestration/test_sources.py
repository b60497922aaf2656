"""Several sources: messages name the source, and a failure of one does not affect the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import pytest

from ingestion.sources.faceit.source import SOURCE
from sandbox.faceit import KEY
from sandbox.server import Sandbox, serve
from sandbox.world import World
from tests.conftest import Database
from tests.orchestration.conftest import CommandLine, command_line
from warehouse.lake.files import Lake
from warehouse.model.source import Page

UUID = "ffe3566c-9574-4f1b-8012-bf4d42aeb898"


@dataclass(frozen=True)
class Both:
    """A warehouse with both sources, over a simulated world."""

    database: Database
    ladder: CommandLine
    sandbox: Sandbox

    def count(self, table: str) -> int:
        with psycopg.connect(self.database.admin_url) as connection:
            row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture(scope="module")
def both(
    create_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Both]:
    with create_database() as database, serve(World(seed=11, players=30, days=30)) as sandbox:
        plain = command_line(database, tmp_path_factory.mktemp("work"), sandbox)
        budgets = {"LADDER_OPENDOTA_MATCH_BUDGET": "5", "LADDER_FACEIT_MATCH_BUDGET": "5"}
        faceit = {"LADDER_FACEIT_URL": sandbox.faceit_url, "LADDER_FACEIT_KEY": KEY}
        yield Both(database, CommandLine({**plain.environment, **budgets, **faceit}, plain.directory), sandbox)


def test_without_a_key_a_source_without_tracked_entities_is_skipped_with_one_line(ladder: CommandLine) -> None:
    ended = ladder("run", "--plan")
    assert ended.code == 0
    assert [line for line in ended.output.splitlines() if "FACEIT" in line] == [
        "FACEIT is left out, it needs a key; set LADDER_FACEIT_KEY"
    ]
    assert "faceit/" not in ended.output
    assert "ok       FACEIT: it needs a key" in ladder("doctor").output


def test_an_id_is_tracked_without_a_key_and_a_nickname_is_not(ladder: CommandLine) -> None:
    ended = ladder("track", "faceit", "player", UUID.upper(), "Darwin", "[U:1:7]")
    assert ended.code == 1
    assert "1 added" in ended.output
    assert "LADDER_FACEIT_KEY" in ended.output
    assert json.loads(ladder("status", "--json").output)["tracked"] == [
        {"source": "faceit", "kind": "player", "count": 1}
    ]
    assert len(ended.error_lines) == 1
    for text in ("Darwin", "[U:1:7]", "LADDER_FACEIT_KEY"):
        assert text in ended.error_lines[0]
    ended = ladder("track", "faceit", "player", "Darwin", LADDER_FACEIT_KEY="x", LADDER_FACEIT_URL="http://127.0.0.1:9")
    assert (ended.code, ended.output, len(ended.errors.splitlines())) == (1, "", 1)
    assert "cannot be reached at http://127.0.0.1:9" in ended.errors
    assert "1 removed" in ladder("untrack", "faceit", "player", UUID).output


def test_an_invalid_id_is_rejected_with_the_valid_formats(ladder: CommandLine) -> None:
    room = f"https://www.faceit.com/en/cs2/room/1-{UUID}/scoreboard"
    ended = ladder("track", "faceit", "match", room, "8100000000", f"https://www.faceit.com/en/hub/{UUID}/x")
    assert (ended.code, "1 added" in ended.output, len(ended.errors.splitlines())) == (1, True, 2)
    for line, text in zip(ended.error_lines, ("8100000000", "a hub at FACEIT"), strict=True):
        assert text in line
        assert "1-<UUID>, or the address of a room" in line


def test_an_unknown_kind_is_rejected_with_the_known_ones(ladder: CommandLine) -> None:
    for source, kind, known in (("faceit", "league", "championship"), ("opendota", "hub", "league")):
        ended = ladder("track", source, kind, UUID)
        assert ended.code == 2
        assert known in ended.errors


def test_a_nickname_is_looked_up_once(both: Both) -> None:
    world = both.sandbox.faceit.world
    player, other = world.suggested_players(2)
    account = world.accounts.of(player)
    assert account is not None
    before = both.sandbox.faceit.log.count
    ended = both.ladder("track", "faceit", "player", account.nickname, other)
    assert "2 added" in ended.output
    assert f"{account.nickname} ({player})" in ended.output
    assert both.sandbox.faceit.log.count == before + 1
    with psycopg.connect(both.database.admin_url) as connection:
        rows = connection.execute("SELECT id FROM ops.tracked WHERE source = 'faceit'").fetchall()
    assert {id_ for (id_,) in rows} == {player, other}
    ended = both.ladder("track", "faceit", "player", "Unknown-name", other, "76561198000000000")
    assert (ended.code, "0 added, 2 players" in ended.output) == (1, True)
    for line, text in zip(ended.error_lines, ("Unknown-name", "76561198000000000"), strict=True):
        assert text in line


def test_every_format_of_a_player_resolves_to_the_player(both: Both) -> None:
    world = both.sandbox.faceit.world
    account = next(one for one in world.accounts.by_person.values() if one.games == ("cs2", "dota2"))
    only_dota = next(one for one in world.accounts.by_person.values() if one.games == ("dota2",))
    number, id64 = account.account_id, account.game_player_id("cs2")
    both.ladder("track", "faceit", "player", account.player_id)
    forms = [account.nickname.swapcase(), id64, f"STEAM_1:{number % 2}:{number // 2}", f"[U:1:{number}]"]
    forms += [f"https://www.faceit.com/de/players-modal/{account.nickname}/stats/cs2?x=1", f" {account.nickname}\n"]
    forms += [f"https://steamcommunity.com/profiles/{id64}", f"https://stratz.com/players/{number}"]
    ended = both.ladder("track", "faceit", "player", *forms, f"[U:1:{only_dota.account_id}]")
    assert (ended.code, "1 added" in ended.output) == (0, True), ended.errors
    assert ended.output.count(f"({account.player_id})") == len(forms)
    ended = both.ladder("untrack", "faceit", "player", *forms, f"opendota.com/players/{only_dota.account_id}")
    assert (ended.code, "2 removed" in ended.output) == (0, True), ended.errors


def test_doctor_respects_the_shared_rate_limit(both: Both) -> None:
    with psycopg.connect(both.database.admin_url) as connection:
        connection.execute("DELETE FROM ops.request_slots")
    assert "ok       FACEIT: " in both.ladder("doctor").output
    assert both.count("ops.request_slots WHERE source = 'faceit'") == 1


@pytest.mark.slow
def test_a_run_syncs_both_sources_and_publishes(both: Both) -> None:
    players = both.sandbox.faceit.world.suggested_players(2)
    both.ladder("track", "faceit", "player", *players)
    accounts = both.sandbox.world.suggested_players(2)
    both.ladder("track", "opendota", "player", *map(str, accounts))
    ended = both.ladder("run")
    assert ended.code == 0, ended.errors
    assert "published generation" in ended.output
    assert both.count("staging_faceit.players") == 2
    assert both.count("staging_faceit.history_matches") > 0
    # The budget counts matches; a best of two has two rounds.
    assert both.count("(SELECT DISTINCT match_id FROM staging_faceit.match_rounds) AS matches") == 5
    assert both.count("staging_opendota.players") == 2
    doctor = both.ladder("doctor")
    assert doctor.code == 0, doctor.output
    assert "ok       FACEIT: " in doctor.output
    syncs = json.loads(both.ladder("status", "--json").output)["passes"]
    assert {(row["source"], row["name"]) for row in syncs} >= {("faceit", "matches"), ("opendota", "matches")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"LADDER_FACEIT_URL": "http://127.0.0.1:9/unused"}, "LADDER_FACEIT_URL"),
        ({"LADDER_FACEIT_URL": "http://[half"}, "LADDER_FACEIT_URL"),
        ({"LADDER_FACEIT_KEY": "wrong"}, "LADDER_FACEIT_KEY"),
    ],
    ids=["no response", "invalid address", "wrong key"],
)
def test_a_source_that_cannot_be_synced_fails_in_one_line_that_names_the_setting(
    both: Both, environment: dict[str, str], variable: str
) -> None:
    both.ladder("track", "faceit", "player", UUID)
    ended = both.ladder("run", "--only", "faceit", **environment)
    assert ended.code == 1
    assert len(ended.error_lines) == 1, ended.errors
    assert variable in ended.error_lines[0]


@pytest.mark.slow
def test_tracked_entities_without_a_key_fail_in_one_line_and_the_other_source_is_synced_and_published(
    both: Both,
) -> None:
    both.ladder("track", "faceit", "player", UUID)
    both.sandbox.advance(seconds=3600)
    both.sandbox.requests.clear()
    ended = both.ladder("run", LADDER_FACEIT_KEY="")
    assert ended.code == 1
    assert len(ended.error_lines) == 1, ended.errors
    assert "LADDER_FACEIT_KEY" in ended.error_lines[0]
    assert both.sandbox.requests.count > 0
    assert "generation" in ended.output


@pytest.mark.slow
def test_an_unreachable_opendota_does_not_affect_faceit(both: Both) -> None:
    before = both.sandbox.faceit.log.count
    ended = both.ladder("run", LADDER_OPENDOTA_URL="http://127.0.0.1:9/unused")
    assert ended.code == 1
    assert any("LADDER_OPENDOTA_URL" in line for line in ended.error_lines)
    assert both.sandbox.faceit.log.count > before
    assert "generation" in ended.output


@pytest.mark.slow
def test_a_damaged_lake_file_of_one_source_does_not_affect_the_load_of_the_other(both: Both) -> None:
    lake = Lake(both.database.settings.lake_path)
    damaged = lake.land(SOURCE, "player", [Page("player", "/players/x", {}, 200, datetime.now(UTC), b"{}")])
    damaged.write_bytes(b"not Parquet")
    accounts = both.sandbox.world.suggested_players(3)
    both.ladder("track", "opendota", "player", str(accounts[2]))
    try:
        ended = both.ladder("run")
    finally:
        damaged.unlink()
    assert ended.code == 1
    assert "faceit is not loaded" in ended.errors
    assert both.count(f"staging_opendota.players WHERE account_id = {accounts[2]}") == 1
    assert "published generation" in ended.output


def test_a_stream_of_a_source_without_a_key_is_rejected(ladder: CommandLine) -> None:
    ended = ladder("run", "--only", "faceit/players")
    assert ended.code == 1
    assert "LADDER_FACEIT_KEY" in ended.error_lines[0]
