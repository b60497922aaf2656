"""Rights of all roles on all objects of the database. A new object, role or right needs a changed line here.

Rights of relations: r(ead) a(dd) w(rite: update) d(elete) t(runcate) x (references) g (triggers), in capitals where
only of some columns. Of sequences: r u(se) w. Of schemas: u(se) c(reate in). Of functions: e(xecute). Of the database:
c(reate schemas) t(emporary tables) o(pen). `-` is nothing.
"""

from __future__ import annotations

import re

import psycopg
import pytest

from tests.orchestration.conftest import Filled

ROLES = (
    *("ladder_ingest", "ladder_transform", "ladder_analyst", "ladder_serving"),
    *("ladder_owner", "ladder_marts_owner", "ladder_dagster", "public"),
)

MATRIX = """
database                                         to       to       to       to       to       to       to       to
schema    dagster                                -        -        -        -        -        -        uc       -
schema    marts                                  -        -        u        u        -        uc       -        -
schema    marts_<colour>                         -        -        -        -        -        uc       -        -
schema    marts_scratch                          -        -        -        -        -        uc       -        -
schema    ops                                    u        u        u        u        uc       u        -        -
schema    prep                                   -        -        -        -        -        uc       -        -
schema    public                                 u        u        u        u        u        u        u        u
schema    staging_*                              u        u        -        -        uc       u        -        -
sequence  dagster.*                              -        -        -        -        -        -        ruw      -
sequence  ops.batch_ids                          u        -        -        -        ruw      -        -        -
sequence  ops.change_ids                         -        -        -        -        ruw      u        -        -
sequence  ops.passes_pass_id_seq                 -        -        -        -        ruw      -        -        -
table     dagster.*                              -        -        -        -        -        -        rawdtxg  -
table     marts_<colour>.*                       -        -        -        -        -        rawdtxg  -        -
table     ops.api_key_uses                       -        -        -        raw      rawdtxg  -        -        -
table     ops.api_keys                           -        -        -        R        rawdtxg  -        -        -
table     ops.batches                            ra       r        -        -        rawdtxg  r        -        -
table     ops.build_inputs                       r        r        -        -        rawdtxg  rw       -        -
table     ops.build_lock                         rw       rw       -        -        rawdtxg  -        -        -
table     ops.build_state                        r        r        -        -        rawdtxg  raw      -        -
table     ops.confirmations                      raw      r        -        -        rawdtxg  r        -        -
table     ops.cursors                            raw      r        -        -        rawdtxg  r        -        -
table     ops.drift                              raw      r        -        -        rawdtxg  r        -        -
table     ops.field_rejects                      rad      r        -        -        rawdtxg  r        -        -
table     ops.generations                        r        r        r        r        rawdtxg  raw      -        -
table     ops.lake_files                         ra       r        -        -        rawdtxg  r        -        -
table     ops.lake_listings                      raw      -        -        -        rawdtxg  -        -        -
table     ops.lake_pages                         ra       r        -        -        rawdtxg  r        -        -
table     ops.load_locks                         rw       -        -        -        rawdtxg  -        -        -
table     ops.model_references                   r        r        -        -        rawdtxg  raw      -        -
table     ops.passes                             raw      r        -        -        rawdtxg  r        -        -
table     ops.published_marts                    r        r        -        r        rawdtxg  rad      -        -
table     ops.rejects                            raw      r        -        -        rawdtxg  r        -        -
table     ops.replays                            rd       r        -        -        rawdtxg  r        -        -
table     ops.request_slots                      raw      -        -        -        rawdtxg  -        -        -
table     ops.rereads                            raw      r        r        -        rawdtxg  r        -        -
table     ops.source_totals                      rawd     r        r        -        rawdtxg  r        -        -
table     ops.tracked                            raw      r        -        -        rawdtxg  r        -        -
table     ops.turn_lock                          r        r        -        r        rawdtxg  rw       -        -
table     ops.upstreams                          raw      -        -        -        rawdtxg  -        -        -
table     ops.watermarks                         r        r        -        -        rawdtxg  rawd     -        -
table     ops.world                              raw      -        -        -        rawdtxg  -        -        -
table     prep.*                                 -        -        -        -        -        rawdtxg  -        -
table     public.ladder_migrations               -        -        -        -        -        -        -        -
table     staging_*.*                            raw      r        -        -        rawdtxg  r        -        -
table     staging_*.*__feed                      ra       r        -        -        rawdtxg  rd       -        -
view      marts.*                                -        -        r        r        -        rawdtxg  -        -
view      prep.*                                 -        -        -        -        -        rawdtxg  -        -
"""
"""A column for each of ROLES."""

