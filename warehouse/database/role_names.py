"""Names of the warehouse's roles. They contain the database's name, so that two warehouses on a server share no role.

A role is named `ladder_<kind>_<database>`, or `ladder_<kind>` if the database is named `ladder`, as the embedded one
is. Code, migrations and documents use the short form `ladder_<kind>`. The suffix is read from the owner of the
database's schemas or from the home's secrets, so that a copied or renamed database keeps its roles.
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

#: Set the role to the owner of staging and `ops`, or of the marts, until the transaction ends.
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
    """Name of a role, with the suffix of its database."""
    return f"ladder_{kind}{suffix}"


def suffix_for_database(database: str) -> str:
    """Suffix of the role names of a new warehouse; a long database name is truncated and made unique by a digest."""
    if database == _PLAIN_DATABASE:
        return ""
    suffix = f"_{database}"
    if len(suffix.encode()) <= _LONGEST_SUFFIX:
        return suffix
    digest = hashlib.sha256(database.encode()).hexdigest()[:_DIGEST_LENGTH]
    beginning = suffix.encode()[: _LONGEST_SUFFIX - _DIGEST_LENGTH - 1].decode(errors="ignore")
    return f"{beginning}_{digest}"


def find_suffix(connection: psycopg.Connection) -> str | None:
    """Suffix of the role names of this database; None if it contains no warehouse."""
    row = connection.execute("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'ops'").fetchone()
    return None if row is None or not row[0].startswith("ladder_owner") else row[0].removeprefix("ladder_owner")


def qualify_role_names(statements: str, suffix: str) -> str:
    """Replace the short role names in SQL by those of one database."""
    return _IN_TEXT.sub(
        lambda found: sql.Identifier(f"{found[0]}{suffix}").as_string(None) if suffix else found[0], statements
    )
