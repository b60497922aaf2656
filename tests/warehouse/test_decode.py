"""Promises of decoding: no exception for bad data, one reject a bad record, and one meaning for both ways."""

from __future__ import annotations

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.decode import decode_records, decode_rows, frame_schema
from warehouse.tables import Column, Table

FLAT = Table(
    "probe",
    "flat",
    key=("owner", "id"),
    description="numbers only",
    columns=(
        Column("owner", "bigint", "owner", from_request=True),
        Column("id", "bigint", "id"),
        Column("kills", "integer", "kills"),
        Column("won", "boolean", "won"),
        Column("score", "double precision", "score"),
        Column("start", "bigint", "start", is_required=True),
    ),
)
MIXED = Table(
    "probe",
    "mixed",
    key=("id",),
    description="all types",
    columns=(
        Column("id", "bigint", "id", is_lenient=True),
        Column("name", "text", "name", ("profile", "name")),
        Column("tags", "jsonb", "tags"),
    ),
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
records = st.lists(
    json_values
    | st.dictionaries(st.sampled_from(["id", "kills", "won", "score", "start", "tags", "profile", "x"]), json_values),
    max_size=6,
)


@given(records)
@pytest.mark.parametrize("table", [FLAT, MIXED], ids=lambda table: table.name)
def test_every_record_becomes_a_row_or_a_reject(table: Table, given_records: list[object]) -> None:
    parsed = decode_records(table, msgspec.json.encode(given_records), {"owner": 1})
    assert parsed.frames[table.name].height + len(parsed.rejects) == len(given_records)


@given(st.binary(max_size=60))
def test_any_bytes_end_in_rows_or_one_reject(body: bytes) -> None:
    parsed = decode_records(FLAT, body, {"owner": 1})
    assert parsed.frames or len(parsed.rejects) == 1


good = st.fixed_dictionaries(
    {"id": st.integers(-(2**63), 2**63 - 1), "start": st.integers(0, 2**40)},
    optional={
        "kills": st.none() | st.integers(-(2**31), 2**31 - 1),
        "won": st.none() | st.booleans(),
        "score": st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 2**50),
    },
)


@given(st.lists(good, min_size=1, max_size=8))
def test_the_fast_way_and_the_careful_way_read_the_same(given_records: list[dict[str, object]]) -> None:
    fast = decode_records(FLAT, msgspec.json.encode(given_records), {"owner": 7})
    careful = decode_rows(FLAT, given_records, {"owner": 7})
    assert not fast.rejects
    assert not careful.rejects
    assert fast.frames["flat"].equals(careful.frames["flat"])


def test_a_bad_field_costs_its_record_alone_and_is_named() -> None:
    body = b'[{"id":1,"start":5},{"id":2,"start":5,"kills":"seven"},{"id":3,"start":5}]'
    parsed = decode_records(FLAT, body, {"owner": 1})
    assert parsed.frames["flat"]["id"].to_list() == [1, 3]
    (reject,) = parsed.rejects
    assert (reject.record_index, reject.field_path) == (1, "$.kills")
    assert "str" in reject.reason
    assert '"seven"' in reject.record


def test_a_missing_required_field_is_a_reject() -> None:
    parsed = decode_records(FLAT, b'[{"id":1}]', {"owner": 1})
    assert [(reject.field_path, reject.reason) for reject in parsed.rejects] == [("$.start", "missing")]


def test_numbers_out_of_range_are_rejects_and_never_wrap() -> None:
    body = b'[{"id":1,"start":5,"kills":2147483648},{"id":99999999999999999999,"start":5}]'
    parsed = decode_records(FLAT, body, {"owner": 1})
    assert [reject.field_path for reject in parsed.rejects] == ["$.kills", "$.id"]


def test_text_that_holds_record_borders_is_read_as_text() -> None:
    body = b'[{"id":1,"profile":{"name":"a},{b"}},{"id":2,"profile":{"name":null}}]'
    assert decode_records(MIXED, body, {}).frames["mixed"]["name"].to_list() == ["a},{b", None]


def test_digits_in_text_are_a_number_only_where_the_table_says_so() -> None:
    assert decode_records(MIXED, b'[{"id":"86"}]', {}).frames["mixed"]["id"].to_list() == [86]
    assert len(decode_records(FLAT, b'[{"id":"86","start":1}]', {"owner": 1}).rejects) == 1


def test_empty_text_is_null_where_a_number_may_be_text() -> None:
    table = Table(
        "probe",
        "levels",
        key=("id",),
        description="numbers as text",
        columns=(Column("id", "text", "id"), Column("level", "integer", "level", is_lenient=True)),
    )
    parsed = decode_rows(table, [{"id": "", "level": ""}, {"id": "b", "level": "7"}, {"id": "c", "level": "?"}], {})
    assert parsed.frames["levels"].rows() == [("", None), ("b", 7)]
    assert [reject.field_path for reject in parsed.rejects] == ["$.level"]
    (reject,) = decode_rows(MIXED, [{"id": ""}], {}).rejects
    assert (reject.field_path, reject.reason) == ("$.id", "missing")


def test_unknown_fields_are_counted_as_drift() -> None:
    assert decode_records(FLAT, b'[{"id":1,"start":1,"new":2}]', {"owner": 1}).drift == {"flat.new": 1}
    assert decode_records(MIXED, b'[{"id":1,"new":2},{"id":2,"new":2}]', {}).drift == {"mixed.new": 2}


def test_a_body_that_is_not_an_array_is_one_reject() -> None:
    for body in (b'{"error":"x"}', b"<html>", b""):
        (reject,) = decode_records(FLAT, body, {"owner": 1}).rejects
        assert reject.record_index == -1


def test_an_empty_array_is_no_rows_and_no_reject() -> None:
    parsed = decode_records(FLAT, b"[]", {"owner": 1})
    assert parsed.frames["flat"].equals(pl.DataFrame(schema=frame_schema(FLAT)))
    assert not parsed.rejects