_RELATION = {
    **{"SELECT": "r", "INSERT": "a", "UPDATE": "w", "DELETE": "d"},
    **{"TRUNCATE": "t", "REFERENCES": "x", "TRIGGER": "g"},
}
_OF_COLUMNS = ("SELECT", "INSERT", "UPDATE", "REFERENCES")
_SEQUENCE = {"SELECT": "r", "USAGE": "u", "UPDATE": "w"}
_SCHEMA = {"USAGE": "u", "CREATE": "c"}
_DATABASE = {"CREATE": "c", "TEMPORARY": "t", "CONNECT": "o"}
_OURS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"


def rights_in(connection: psycopg.Connection) -> list[str]:
    """The matrix in the catalogue. Objects with the same pattern and rights share a line."""
    lines: set[str] = set()

    def add(kind: str, name: str, rights: list[str]) -> None:
        lines.add(f"{kind:<9} {_pattern(kind, name):<38} " + " ".join(f"{each or '-':<8}" for each in rights).rstrip())

    def held(test: str, letters: dict[str, str], *of: object) -> list[str]:
        return [
            "".join(
                letter
                for privilege, letter in letters.items()
                if _first(connection, f"SELECT has_{test}_privilege(%s, %s, %s)", role, *of, privilege)
            )
            for role in ROLES
        ]

    database = _first(connection, "SELECT current_database()")
    add("database", "", held("database", _DATABASE, database))
    for oid, name in connection.execute(f"SELECT oid, nspname FROM pg_namespace AS n WHERE {_OURS}").fetchall():
        add("schema", name, held("schema", _SCHEMA, oid))
    relations = connection.execute(
        "SELECT c.oid, n.nspname || '.' || c.relname, c.relkind FROM pg_class AS c "
        f"JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE {_OURS} AND c.relkind NOT IN ('i', 'I', 't', 'c')"
    ).fetchall()
    kinds = {"r": "table", "p": "table", "v": "view", "m": "view", "f": "table", "S": "sequence"}
    for oid, name, kind in relations:
        if kind == "S":
            add("sequence", name, held("sequence", _SEQUENCE, oid))
            continue
        whole = held("table", _RELATION, oid)
        parts = held("any_column", {each: _RELATION[each] for each in _OF_COLUMNS}, oid)
        some = [
            "".join(letter.upper() for letter in of_some if letter not in of_all)
            for of_all, of_some in zip(whole, parts, strict=True)
        ]
        add(kinds[kind], name, [of_all + of_some for of_all, of_some in zip(whole, some, strict=True)])
    functions = connection.execute(
        "SELECT p.oid, n.nspname || '.' || p.proname FROM pg_proc AS p "
        f"JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE {_OURS}"
    ).fetchall()
    for oid, name in functions:
        add("function", name, held("function", {"EXECUTE": "e"}, oid))
    return sorted(lines)


def _pattern(kind: str, name: str) -> str:
    """Pattern of the objects with the same rights: tables of `ops` each have their own, others share that of their
    schema.

    The colours share one, because the second colour exists only after the second build.
    """
    name = re.sub("^marts_(blue|green)", "marts_<colour>", name)
    if kind == "schema":
        return re.sub("^staging_.*", "staging_*", name)
    if name.startswith("staging_"):
        return "staging_*.*__feed" if name.endswith("__feed") else "staging_*.*"
    return re.sub(r"^(marts|marts_<colour>|marts_scratch|prep|dagster)\..*", r"\1.*", name)


def _first(connection: psycopg.Connection, query: str, *parameters: object) -> object:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def admin(filled: Filled) -> psycopg.Connection:
    with psycopg.connect(filled.database.admin_url, autocommit=True) as connection:
        yield connection


def test_every_role_has_the_rights_of_its_work_and_no_others(admin: psycopg.Connection) -> None:
    assert rights_in(admin) == MATRIX.strip().splitlines()


def test_there_are_no_other_roles_and_none_has_special_attributes(admin: psycopg.Connection) -> None:
    found = admin.execute(
        "SELECT rolname, rolcanlogin, rolinherit FROM pg_roles WHERE rolname LIKE 'ladder%' "
        "AND rolname !~ '_test_[0-9]+$' "  # those of other databases of the server
        "AND NOT rolsuper AND NOT rolcreaterole AND NOT rolcreatedb AND NOT rolreplication AND NOT rolbypassrls"
    ).fetchall()
    owners = {(name, False, True) for name in ("ladder_owner", "ladder_marts_owner")}
    logins = {(f"ladder_{name}", True, False) for name in ("ingest", "transform", "developer", "analyst", "serving")}
    assert set(found) == owners | logins | {("ladder_dagster", True, True)}


def test_only_the_builder_of_marts_and_the_administrator_may_act_as_an_owner(admin: psycopg.Connection) -> None:
    found = admin.execute(
        "SELECT member.rolname, role.rolname FROM pg_auth_members AS m JOIN pg_roles AS role ON role.oid = m.roleid "
        "JOIN pg_roles AS member ON member.oid = m.member WHERE role.rolname LIKE 'ladder%' AND NOT member.rolsuper "
        "AND role.rolname !~ '_test_[0-9]+$'"
    ).fetchall()
    assert found == [("ladder_transform", "ladder_marts_owner")]


