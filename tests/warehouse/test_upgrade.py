"""Promises to those who have a warehouse already: it opens, and is then like one that was just set up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from ingestion.registry import readers
from tests.conftest import Database
from warehouse.migrate import migrate
from warehouse.publish import plan_build

#: As they were applied in somebody's warehouse: a later change is another migration.
DIGESTS = {
    "0001_ops.sql": "5fb9cfe811fcc4bcde9715ebe80016184cbeb3a80618d3cd3d0f77753ef52186",
    "0002_marts.sql": "a74b1a6e49c7ce6f73b2a3d9a0fc4e1c78924ade455883d22f4fe4303b6cccda",
    "0002a_first_tables_as_later_written.sql": "f0d142169a2ec578df7e9680fd18a1e9f60e5b84095bbffc39596437af1f1d3a",
    "0003_request_slots.sql": "3339feb55bf2a5ffd40fe7d7bf790775ef530a9525720b6bb1908c62574e9f4f",
    "0004_api_keys.sql": "1f54cc1ec0b1183d1b04eb58d289a93752d62a8bc1a6579646556b7f4f5bd427",
    "0005_narrower_rights.sql": "b21eb4a6ccbdbdab69ff82e4a188819363e2294d7c99838ac897807cb173e5a9",
    "0006_field_rejects.sql": "79e16f9b060e9408c49fa615f3cd32c75ef700370f0f6553af75a180bc64a605",
    "0007_rereads.sql": "73706e09617a8ac883a6ff83633b4ede390ce08a30d22ad5f13d1555b6c3bab8",
    "0010_developers.sql": "49e5a480e39073c8b35493a974bcf9892012177b8ebe01fbb03e767dfce3628c",
}
_EARLIER = Path(__file__).parent / "earlier"
_SOURCES = [reader.source for reader in readers().values()]
#: Everything that migrations make, without the names of roles that are the database's own.
_SHAPE = """
WITH relations AS (
    SELECT c.*, n.nspname, n.nspname || '.' || c.relname AS name FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname ~ '^(ops|staging_)'
)
SELECT concat_ws(' ', 'column', r.name, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    pg_get_expr(d.adbin, d.adrelid), a.attacl::text,
    CASE r.nspname WHEN 'ops' THEN col_description(r.oid, a.attnum) END)
FROM relations AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND r.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = r.oid AND d.adnum = a.attnum
UNION ALL
SELECT concat_ws(' ', 'relation', r.name, r.relkind, pg_get_userbyid(r.relowner),
    CASE r.nspname WHEN 'ops' THEN obj_description(r.oid, 'pg_class') END,
    (SELECT array_agg(acl::text ORDER BY acl::text) FROM unnest(r.relacl) AS acl))
FROM relations AS r
UNION ALL
SELECT concat_ws(' ', 'constraint', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
WHERE conrelid IN (SELECT oid FROM relations)
UNION ALL
SELECT concat_ws(' ', 'schema', nspname, pg_get_userbyid(nspowner),
    (SELECT array_agg(acl::text ORDER BY acl::text) FROM unnest(nspacl) AS acl)) FROM pg_namespace
WHERE nspname ~ '^(ops|staging_|marts|prep)'
UNION ALL
SELECT concat_ws(' ', 'table of a build', colour) FROM ops.build_inputs
"""


@pytest.fixture(params=["f35033d", "eeefdc9", "1708eb7"])
def earlier(request: pytest.FixtureRequest, database: Database) -> Iterator[str]:
    """URL of a database that an earlier commit set up, without the marts that it built."""
    url = conninfo.make_conninfo(database.admin_url, dbname="earlier")
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE earlier")
        try:
            with psycopg.connect(url) as connection:
                connection.execute((_EARLIER / f"{request.param}.sql").read_bytes())
            yield url
        finally:
            admin.execute("DROP DATABASE earlier WITH (FORCE)")


def test_a_warehouse_of_earlier_code_becomes_like_a_new_one_and_is_built_in_full(
    database: Database, earlier: str
) -> None:
    for _ in range(2):
        migrate(database.settings, earlier, _SOURCES)
    assert _shape(earlier) == _shape(database.admin_url)
    with psycopg.connect(earlier) as connection:
        plan = plan_build(connection, models_digest="new", as_of_date=None)
    assert (plan.is_needed, plan.is_full) == (True, True)


def test_no_migration_is_edited() -> None:
    """A warehouse has applied them already: what a change would add, it never gets. Write another one."""
    folder = resources.files("warehouse") / "migrations"
    found = {item.name: hashlib.sha256(item.read_bytes()).hexdigest() for item in folder.iterdir()}
    changed = sorted(name for name, digest in DIGESTS.items() if found.get(name) != digest)
    assert not changed, "migrations were edited or removed; undo that and add another migration"
    assert sorted(found) == sorted(DIGESTS), "add the digest of the new migration"


def _shape(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(_SHAPE).fetchall()
    return sorted(row[0] for row in rows)
