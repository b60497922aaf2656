"""Fields within documents: unreadable ones are counted, and the document is stored as it was sent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.value_formats import VALUE_FORMATS, ValueFormat
from warehouse.core.json_text import read_json
from warehouse.model.source import FieldReject
from warehouse.model.tables import Column, Table, document_fields
from warehouse.staging.decode import decode_rows

_TABLE = Table(
    "probe",
    "documents",
    key=("id",),
    description="documents",
    columns=(
        Column("id", "bigint", "id"),
        Column(
            "stats",
            "jsonb",
            "texts",
            ("shown", "stats"),
            is_lenient=True,
            document_fields=(
                *document_fields("integer", "Kills", "Deaths"),
                *document_fields("double precision", "Rate %"),
                *document_fields("boolean", "Won"),
            ),
        ),
        Column(
            "draft",
            "jsonb",
            "a list",
            document_fields=(
                *document_fields("integer", "[].hero", "[].sides.left.score"),
                *document_fields("boolean", "[].is_pick"),
            ),
        ),
        Column("entry", "jsonb", "any", document_fields=document_fields("boolean", "balanced"), is_scalar_allowed=True),
    ),
)


def _field_rejects(**record: Any) -> dict[str, str]:
    """Reasons by field of a record, whose documents are stored as sent."""
    parsed = decode_rows(_TABLE, [{"id": 1, **record}], {})
    assert parsed.rejects == []
    (row,) = parsed.frames["documents"].to_dicts()
    sent = {"stats": (record.get("shown") or {}).get("stats"), **record}
    for name in ("stats", "draft", "entry"):
        # In a lenient column empty text means that there is no document.
        if sent.get(name) not in (None, ""):
            assert msgspec.json.decode(row[name]) == sent[name]
    return {field_reject.field_path: field_reject.reason for field_reject in parsed.field_rejects}


def test_an_unreadable_field_of_a_document_is_counted_by_its_path() -> None:
    stats = {"Kills": "many", "Deaths": "3", "Rate %": [1], "Won": "perhaps", "Map": 7}
    assert _field_rejects(shown={"stats": stats}) == {
        "$.shown.stats.Kills": "expected an integer, got text",
        "$.shown.stats.Rate %": "expected a number, got a list",
        "$.shown.stats.Won": "expected true or false, got text",
    }


def test_a_valid_document_has_no_field_rejects() -> None:
    assert _field_rejects(shown={"stats": {"Kills": "12", "Rate %": "85.3", "Won": "1"}}) == {}
    assert _field_rejects(shown={"stats": {"Kills": None, "Deaths": "", "Other": "many"}}) == {}
    assert _field_rejects(shown={"stats": {}}, draft=[], entry={"balanced": True}) == {}
    assert _field_rejects(shown={"stats": None}, draft=None) == {}
    assert (
        _field_rejects(draft=[{"hero": 1, "is_pick": True, "sides": {"left": {"score": 0}}}, {"hero": 0}, None]) == {}
    )


def test_unreadable_elements_of_a_list_are_counted_once_per_record() -> None:
    draft = [
        {"hero": 1, "is_pick": 2},
        {"hero": "axe"},
        {"hero": ""},
        {"hero": "axe", "sides": {"left": {"score": 1.5}}},
    ]
    assert _field_rejects(draft=draft) == {
        "$.draft[].hero": "expected an integer, got text",
        "$.draft[].is_pick": "expected true or false, got a number",
        "$.draft[].sides.left.score": "expected an integer, got a fraction",
    }


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"shown": {"stats": "none"}}, {"$.shown.stats": "expected an object"}),
        ({"shown": {"stats": [1]}}, {"$.shown.stats": "expected an object"}),
        ({"shown": {"stats": ""}}, {}),
        ({"draft": {"hero": 1}}, {"$.draft": "expected a list"}),
        ({"draft": [7, {"hero": 1}]}, {"$.draft[]": "expected an object"}),
        ({"draft": [{"sides": [1]}]}, {"$.draft[].sides": "expected an object"}),
        ({"draft": [{"sides": {"left": "x"}}]}, {"$.draft[].sides.left": "expected an object"}),
        ({"entry": "Europe"}, {}),
    ],
    ids=str,
)
def test_a_value_in_place_of_an_object_or_a_list_is_counted(record: dict[str, Any], expected: dict[str, str]) -> None:
    assert _field_rejects(**record) == expected


@pytest.mark.parametrize("value_format", VALUE_FORMATS, ids=lambda value_format: value_format.sent)
def test_whether_a_field_is_readable_depends_on_its_notation_as_listed(value_format: ValueFormat) -> None:
    value = read_json(value_format.sent.encode())
    stats = {"Kills": value, "Rate %": value, "Won": value}
    parsed = decode_rows(_TABLE, [{"id": 1, "shown": {"stats": stats}}], {})
    counted = {
        field_reject.field_path.removeprefix("$.shown.stats.")
        for field_reject in parsed.field_rejects
        if "stats." in field_reject.field_path
    }
    unreadable = {
        "Kills": value_format.integer is None,
        "Rate %": value_format.decimal is None,
        "Won": value_format.boolean is None,
    }
    assert counted == {name for name, is_unreadable in unreadable.items() if is_unreadable}


def test_columns_and_fields_of_documents_are_parsed_alike() -> None:
    table = Table(
        "probe",
        "columns",
        key=("id",),
        description="columns",
        columns=(Column("id", "bigint", "id"), Column("kills", "integer", "kills"), Column("won", "boolean", "won")),
    )
    values = [read_json(value_format.sent.encode()) for value_format in VALUE_FORMATS]
    records = [{"id": index, "kills": value, "won": value} for index, value in enumerate(values)]
    parsed = decode_rows(table, records, {})
    assert parsed.frames["columns"]["kills"].to_list() == [value_format.integer for value_format in VALUE_FORMATS]
    assert parsed.frames["columns"]["won"].to_list() == [value_format.boolean for value_format in VALUE_FORMATS]
    assert FieldReject("columns", "$.kills", "expected an integer, got a fraction") in parsed.field_rejects
