"""Models and ingestion read the same values from JSON documents, and accept the same spellings."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ingestion.sources.faceit.source import SOURCE as FACEIT
from ingestion.sources.opendota.source import SOURCE as OPENDOTA
from tests.dbt import faceit_payloads
from tests.dbt.project import Project
from tests.value_formats import VALUE_FORMATS
from warehouse.core.json_text import encode_json, read_json
from warehouse.model.documents import document_check
from warehouse.model.tables import Column, document_fields

_FOLDER = Path(__file__).parents[2] / "dbt_project"
_MACROS = {"integer": "integer", "decimal": "double precision", "boolean": "boolean"}
_READING = re.compile(r"json_(integer|decimal|boolean)\((.*?), '([^']+)'\) \}\}")
_CALL = re.compile(r"json_(?:integer|decimal|boolean)\(")
#: Expressions that read a document and are not a column of the model's own source.
_ELSEWHERE = {
    ("fct_drafts", "'draft.value'"): ("opendota.matches.picks_bans", "[]."),
    ("int_dota2_game_modes", "'entry'"): ("opendota.constants.value", ""),
    ("int_dota2_lobby_types", "'entry'"): ("opendota.constants.value", ""),
    ("faceit_maps", "json_value(json_value(map_result, 'factions'), side_name)"): (
        "faceit.matches.detailed_results",
        "[].factions.{side}.",
    ),
}


def _read_by_models() -> Iterator[tuple[str, str, str]]:
    """Column, path and type of each value that the project reads from a JSON document."""
    for file in sorted(_FOLDER.rglob("*.sql")):
        if "portable" in file.parts:
            continue
        text = file.read_text()
        source = re.search(r"source\('(\w+)', '(\w+)'\)", text)
        found = _READING.findall(text)
        assert len(found) == len(_CALL.findall(text)), f"{file.name} reads a document in an unknown form"
        for macro, expression, key in found:
            if (file.stem, expression) in _ELSEWHERE:
                column, parent = _ELSEWHERE[file.stem, expression]
            else:
                assert source, f"{file.name}: the source column of {expression} is unknown; add it to `_ELSEWHERE`"
                column, parent = f"{source[1]}.{source[2]}." + expression.strip("'"), ""
            for side in ("faction1", "faction2") if "{side}" in parent else ("",):
                yield column, parent.format(side=side) + key, _MACROS[macro]


def test_models_read_exactly_the_declared_values_of_documents() -> None:
    declared = {
        (f"{source.name}.{table.name}.{column.name}", part.path, part.type)
        for source in (FACEIT, OPENDOTA)
        for table in source.tables
        for column in table.columns
        for part in column.document_fields
    }
    assert set(_read_by_models()) == declared


def test_models_read_documents_only_through_macros() -> None:
    read = [file.name for file in _FOLDER.rglob("*.sql") if "portable" not in file.parts and "->" in file.read_text()]
    cast = [file.name for file in _FOLDER.rglob("*.sql") if re.search(r"cast\(\{\{ json_text", file.read_text())]
    assert (read, cast) == ([], [])


@pytest.fixture(scope="module")
def reading(project: Project) -> str:
    """A query that reads `value` of documents as integer, decimal and boolean, with the macros of the models."""
    macros = ", ".join(f"{{{{ json_{type_}('d.document', 'value') }}}}" for type_ in _MACROS)
    return project.compiled(f"select {macros} from probe as d order by d.number")


def _read(project: Project, reading: str, documents: Sequence[str]) -> list[tuple[Any, ...]]:
    probe = "WITH probe AS (SELECT * FROM unnest(%s::jsonb[]) WITH ORDINALITY AS p (document, number)) "
    return project.rows(probe + reading.replace("%", "%%"), list(documents))


def test_models_read_every_accepted_spelling_of_a_value(project: Project, reading: str) -> None:
    documents = [encode_json({"value": read_json(spelling.sent.encode())}) for spelling in VALUE_FORMATS]
    found = _read(project, reading, documents)
    assert dict(zip([each.sent for each in VALUE_FORMATS], found, strict=True)) == {
        each.sent: (each.integer, each.decimal, each.boolean) for each in VALUE_FORMATS
    }


def test_ingestion_counts_exactly_the_values_that_models_cannot_read(project: Project, reading: str) -> None:
    numbers = random.Random(6)
    pieces = [*"0123456789+-.eE", " ", "\t", "\u00a0", "00", "1e", ".0", "true", "False", "x"]
    values: list[Any] = ["".join(numbers.choices(pieces, k=numbers.randint(1, 7))) for _ in range(4000)]
    values += ["0" * 39 + "1", "0" * 40 + "1", "1." + "0" * 400, "1." + "0" * 401, "0e99", "0e100"]
    values += [numbers.uniform(-1, 1) * 10.0 ** numbers.randint(-320, 300) for _ in range(1000)]
    checks = [
        document_check(Column("document", "jsonb", "", document_fields=document_fields(type_, "value")))
        for type_ in _MACROS.values()
    ]
    for value, row in zip(values, _read(project, reading, [encode_json({"value": v}) for v in values]), strict=True):
        for check, read in zip(checks, row, strict=True):
            odd: dict[str, str] = {}
            assert check is not None
            check({"value": value}, odd)
            assert (read is None) == bool(odd), (value, row, odd)


def test_an_unreadable_statistic_is_null_in_models_and_counted_by_its_name(project: Project) -> None:
    project.restore()
    record = faceit_payloads.listed(90, "p1", Kills="many", Deaths=" 19.0 ")
    project.load(project.page("player_match_stats", {"items": [record]}, player_id="p1", game="cs2"), source=FACEIT)
    assert project.rows(
        "SELECT stats.kills, stats.deaths, staged.stats ->> 'Kills' FROM prep.stg_faceit__player_match_stats AS stats "
        "JOIN staging_faceit.player_match_stats AS staged USING (match_id) WHERE match_id = 'f90'"
    ) == [(None, 19, "many")]
    assert project.rows("SELECT source, table_name, field_path, reason, records::int FROM ops.field_rejects") == [
        ("faceit", "player_match_stats", "$.stats.Kills", "expected an integer, got text", 1)
    ]
    project.restore()
