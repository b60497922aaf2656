"""A user's mistake ends in one clear line with the cause and the next step, and a non-zero exit code."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.orchestration.conftest import CommandLine, Filled


def test_help_imports_no_heavy_package() -> None:
    code = "import sys, orchestration.cli; print({'dagster', 'dbt', 'polars', 'psycopg'} & sys.modules.keys())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert ended.stdout.strip() == b"set()"


def test_help_lists_every_command(ladder: CommandLine) -> None:
    ended = ladder.process("--help")
    assert ended.code == 0
    for name in [
        "demo",
        "up",
        "run",
        "track",
        "untrack",
        "status",
        "query",
        "psql",
        "connection",
        "rejects",
        "replay",
        "compact",
        "publish",
        "serve",
        "keys",
        "upstream",
        "doctor",
    ]:
        assert f"  {name} " in ended.output


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["run", "--nonsense"], ["track", "opendota", "player"], ["track", "steam", "player", "1"]],
    ids=" ".join,
)
def test_invalid_usage_exits_with_2(ladder: CommandLine, arguments: list[str]) -> None:
    ended = ladder.process(*arguments)
    assert ended.code == 2
    assert "Error:" in ended.errors


def test_valid_ids_are_tracked_and_invalid_ones_are_reported_line_by_line(ladder: CommandLine) -> None:
    account, wrong = "101695162", ["abc", "-5", "4294967296", "two\nlines", "https://steamcommunity.com/id/gaben"]
    right = [account, "007", "76561198061960890", "STEAM_0:0:50847581", "https://www.dotabuff.com/players/101695162"]
    ended = ladder("track", "opendota", "player", "--", *wrong[:2], *right, *wrong[2:])
    assert ended.code == 1
    assert "2 added, 2 players tracked" in ended.output
    assert len(ended.error_lines) == len(ended.errors.splitlines()) == len(wrong)
    for line, text in zip(ended.error_lines, wrong, strict=True):
        assert text.replace("\n", "\\n") in line
        for form in ("account id", "64 bits", "STEAM_0:y:z", "[U:1:n]", "address", "OpenDota", "Dotabuff", "STRATZ"):
            assert form in line
    assert "Steam's API" in ended.error_lines[-1]
    again = ladder("untrack", "opendota", "player", f"[U:1:{account}]", "0000007", "abc")
    assert (again.code, "2 removed" in again.output, len(again.error_lines)) == (1, True, 1)


def test_without_a_valid_id_nothing_is_tracked(ladder: CommandLine) -> None:
    ended = ladder("track", "opendota", "match", "https://www.opendota.com/players/101695162")
    assert (ended.code, ended.output, len(ended.errors.splitlines())) == (1, "", 1)
    assert "the address of a player at OpenDota" in ended.errors


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LADDER_OPENDOTA_URL", "ftp://example.org"),
        ("LADDER_DATABASE_URL", "postgresql://ann:secret@127.0.0.1:5432"),
        ("LADDER_REDIS_URL", "secret@localhost:6379"),
    ],
)
def test_an_invalid_setting_is_named(ladder: CommandLine, variable: str, value: str) -> None:
    ended = ladder.process("status", **{variable: value})
    assert ended.code == 1
    assert variable in ended.error_lines[0]
    assert "secret" not in ended.errors


def test_a_database_that_does_not_respond_is_named(ladder: CommandLine) -> None:
    ended = ladder("run", LADDER_DATABASE_URL="postgresql://nobody:secret@127.0.0.1:9/none")
    assert ended.code == 1
    assert "127.0.0.1:9/none" in ended.error_lines[0]
    assert "secret" not in ended.errors


def test_a_home_that_cannot_be_written_is_named(ladder: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = ladder("doctor", LADDER_HOME=str(tmp_path / "file" / "home"))
    assert ended.code == 1
    assert f"{tmp_path / 'file' / 'home'}" in ended.output


@pytest.mark.parametrize("variable", ["LADDER_DAGSTER_PORT", "LADDER_API_PORT"])
def test_up_rejects_a_busy_port_and_names_the_variable(ladder: CommandLine, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ports = {"LADDER_DAGSTER_PORT": "0", "LADDER_API_PORT": "0", variable: str(listener.getsockname()[1])}
        ended = ladder("up", **ports)
    assert ended.code == 1
    assert variable in ended.error_lines[0]


def test_status_of_a_warehouse_without_a_run_shows_the_next_step(ladder: CommandLine) -> None:
    ended = ladder("status")
    assert ended.code == 0
    assert "`ladder run`" in ended.output


def test_nothing_can_be_published_or_rolled_back_before_a_run(ladder: CommandLine) -> None:
    for arguments in (["publish"], ["publish", "--rollback"]):
        ended = ladder(*arguments)
        assert ended.code == 1
        assert "ladder run" in ended.error_lines[0]


def test_an_unknown_stream_is_rejected_with_a_list_of_the_known_ones(ladder: CommandLine) -> None:
    ended = ladder("run", "--only", "nonsense")
    assert ended.code == 1
    assert "player_matches" in ended.error_lines[0]


def test_an_upstream_that_does_not_respond_fails_in_one_line_and_the_marts_keep_serving(filled: Filled) -> None:
    before = filled.ladder("query", "table player_win_rates", "--format", "csv").output
    ended = filled.ladder("run", LADDER_OPENDOTA_URL="http://127.0.0.1:9/api")
    assert ended.code == 1
    assert len(ended.error_lines) == 1
    assert "127.0.0.1:9" in ended.error_lines[0]
    assert filled.ladder("query", "table player_win_rates", "--format", "csv").output == before


def test_an_unknown_player_fails_in_one_line_and_the_rest_is_synced(filled: Filled) -> None:
    assert filled.ladder("track", "opendota", "player", "4000000001").code == 0
    try:
        ended = filled.ladder("run")
    finally:
        filled.ladder("untrack", "opendota", "player", "4000000001")
    assert ended.code == 1
    assert len(ended.error_lines) == 1
    assert "player 4000000001" in ended.error_lines[0]
    assert "untrack" in ended.error_lines[0]
    assert "generation" in ended.output


def test_a_closed_output_pipe_is_no_error(filled: Filled) -> None:
    command = f"{Path(sys.executable).with_name('ladder')} query 'table fct_player_matches' --format csv | head -1"
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        env={**os.environ, **filled.ladder.environment},
        capture_output=True,
        check=False,
    )
    assert ended.stderr == b""
