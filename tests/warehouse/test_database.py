"""Connections: a URL applies to all programs that connect, and errors name the server that is unavailable."""

from __future__ import annotations

from pathlib import Path

import pytest

from warehouse.core.errors import DatabaseError
from warehouse.database.connection_hints import connection_hint
from warehouse.database.connections import connect, libpq_environment

_CLOSED_PORT = "postgresql://ann:secret@127.0.0.1:9/games"


def test_libpq_programs_get_all_parameters_of_a_url() -> None:
    found = libpq_environment("postgresql://ann:p%40ss@db.example:6432/games?sslmode=verify-full&sslrootcert=/ca.pem")
    assert found == {
        "PGHOST": "db.example",
        "PGPORT": "6432",
        "PGUSER": "ann",
        "PGPASSWORD": "p@ss",
        "PGDATABASE": "games",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/ca.pem",
    }


def test_the_hint_names_a_variable_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADDER_DATABASE_URL", _CLOSED_PORT)
    monkeypatch.setenv("LADDER_REDIS_URL", "redis://127.0.0.1:9/0")
    with pytest.raises(DatabaseError) as raised:
        connect(_CLOSED_PORT)
    assert raised.value.hint == "check LADDER_DATABASE_URL and that the server accepts this login"
    assert "LADDER_REDIS_URL" in connection_hint("valkey")


def test_the_hint_names_no_variable_for_an_embedded_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LADDER_HOME", str(tmp_path))
    with pytest.raises(DatabaseError) as raised:
        connect(_CLOSED_PORT)
    for server, hint in (("postgres", raised.value.hint), ("valkey", connection_hint("valkey"))):
        assert "embedded" in hint
        assert hint.endswith(f"see {tmp_path}/servers/{server}.log")
