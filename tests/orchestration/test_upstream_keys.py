"""A key that a source repeats in a response is found nowhere after a run: not shown, not logged, not stored."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Database
from tests.ingestion.scripted_server import Reply, error, scripted
from tests.orchestration.conftest import CommandLine
from warehouse.lake.files import Lake

_CANARY = "c4nary-9f2e7d1b55"
_REPLIES = {
    "heroes": error(500, f"no {_CANARY}"),
    "game_mode": Reply(body=b'{"1": {"id": 1}}', headers={"x-key": _CANARY}),
    "lobby_type": error(400, "x" * 195 + _CANARY),
    "patch": Reply(302, b"", {"location": f"http://127.0.0.1:9/?key={_CANARY}"}),
    "region": Reply(403, f"<html><title>{'y' * 95}{_CANARY}</title>".encode(), {"content-type": "text/html"}),
    "heroStats": error(401, f"unknown key {_CANARY}"),
    "teams": Reply(200, f'[{{"team_id": 1, "name": "{_CANARY}"}}]'.encode()),
    "leagues": Reply(200, f'[{{"name": "{_CANARY}"}}, "{_CANARY}"]'.encode()),
    "proMatches": error(403, f"key {_CANARY}"),
    "publicMatches": Reply(404, f"{_CANARY}".encode(), phrase=f"No {_CANARY}"),
}


def _reply(path: str, times: int) -> Reply:
    # Each command first requests the world of an address; only a sandbox has that path.
    return _REPLIES.get(path.partition("?")[0].rpartition("/")[2], error(404, _CANARY))


@pytest.mark.long
def test_a_canary_key_is_found_nowhere_after_a_run(database: Database, ladder: CommandLine) -> None:
    async def scenario() -> list[str]:
        async with scripted(_reply) as server:
            given = {"LADDER_OPENDOTA_URL": server.url, "LADDER_OPENDOTA_KEY": _CANARY, "LADDER_LOG_LEVEL": "debug"}
            commands = (("run",), ("status",), ("status", "--json"), ("rejects", "list"), ("doctor",))
            ended = [await asyncio.to_thread(ladder, *command, **given) for command in commands]
            assert {path.rpartition("/")[2] for path in server.requests} - {"world"} == set(_REPLIES)
            # The world is requested without the key.
            with_key = {
                path.rpartition("/")[2]
                for path, headers in zip(server.requests, server.headers, strict=True)
                if headers.get("authorization") == f"Bearer {_CANARY}"
            }
            assert with_key == set(_REPLIES)
            return [one.output + one.errors for one in ended]

    for shown in asyncio.run(scenario()):
        assert _CANARY not in shown
    home = database.settings.home
    assert (home / "logs" / "ladder.log").stat().st_size > 0
    assert [path for path in home.rglob("*") if path.is_file() and _holds(path)] == []
    lake = Lake(database.settings.lake_path)
    pages = [page for path in lake.files("opendota") for page in lake.read(path)]
    assert len(pages) >= 3
    assert [page for page in pages if _CANARY.encode() in page.body] == []
    with psycopg.connect(database.admin_url) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert ("dagster.event_logs",) in tables
        found = [
            table
            for (table,) in tables
            if connection.execute(
                f"SELECT EXISTS (SELECT FROM {table} AS one WHERE one::text LIKE %s)".encode(), [f"%{_CANARY}%"]
            ).fetchone()
            != (False,)
        ]
    assert found == []


def _holds(path: Path) -> bool:
    return _CANARY.encode() in path.read_bytes()
