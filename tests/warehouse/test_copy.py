"""The COPY encoder, checked against a real server."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Database
from warehouse.staging import copy

TYPES = ["bigint", "integer", "double precision", "boolean", "timestamptz"]
SCHEMA = pl.Schema(
    {"a": pl.Int64(), "b": pl.Int32(), "c": pl.Float64(), "d": pl.Boolean(), "e": pl.Datetime("us", "UTC")}
)
# hypothesis takes bounds without a zone and adds the zone itself.
YEARS = (datetime(1970, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001
rows = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.integers(-(2**31), 2**31 - 1),
        st.none() | st.floats(allow_nan=False),
        st.none() | st.booleans(),
        st.none() | st.datetimes(*YEARS, timezones=st.just(UTC)),
    ),
    max_size=12,
)


@given(rows)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_server_reads_back_what_was_encoded(database: Database, given_rows: list[tuple[object, ...]]) -> None:
    frame = pl.DataFrame(given_rows, schema=SCHEMA, orient="row")
    with psycopg.connect(database.admin_url, options="-c timezone=UTC") as connection:
        connection.execute(
            "CREATE TEMP TABLE probe (a bigint, b integer, c double precision, d boolean, e timestamptz)"
        )
        with connection.cursor().copy("COPY probe FROM STDIN (FORMAT binary)") as stream:
            stream.write(copy.HEADER)
            for part in copy.encode(frame):
                stream.write(part)
            stream.write(copy.TRAILER)
        assert connection.execute("SELECT a, b, c, d, e FROM probe").fetchall() == given_rows


def test_only_numbers_have_a_fixed_width() -> None:
    assert copy.is_fixed_width(SCHEMA)
    assert not copy.is_fixed_width(pl.Schema({"a": pl.String()}))


def test_json_text_is_stored_as_json(database: Database) -> None:
    texts = ['{"balanced":true}', "[1,2]", '"a"', None]
    frame = pl.DataFrame({"name": ["o", "a", "s", "n"], "value": texts})
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("CREATE TEMP TABLE probe (name text, value jsonb)")
        with connection.cursor().copy("COPY probe FROM STDIN (FORMAT binary)") as stream:
            copy.write_rows(stream, frame, ["text", "jsonb"])
        values = connection.execute("SELECT value FROM probe").fetchall()
    assert values == [({"balanced": True},), ([1, 2],), ("a",), (None,)]