def test_default_privileges_grant_only_reads_of_developers(admin: psycopg.Connection) -> None:
    """dbt recreates views of `prep`, also during a build."""
    found = admin.execute(
        "SELECT defaclrole::regrole::text, defaclnamespace::regnamespace::text, defaclobjtype, defaclacl::text "
        "FROM pg_default_acl"
    ).fetchall()
    assert found == [("ladder_marts_owner", "prep", "r", "{ladder_developer=r/ladder_marts_owner}")]


def test_a_developer_reads_the_tables_of_models_and_changes_nothing(admin: psycopg.Connection) -> None:
    relations = admin.execute(
        "SELECT n.nspname, c.relname, has_table_privilege('ladder_developer', c.oid, 'SELECT'), "
        "has_table_privilege('ladder_developer', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') "
        "OR has_any_column_privilege('ladder_developer', c.oid, 'INSERT, UPDATE, REFERENCES') "
        "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        f"WHERE {_OURS} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^dev_'"
    ).fetchall()
    assert not [relation for relation in relations if relation[3]]
    read = {(schema, name) for schema, name, is_read, _ in relations if is_read}
    readable = {"build_inputs", "confirmations", "cursors", "generations", "tracked"}
    assert {name for schema, name in read if schema == "ops"} == readable
    models_read = {(schema, name) for schema, name, _, _ in relations if re.match("staging_|prep$|marts$", schema)}
    assert {each for each in read if each[0] != "ops"} == models_read
    schemas = admin.execute(
        "SELECT nspname, has_schema_privilege('ladder_developer', oid, 'USAGE') FROM pg_namespace AS n "
        f"WHERE {_OURS} AND nspname !~ '^dev_' AND (has_schema_privilege('ladder_developer', oid, 'USAGE') "
        "OR has_schema_privilege('ladder_developer', oid, 'CREATE'))"
    ).fetchall()
    assert {name for name, _ in schemas if not name.startswith("staging_")} == {"marts", "ops", "prep", "public"}
    assert _first(admin, "SELECT has_database_privilege('ladder_developer', current_database(), 'CREATE')") is False


def test_everything_belongs_to_an_owner_that_cannot_log_in(admin: psycopg.Connection) -> None:
    found = admin.execute(
        "SELECT DISTINCT n.nspname, pg_get_userbyid(c.relowner) FROM pg_class AS c "
        f"JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE {_OURS} AND n.nspname <> 'public'"
    ).fetchall()
    assert {owner for schema, owner in found if schema.startswith(("staging_", "ops"))} == {"ladder_owner"}
    assert {owner for schema, owner in found if schema.startswith(("marts", "prep"))} == {"ladder_marts_owner"}


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("serving", "SELECT name FROM ops.api_keys"),
        ("serving", "SELECT * FROM ops.api_keys"),
        ("serving", "INSERT INTO ops.api_keys (key_id, name, digest, scopes) VALUES ('abcdefgh', 'x', '', '{public}')"),
        ("serving", "UPDATE ops.api_keys SET revoked_at = NULL"),
        ("serving", "DELETE FROM ops.api_key_uses"),
        ("serving", "SELECT * FROM ops.rejects"),
        ("serving", "SET ROLE ladder_owner"),
        ("analyst", "SELECT digest FROM ops.api_keys"),
        ("ingest", "SELECT digest FROM ops.api_keys"),
        ("ingest", "INSERT INTO ops.api_key_uses VALUES ('abcdefgh', now())"),
        ("developer", "SET ROLE ladder_marts_owner"),
        ("developer", "SET ROLE ladder_owner"),
        ("developer", "CREATE SCHEMA marts_purple"),
        ("developer", "CREATE TABLE prep.mine (n int)"),
        ("developer", "DROP VIEW marts.player_win_rates"),
        ("developer", "SELECT * FROM marts_blue.player_win_rates"),
        ("developer", "DELETE FROM staging_opendota.matches"),
        ("developer", "UPDATE ops.build_inputs SET as_of_date = NULL"),
        ("developer", "SELECT digest FROM ops.api_keys"),
        ("transform", "SELECT digest FROM ops.api_keys"),
        ("transform", "SET ROLE ladder_marts_owner; SELECT digest FROM ops.api_keys"),
    ],
)
def test_a_statement_without_the_right_is_denied(filled: Filled, role: str, statement: str) -> None:
    options = "-c default_transaction_read_only=off"  # a session may always reset that
    with (
        psycopg.connect(filled.database.url(role), options=options) as connection,  # type: ignore[arg-type]
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)
