"""Upgrades: an existing warehouse opens, and then has the same structure as a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo, sql

from ingestion.registry import connectors
from tests.conftest import Database
from warehouse.core.settings import Settings
from warehouse.database.connections import connect, role_suffix, role_url
from warehouse.database.role_names import LOGIN_ROLES, SET_ROLE_MARTS_OWNER
from warehouse.embedded import Servers
from warehouse.publication.plan import plan_build
from warehouse.schema.migrate import migrate

#: Digests of migrations that existing warehouses have applied; a later change must be another migration.
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
    "0011_locks.sql": "a10018ed6ab6b8de6bf1e2048393ca48ac38bdc9875db79d8b33d6568e31b303",
    "0013_world_and_upkeep.sql": "e8c75011683c3e566c1bcf81db375628126304dab65286391acc357b0c394265",
    "0014_fields_of_people.sql": "4d5539c21db4b063a97f657b366fe13f4e1bf9ea1222030950b29a0ac40a5ae8",
    "0015_turn_lock.sql": "4834f72bd2e52f56d415226524c76a60c95d5b5de87698108bbabed775ab13ce",
    "0018_confirmations.sql": "1a032390e6c123358d5213a047460ae5ba841f0956722879136e4176e1e3caff",
}
_EARLIER = Path(__file__).parent / "earlier"
_SOURCES = [reader.source for reader in connectors().values()]
#: All objects that migrations create.
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
SELECT concat_ws(' ', 'to be granted', defaclrole::regrole, defaclnamespace::regnamespace, defaclacl::text)
FROM pg_default_acl
UNION ALL
SELECT concat_ws(' ', 'table of a build', colour) FROM ops.build_inputs
"""


@dataclass(frozen=True)
class Server:
    """Creates databases on the session's server, and empty homes."""

    admin_url: str
    folder: Path

    @contextmanager
    def database(self, name: str, statements: bytes = b"", template: str = "template1") -> Iterator[str]:
        """URL of a temporary database; it is dropped at the end, with the roles that contain its name."""
        url = conninfo.make_conninfo(self.admin_url, dbname=name)
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (name, template))))
            try:
                if statements:
                    with psycopg.connect(url) as connection:
                        connection.execute(statements)
                yield url
            finally:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
                roles = admin.execute(
                    "SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') LIKE %s", [f"% {name}"]
                ).fetchall()
                for (role,) in roles:
                    admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))

    def home(self, name: str) -> Settings:
        """A home of its own."""
        return Settings(home=self.folder / name)


@pytest.fixture
def server(servers: Servers, tmp_path: Path) -> Server:
    """The session's server."""
    return Server(servers.database_url, tmp_path)


@pytest.mark.parametrize("commit", ["f35033d", "eeefdc9", "1708eb7"])
def test_a_warehouse_of_an_earlier_version_gets_the_structure_of_a_new_one_and_a_full_build(
    database: Database, server: Server, commit: str
) -> None:
    with server.database("earlier", (_EARLIER / f"{commit}.sql").read_bytes()) as url:
        for _ in range(2):
            migrate(server.home("earlier"), url, _SOURCES)
        assert [line.replace("_earlier", "") for line in _shape(url)] == _shape(database.admin_url)
        assert not _rights_of_others(url, "_earlier")
        with psycopg.connect(url) as connection:
            plan = plan_build(connection, models_digest="new", as_of_date=None)
    assert (plan.is_needed, plan.is_full) == (True, True)


def test_two_warehouses_on_one_server_share_no_role_even_if_they_did_before(server: Server) -> None:
    """Both were set up by an earlier version, in which the second one changed the passwords of the first."""
    before = (_EARLIER / "eeefdc9.sql").read_bytes()
    with server.database("one", before) as one, server.database("two", before) as two:
        homes = [(server.home("of one"), one), (server.home("of two"), two)]
        for settings, url in homes * 2:
            migrate(settings, url, _SOURCES)
            for known, place in homes:
                for role in LOGIN_ROLES if role_suffix(known) else ():
                    connect(role_url(known, place, role)).close()
        assert [role_suffix(settings) for settings, _ in homes] == ["_one", "_two"]
        # A login of one may connect to the database of the other, but has no privileges in it.
        with psycopg.connect(role_url(homes[0][0], two, "analyst")) as connection:
            assert connection.execute("SELECT has_schema_privilege('marts', 'USAGE')").fetchone() == (False,)
        with psycopg.connect(one) as connection:
            connection.execute(SET_ROLE_MARTS_OWNER)
            assert connection.execute("SELECT current_user").fetchone() == ("ladder_marts_owner_one",)


def test_a_copied_database_keeps_its_roles_in_its_home_and_gets_new_ones_in_another_home(
    server: Server,
) -> None:
    with server.database("original") as original:
        mine = server.home("mine")
        migrate(mine, original, [])
        with server.database("duplicate", template="original") as duplicate:
            migrate(mine, duplicate, [])
            assert role_suffix(mine) == "_original"
            theirs = server.home("theirs")
            migrate(theirs, duplicate, [])
            assert role_suffix(theirs) == "_duplicate"
            for settings, url in ((mine, original), (theirs, duplicate)):
                connect(role_url(settings, url, "analyst")).close()


@pytest.mark.parametrize("name", ["Mixed-Case db", "a_long_name_that_leaves_no_room_for_the_kind_of_role", "größe"])
def test_any_database_name_gives_valid_role_names(server: Server, name: str) -> None:
    with server.database(name) as url:
        settings = server.home("any name")
        for _ in range(2):
            migrate(settings, url, [])
        connect(role_url(settings, url, "analyst")).close()


def test_no_migration_is_edited() -> None:
    """Existing warehouses have applied the migrations and would not get the change: add another migration."""
    folder = resources.files("warehouse") / "migrations"
    found = {item.name: hashlib.sha256(item.read_bytes()).hexdigest() for item in folder.iterdir()}
    changed = sorted(name for name, digest in DIGESTS.items() if found.get(name) != digest)
    assert not changed, "migrations were edited or removed; undo that and add another migration"
    assert sorted(found) == sorted(DIGESTS), "add the digest of the new migration"


def _shape(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(_SHAPE).fetchall()
    return sorted(row[0] for row in rows)


def _rights_of_others(url: str, suffix: str) -> list[tuple[str, str]]:
    """Objects that roles of other warehouses own or have privileges on in a database."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT refobjid::regrole::text, pg_describe_object(classid, objid, objsubid) FROM pg_shdepend "
            "WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND refobjid::regrole::text LIKE 'ladder\\_%%' AND NOT refobjid::regrole::text LIKE %s "
            "AND refobjid::regrole::text <> 'ladder_admin'",
            [f"%{suffix}"],
        ).fetchall()
