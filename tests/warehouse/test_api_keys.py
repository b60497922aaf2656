"""API keys are stored as digests, have unique names while they are valid, and stay listed after they are revoked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.conftest import Database
from warehouse.core.errors import ConfigurationError
from warehouse.database.connections import connect
from warehouse.ops.api_keys import KEY_LENGTH, create_key, digest_of, id_of, list_keys, revoke_key


@pytest.fixture
def admin(database: Database) -> Iterator[psycopg.Connection]:
    with connect(database.admin_url) as connection:
        yield connection


def test_a_key_is_random_and_has_a_format_that_secret_scanners_recognise(admin: psycopg.Connection) -> None:
    keys = {create_key(admin, f"key {number}", by="ann") for number in range(50)}
    assert len(keys) == 50
    assert all(re.fullmatch("ldr_[a-z0-9]{8}_[A-Za-z0-9]{32}", key) and len(key) == KEY_LENGTH for key in keys)


def test_only_the_digest_of_a_key_is_stored(admin: psycopg.Connection) -> None:
    key = create_key(admin, "dashboard", by="ann")
    row = admin.execute("SELECT k::text, k.digest FROM ops.api_keys AS k").fetchone()
    assert row is not None
    assert key[-32:] not in row[0]
    assert row[1] == digest_of(key.encode())


def test_a_key_is_listed_with_its_scopes_its_creator_and_its_revoker(admin: psycopg.Connection) -> None:
    expires_at = datetime.now(UTC) + timedelta(days=30)
    key = create_key(admin, "billing", scopes=("business",), requests_per_minute=60, expires_at=expires_at, by="ann")
    (made,) = list_keys(admin)
    assert made.key_id == id_of(key.encode()).decode()
    assert (made.name, made.scopes, made.created_by) == ("billing", ["public", "business"], "ann")
    assert (made.requests_per_minute, made.rows_per_minute, made.expires_at) == (60, None, expires_at)
    assert (made.revoked_at, made.revoked_by, made.last_used_at) == (None, None, None)
    assert revoke_key(admin, made.key_id, by="bob").key_id == made.key_id
    (revoked,) = list_keys(admin)
    assert revoked.revoked_by == "bob"
    assert revoked.revoked_at is not None


def test_a_name_is_unique_among_valid_keys_and_can_be_reused_after_a_revocation(admin: psycopg.Connection) -> None:
    first = create_key(admin, "dashboard", by="ann")
    with pytest.raises(ConfigurationError, match="there is a key named 'dashboard'; revoke it"):
        create_key(admin, "dashboard", by="ann")
    assert revoke_key(admin, "dashboard", by="ann").key_id == id_of(first.encode()).decode()
    create_key(admin, "dashboard", by="ann")
    assert [key.revoked_at is None for key in list_keys(admin)] == [True, False]


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "two\nlines", "bell\a"])
def test_a_name_that_is_empty_long_or_not_printable_is_rejected(admin: psycopg.Connection, name: str) -> None:
    with pytest.raises(ConfigurationError, match="1 to 64 printable characters"):
        create_key(admin, name, by="ann")
    assert list_keys(admin) == []


def test_only_an_active_key_can_be_revoked(admin: psycopg.Connection) -> None:
    create_key(admin, "dashboard", by="ann")
    revoke_key(admin, "dashboard", by="ann")
    with pytest.raises(ConfigurationError, match="there is no active key with the id or name 'dashboard'"):
        revoke_key(admin, "dashboard", by="ann")


@pytest.mark.parametrize("scopes", ["{}", "{business}", "{public,everything}"])
def test_the_database_rejects_unknown_scopes(admin: psycopg.Connection, scopes: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        admin.execute(
            "INSERT INTO ops.api_keys (key_id, name, digest, scopes) VALUES ('abcdefgh', 'x', sha256('x'), %s)",
            [scopes],
        )
