"""Connections: what a URL says holds for every program that connects."""

from __future__ import annotations

from warehouse.database import libpq_environment


def test_a_url_reaches_programs_of_libpq_whole() -> None:
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
