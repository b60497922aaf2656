"""Names of the warehouse's roles, which carry the database's name: two warehouses on one server share none.

A role is `ladder_<kind>_<database>`, and `ladder_<kind>` in a database that is named `ladder`, as the embedded one is.
Code, migrations and documents write `ladder_<kind>` for short. What a database's roles are called is read from it (who
owns its schemas), or from the home's secrets: a database that was copied or renamed keeps its roles.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

import psycopg
from psycopg import sql

__all__ = [
    "LOGIN_ROLES",
    "OWNERS",
    "SET_ROLE_MARTS_OWNER",
    "SET_ROLE_OWNER",
    "LoginRole",
    "RoleKind",
    "find_suffix",
    "qualify_role_names",
    "role_name",
    "suffix_for_database",
]

LoginRole = Literal["ingest", "transform", "developer", "analyst", "serving"]
Owner = Literal["owner", "marts_owner"]
RoleKind = Literal[LoginRole, Owner, "dagster"]

LOGIN_ROLES: tuple[LoginRole, ...] = ("ingest", "transform", "developer", "analyst", "serving")
OWNERS: tuple[Owner, ...] = ("owner", "marts_owner")

#: Until the transaction ends, the session acts as the owner of staging and `ops`, or of the marts.
SET_ROLE_OWNER = "SELECT set_config('role', pg_get_userbyid(nspowner), true) FROM pg_namespace WHERE nspname = 'ops'"
SET_ROLE_MARTS_OWNER = (
    "SELECT set_config('role', pg_get_userbyid(nspowner), true) FROM pg_namespace WHERE nspname = 'marts'"
)

_PLAIN_DATABASE = "ladder"
_LONGEST_NAME = 63
_LONGEST_SUFFIX = _LONGEST_NAME - len("ladder_marts_owner")
_DIGEST_LENGTH = 8
_IN_TEXT = re.compile(r"\bladder_(" + "|".join((*OWNERS, *LOGIN_ROLES)) + r")\b")


def role_name(kind: RoleKind, suffix: str) -> str:
    """Name of a role, with the suffix of its database's roles."""
    return f"ladder_{kind}{suffix}"


def suffix_for_database(database: str) -> str:
    """What the roles of a new warehouse in a database end in; a long name is cut, and a digest keeps it distinct."""
    if database == _PLAIN_DATABASE:
        return ""
    suffix = f"_{database}"
    if len(suffix.encode()) <= _LONGEST_SUFFIX:
        return suffix
    digest = hashlib.sha256(database.encode()).hexdigest()[:_DIGEST_LENGTH]
    beginning = suffix.encode()[: _LONGEST_SUFFIX - _DIGEST_LENGTH - 1].decode(errors="ignore")
    return f"{beginning}_{digest}"


def find_suffix(connection: psycopg.Connection) -> str | None:
    """What the roles of this database end in; None where no warehouse is set up."""
    row = connection.execute("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'ops'").fetchone()
    return None if row is None or not row[0].startswith("ladder_owner") else row[0].removeprefix("ladder_owner")


def qualify_role_names(statements: str, suffix: str) -> str:
    """SQL with the short names of roles replaced by those of one database."""
    return _IN_TEXT.sub(
        lambda found: sql.Identifier(f"{found[0]}{suffix}").as_string(None) if suffix else found[0], statements
    )
