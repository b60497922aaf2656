"""Decoding raises no exception for bad data, and rejects records only because of their key or result."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.model.source import FieldReject
from warehouse.model.tables import Column, Table, TimestampFormat
from warehouse.staging.decode import decode_records, decode_rows, frame_schema

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

TIMED = Table(
    "probe",
    "timed",
    key=("id",),
    description="times",
    columns=(Column("id", "bigint", "id"), Column("at", "bigint", "start", time=TimestampFormat(1, 1_262_304_000))),
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
def test_any_bytes_give_rows_or_one_reject(body: bytes) -> None:
    parsed = decode_records(FLAT, body, {"owner": 1})
    assert parsed.frames or len(parsed.rejects) == 1


good = st.fixed_dictionaries(
    {"id": st.integers(-(2**63) + 1, 2**63 - 1), "start": st.integers(0, 2**40)},
    optional={
        "kills": st.none() | st.integers(-(10**9), 10**9),
        "won": st.none() | st.booleans(),
        "score": st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 2**50),
    },
)


@given(st.lists(good, min_size=1, max_size=8))
def test_the_fast_and_the_careful_path_decode_the_same_rows(given_records: list[dict[str, object]]) -> None:
    fast = decode_records(FLAT, msgspec.json.encode(given_records), {"owner": 7})
    careful = decode_rows(FLAT, given_records, {"owner": 7})
    assert not fast.rejects
    assert not careful.rejects
    assert fast.frames["flat"].equals(careful.frames["flat"])


def test_an_unreadable_field_becomes_null_and_is_counted_by_its_path() -> None:
    body = b'[{"id":1,"start":5},{"id":2,"start":5,"kills":"seven"},{"id":3,"start":5,"kills":53.5}]'
    parsed = decode_records(FLAT, body, {"owner": 1})
    assert parsed.frames["flat"].select("id", "kills").rows() == [(1, None), (2, None), (3, None)]
    assert parsed.rejects == []
    assert parsed.field_rejects == {
        FieldReject("flat", "$.kills", "expected an integer, got text"): [1],
        FieldReject("flat", "$.kills", "expected an integer, got a fraction"): [2],
    }


def test_an_unreadable_key_rejects_only_its_record_and_is_named() -> None:
    parsed = decode_records(FLAT, b'[{"id":1,"start":5},{"id":"two","start":5,"kills":[]}]', {"owner": 1})
    assert parsed.frames["flat"]["id"].to_list() == [1]
    (reject,) = parsed.rejects
    assert (reject.record_index, reject.field_path) == (1, "$.id")
    assert '"two"' in reject.record
    assert parsed.field_rejects == {}


def test_an_unreadable_result_rejects_its_record_and_a_missing_one_does_not() -> None:
    table = Table(
        "probe",
        "results",
        key=("id",),
        description="a result",
        columns=(
            Column("id", "bigint", "id"),
            Column("won", "boolean", "won", decides_result=True),
            Column("side", "text", "side", decides_result=True, accepted_values=frozenset(("a", "b"))),
        ),
    )
    records = [{"id": 1}, {"id": 2, "won": None, "side": "a"}, {"id": 3, "won": "perhaps"}, {"id": 4, "side": "c"}]
    parsed = decode_rows(table, records, {})
    assert parsed.frames["results"]["id"].to_list() == [1, 2]
    assert [(reject.record_index, reject.field_path) for reject in parsed.rejects] == [(2, "$.won"), (3, "$.side")]


def test_a_missing_required_field_is_a_reject() -> None:
    parsed = decode_records(FLAT, b'[{"id":1}]', {"owner": 1})
    assert [(reject.field_path, reject.reason) for reject in parsed.rejects] == [("$.start", "missing")]


def test_numbers_out_of_range_do_not_overflow() -> None:
    body = b'[{"id":1,"start":5,"kills":2147483648},{"id":99999999999999999999,"start":5}]'
    parsed = decode_records(FLAT, body, {"owner": 1})
    assert parsed.frames["flat"].select("id", "kills").rows() == [(1, None)]
    assert parsed.field_rejects == {FieldReject("flat", "$.kills", "the number is out of range"): [0]}
    assert [reject.field_path for reject in parsed.rejects] == ["$.id"]


def test_two_numbers_of_a_row_can_be_added_without_an_overflow() -> None:
    parsed = decode_records(
        FLAT, b'[{"id":1,"start":5,"kills":1000000001},{"id":2,"start":5,"kills":-2147483648}]', {"owner": 1}
    )
    assert parsed.frames["flat"]["kills"].to_list() == [None, None]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ('"86"', 86),
        ("86.0", 86),
        ('"86.0"', 86),
        ('" 86 "', 86),
        ("8.6e1", 86),
        ("true", None),
        ("[86]", None),
        ('"86a"', None),
        ('""', None),
        ("86.5", None),
        ("1e400", None),
        ("NaN", None),
        ("1" * 5000, None),
        ("[" * 5000 + "]" * 5000, None),
    ],
    ids=lambda value: str(value)[:12],
)
def test_an_integer_is_parsed_in_any_notation_and_no_other_value_is(sent: str, read: int | None) -> None:
    body = f'[{{"id":1,"start":5,"kills":{sent}}},{{"id":2,"start":5,"kills":3}}]'.encode()
    parsed = decode_records(FLAT, body, {"owner": 1})
    assert parsed.frames["flat"]["kills"].to_list() == [read, 3]
    assert (len(parsed.field_rejects), parsed.rejects) == (0 if read is not None else 1, [])


@pytest.mark.parametrize(
    ("sent", "read", "is_unreadable"),
    [
        (rb'"cut \ud83d"', "cut \ufffd", True),
        (rb'"\ude00 \ud83d\ude00 \\ud83d"', "\ufffd \U0001f600 \\ud83d", True),
        (b'"not UTF-8 \xff"', "not UTF-8 \ufffd", True),
        (rb'"a\u0000b"', "a\ufffdb", True),
        (b'"a\tb"', "a\tb", False),
        (b'"' + b"x" * 1_000_000 + b'"', "x" * 1_000_000, False),
        (b"7", "7", False),
        (b"7.0", "7", False),
        (b'["x"]', None, True),
        (b'{"x":1}', None, True),
        (b"true", None, True),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_text_keeps_its_readable_characters(sent: bytes, read: str | None, is_unreadable: bool) -> None:
    parsed = decode_records(MIXED, b'[{"id":1,"profile":{"name":' + sent + b'}},{"id":2}]', {})
    assert parsed.frames["mixed"].select("id", "name").rows() == [(1, read), (2, None)]
    assert [field_reject.field_path for field_reject in parsed.field_rejects] == (
        ["$.profile.name"] if is_unreadable else []
    )


@pytest.mark.parametrize(
    ("sent", "document"),
    [
        (rb'["a\u0000b", "\\u0000"]', '["a\\ufffdb","\\\\u0000"]'),
        (rb'"\ud83d"', '"\ufffd"'),
        (b"1e400", '"1e400"'),
        (b"1" * 300, "1" * 300),
    ],
    ids=["NUL", "surrogate", "huge", "long"],
)
def test_a_document_keeps_the_characters_that_postgresql_can_store(sent: bytes, document: str) -> None:
    parsed = decode_records(MIXED, b'[{"id":1,"tags":' + sent + b"}]", {})
    assert parsed.frames["mixed"]["tags"].to_list() == [document]


def test_a_nested_value_that_is_not_an_object_is_counted_once_and_its_fields_are_null() -> None:
    table = Table(
        "probe",
        "nested",
        key=("id",),
        description="parts",
        columns=(
            Column("id", "bigint", "id"),
            Column("name", "text", "name", ("profile", "name")),
            Column("country", "text", "country", ("profile", "country")),
        ),
    )
    parsed = decode_rows(table, [{"id": 1, "profile": "none"}, {"id": 2, "profile": None}], {})
    assert parsed.frames["nested"].rows() == [(1, None, None), (2, None, None)]
    assert parsed.field_rejects == {FieldReject("nested", "$.profile", "expected an object"): [0]}


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("1753000000", 1753000000),
        ("1753000000123", 1753000000),
        ("1753000000123456", 1753000000),
        ("1753000000.5", 1753000000),
        ('"1753000000"', 1753000000),
        ('"2025-07-20T08:26:40Z"', 1753000000),
        ('"2025-07-20T10:26:40+02:00"', 1753000000),
        ('"2025-07-20T08:26:40"', None),
        ("0", None),
        ("-1753000000", None),
        ("1000000000", None),
        ("1798761600", None),
        ("9000000000000000000", None),
        ("true", None),
    ],
)
def test_a_timestamp_is_parsed_in_any_unit_and_is_null_if_out_of_range(sent: str, read: int | None) -> None:
    body = f'[{{"id":1,"at":{sent}}},{{"id":2,"at":1753000000}}]'.encode()
    parsed = decode_records(TIMED, body, {}, observed_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert parsed.frames["timed"].rows() == [(1, read), (2, 1753000000)]
    assert [field_reject.field_path for field_reject in parsed.field_rejects] == ([] if read is not None else ["$.at"])


def test_a_timestamp_in_milliseconds_may_be_sent_in_seconds_and_0_may_mean_null() -> None:
    table = Table(
        "probe",
        "ended",
        key=("id",),
        description="times",
        columns=(
            Column("id", "bigint", "id"),
            Column("at", "bigint", "end", time=TimestampFormat(1000, 1_262_304_000)),
            Column("last", "bigint", "last", time=TimestampFormat(1, 1_262_304_000, is_zero_null=True)),
            Column("seen", "text", "seen", time=TimestampFormat(1, 0)),
        ),
    )
    records = [
        {"id": 1, "at": 1753000000, "last": 0, "seen": "2026-01-01T00:00:00.000Z"},
        {"id": 2, "at": 1753000000123, "last": 1753000000, "seen": "2026-01-01T02:00:00+02:00"},
        {"id": 3, "seen": 1767225600000},
    ]
    parsed = decode_rows(table, records, {})
    assert parsed.frames["ended"].rows() == [
        (1, 1753000000000, None, "2026-01-01T00:00:00.000Z"),
        (2, 1753000000123, 1753000000, "2026-01-01T00:00:00.000Z"),
        (3, None, None, "2026-01-01T00:00:00.000Z"),
    ]
    assert parsed.field_rejects == {}


def test_texts_of_keys_and_indexes_do_not_exceed_the_size_of_an_index_entry() -> None:
    table = Table(
        "probe",
        "keyed",
        key=("id",),
        indexes=(("account",),),
        description="texts",
        columns=(
            Column("id", "text", "id"),
            Column("account", "text", "account"),
            Column("team", "text", "team", is_identifier=True),
            Column("name", "text", "name"),
        ),
    )
    long = "\u5531" * 200
    parsed = decode_rows(table, [{"id": "1", "account": long, "team": long, "name": long}, {"id": long}], {})
    assert parsed.frames["keyed"].rows() == [("1", None, None, long)]
    assert [field_reject.field_path for field_reject in parsed.field_rejects] == ["$.account", "$.team"]
    assert [reject.field_path for reject in parsed.rejects] == ["$.id"]


def test_text_that_contains_record_separators_is_decoded_as_text() -> None:
    body = b'[{"id":1,"profile":{"name":"a},{b"}},{"id":2,"profile":{"name":null}}]'
    assert decode_records(MIXED, body, {}).frames["mixed"]["name"].to_list() == ["a},{b", None]


def test_empty_text_is_null_in_a_lenient_column_and_unreadable_in_others() -> None:
    table = Table(
        "probe",
        "levels",
        key=("id",),
        description="numbers as text",
        columns=(
            Column("id", "text", "id"),
            Column("level", "integer", "level", is_lenient=True),
            Column("place", "integer", "place"),
        ),
    )
    parsed = decode_rows(table, [{"id": "", "level": "", "place": ""}, {"id": "b", "level": "7", "place": "7"}], {})
    assert parsed.frames["levels"].rows() == [("", None, None), ("b", 7, 7)]
    assert [field_reject.field_path for field_reject in parsed.field_rejects] == ["$.place"]
    (reject,) = decode_rows(MIXED, [{"id": ""}], {}).rejects
    assert (reject.field_path, reject.reason) == ("$.id", "missing")


def test_unknown_fields_are_counted_as_drift() -> None:
    assert decode_records(FLAT, b'[{"id":1,"start":1,"new":2}]', {"owner": 1}).drift == {"flat.new": 1}
    assert decode_records(MIXED, b'[{"id":1,"new":2},{"id":2,"new":2}]', {}).drift == {"mixed.new": 2}


def test_thousands_of_unknown_fields_of_a_record_are_counted_together() -> None:
    record = {"id": 1, "start": 1, **{f"new_{number}": 0 for number in range(3000)}}
    assert decode_records(FLAT, msgspec.json.encode([record]), {"owner": 1}).drift == {"flat.*": 3000}
    assert decode_rows(MIXED, [record], {}).drift == {"mixed.*": 3001}


def test_a_body_that_is_not_an_array_is_one_reject() -> None:
    for body in (b'{"error":"x"}', b"<html>", b""):
        (reject,) = decode_records(FLAT, body, {"owner": 1}).rejects
        assert reject.record_index == -1


def test_an_empty_array_gives_no_rows_and_no_reject() -> None:
    parsed = decode_records(FLAT, b"[]", {"owner": 1})
    assert parsed.frames["flat"].equals(pl.DataFrame(schema=frame_schema(FLAT)))
    assert not parsed.rejects
