"""Contracts, descriptions and keys of the project match the database."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ingestion.sources.faceit.source import SOURCE as FACEIT
from ingestion.sources.opendota.source import SOURCE as OPENDOTA
from tests.dbt.project import Project


def marts(project: Project) -> dict[str, Any]:
    """Manifest nodes of the marts by name."""
    nodes = project.manifests["blue"].nodes.values()
    return {node.name: node for node in nodes if node.resource_type == "model" and node.schema == "marts_blue"}


def test_the_project_is_parsed_without_a_warning(project: Project) -> None:
    assert project.parsed("blue").nodes.keys() == project.manifests["blue"].nodes.keys()


def test_every_mart_keeps_its_contract_as_constraints(project: Project) -> None:
    keys = dict(
        project.rows(
            "SELECT c.conrelid::regclass::text, array_agg(a.attname::text ORDER BY array_position(c.conkey, a.attnum)) "
            "FROM pg_constraint AS c JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey) "
            "WHERE c.contype = 'p' GROUP BY 1"
        )
    )
    columns = project.rows(
        "SELECT c.oid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull "
        "FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE c.relnamespace = 'marts_blue'::regnamespace AND c.relkind = 'r'"
    )
    found = {(table, name): (type_, is_required) for table, name, type_, is_required in columns}
    for name, node in marts(project).items():
        assert node.config.contract.enforced, name
        (key,) = (constraint.columns for constraint in node.constraints if constraint.type == "primary_key")
        assert keys[f"marts_blue.{name}"] == key
        for column in node.columns.values():
            type_, is_required = found.pop((f"marts_blue.{name}", column.name))
            assert type_ == column.data_type, (name, column.name)
            required = column.name in key or any(constraint.type == "not_null" for constraint in column.constraints)
            assert is_required == required, (name, column.name)
    assert found == {}


def test_every_mart_and_column_carries_its_description(project: Project) -> None:
    undescribed = project.rows(
        "SELECT c.relname, a.attname FROM pg_class AS c "
        "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum >= 0 AND NOT a.attisdropped "
        "WHERE c.relnamespace = 'marts_blue'::regnamespace AND c.relkind = 'r' "
        "AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)"
    )
    assert undescribed == []


def test_every_model_states_its_grain_and_describes_its_columns(project: Project) -> None:
    nodes = project.manifests["blue"].nodes.values()
    for model in (node for node in nodes if node.resource_type in ("model", "seed")):
        assert re.search(r"One row[^.]*\.$", model.description.strip()), model.name
        assert all(column.description for column in model.columns.values()), model.name


#: Models without a key, and why.
_WITHOUT_KEY = {
    "stg_faceit__player_elos": "the key of the table has the time as text, and two texts may be the same time",
    "stg_opendota__player_ranks": "the key of the table has the time as text, and two texts may be the same time",
    "stg_opendota__player_ratings": "the key of the table has the time as text, and two texts may be the same time",
    "stg_faceit__player_segments": "two spellings in the table may be the same map",
    "int_rank_observations_unioned": "fct_rank_observations removes observations with the same time",
}


def test_every_model_declares_a_key_or_lists_changes(project: Project) -> None:
    nodes = project.manifests["blue"].nodes.values()
    without = {node.name for node in nodes if node.resource_type == "model" and not node.primary_key}
    assert without - _WITHOUT_KEY.keys() == {name for name in without if re.search("_changes(_unioned)?$", name)}
    assert _WITHOUT_KEY.keys() <= without


def test_declared_keys_of_sources_are_primary_keys_of_their_tables(project: Project) -> None:
    keys = dict(
        project.rows(
            "SELECT c.conrelid::regclass::text, array_agg(a.attname::text) FROM pg_constraint AS c "
            "JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey) "
            "WHERE c.contype = 'p' GROUP BY 1"
        )
    )
    for source in project.manifests["blue"].sources.values():
        declared = source.config.meta.get("primary_key", [])
        assert set(declared) == set(keys.get(f"{source.schema}.{source.identifier}", [])), source.name


def test_declared_keys_identify_the_rows_of_views_and_intermediate_tables(project: Project) -> None:
    project.restore()
    for node in project.manifests["blue"].nodes.values():
        if node.resource_type == "model" and node.primary_key and not node.config.contract.enforced:
            relation, key = f"{node.schema}.{node.alias}", ", ".join(node.primary_key)
            anonymous = " OR ".join(f"{column} IS NULL" for column in node.primary_key)
            assert project.rows(f"SELECT {key} FROM {relation} WHERE {anonymous} LIMIT 1") == [], relation
            assert project.rows(f"SELECT {key} FROM {relation} GROUP BY {key} HAVING count(*) > 1 LIMIT 1") == [], (
                relation
            )


def test_the_catalogue_lists_every_mart_with_its_columns(project: Project) -> None:
    catalogue = (Path(__file__).parents[2] / "docs" / "marts.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \| [^|]+ \| `([^`]+)`", catalogue, re.M)
    contracts = {name: ", ".join(node.columns) for name, node in marts(project).items()}
    assert dict(listed) == contracts


@pytest.mark.parametrize("colour", ["blue", "green"])
def test_a_target_builds_marts_in_its_own_schema_alone(project: Project, colour: str) -> None:
    schemas = {node.schema for node in project.manifests[colour].nodes.values() if node.resource_type != "test"}
    assert {schema for schema in schemas if schema.startswith("marts")} == {f"marts_{colour}"}


def test_sources_are_described_as_their_tables_are_defined(project: Project) -> None:
    tables = {(table.source, table.name): table for origin in (OPENDOTA, FACEIT) for table in origin.tables}
    for source in project.manifests["blue"].sources.values():
        table = tables.get((source.source_name, source.name))
        if table is None:
            continue
        described = {name: column.description for name, column in source.columns.items()}
        assert described == {column.name: column.description for column in table.columns}, source.name
        assert source.description == table.description


def test_freshness_of_sources_is_known(project: Project) -> None:
    project.execute(
        "INSERT INTO ops.confirmations VALUES ('opendota', 'players', now(), now()), "
        "('opendota', 'player_matches', now() - interval '8 days', now() - interval '9 days'), "
        "('opendota', 'player_ranks', NULL, now() - interval '2 days'), "
        "('opendota', 'teams', now() - interval '1 year', NULL)"
    )
    statuses = project.dbt(["source", "freshness"])
    # No FACEIT entity is tracked, so its tables are not late.
    expected = {"player_matches": "error", "player_ranks": "warn", "teams": "pass", "player_elos": "pass"}
    assert {name: statuses[name] for name in expected} == expected
    assert not {"error", "warn"} & {statuses[name] for name in ("leagues", "constants", "hero_stats")}


def test_every_formula_passes_its_unit_tests(project: Project) -> None:
    statuses = project.dbt(["test", "--select", "test_type:unit"])
    assert len(statuses) >= 20
    assert {name: status for name, status in statuses.items() if status != "pass"} == {}
