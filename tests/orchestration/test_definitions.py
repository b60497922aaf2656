"""Dagster's definitions: asset keys equal table names, so lineage needs no mapping."""

from __future__ import annotations

import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import pytest
from dagster import AssetKey, RepositoryDefinition
from pydantic import SecretStr

from ingestion.registry import connectors
from orchestration.assets.confirmation import CONFIRMED
from orchestration.assets.freshness import freshness_keys
from orchestration.assets.marts import CACHE_KEY, check_names, keys_of_tests, model_key
from orchestration.assets.staging import staging_assets
from orchestration.dbt.manifests import Prepared, prepare
from orchestration.definitions import build_definitions
from tests.conftest import Database
from warehouse.core.settings import Settings


@pytest.fixture(scope="module")
def prepared(create_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[Prepared]:
    with create_database() as database:
        yield prepare(database.settings, database.admin_url)


@pytest.fixture(scope="module")
def repository(prepared: Prepared) -> RepositoryDefinition:
    return build_definitions(prepared.graph).get_repository_def()


def test_a_code_server_loads_every_definition(repository: RepositoryDefinition) -> None:
    repository.load_all_definitions()
    names = {job.name for job in repository.get_all_jobs()}
    assert {"run", "transform", "profiles", "player_matches", "scene", "constants", "housekeeping"} <= names


def test_every_staging_table_is_an_asset_with_its_name(repository: RepositoryDefinition) -> None:
    keys = set(repository.asset_graph.materializable_asset_keys)
    tables = [table for reader in connectors().values() for table in reader.source.tables]
    assert {AssetKey([table.source, table.name]) for table in tables} <= keys
    assert {table.source for table in tables} == {"opendota", "faceit"}


def test_each_table_is_loaded_by_one_step_of_its_source_and_each_stream_is_a_step() -> None:
    for staging in staging_assets().values():
        keys = [key for assets in staging.assets for key in assets.keys]
        assert len(keys) == len(set(keys)) == len(staging.reader.source.tables)
        assert len(staging.assets) == len(staging.reader.streams)
        assert {assets.op.pool for assets in staging.assets} == {staging.name}
        scheduled = [name for job in staging.jobs for name in job.streams]
        assert sorted(scheduled) == sorted(staging.streams)


def test_a_build_runs_after_every_stream_that_is_ready(repository: RepositoryDefinition) -> None:
    steps = {op.name: int(op.tags.get("dagster/priority", 0)) for op in repository.get_job("run").nodes}
    streams = {f"{name}_{stream}" for name, staging in staging_assets().items() for stream in staging.streams}
    assert max(steps[name] for name in steps.keys() & streams) <= 0
    assert steps["build_marts"] < min(steps[name] for name in steps.keys() & streams)


def test_a_source_without_its_required_key_is_in_no_job(prepared: Prepared) -> None:
    def jobs(settings: Settings) -> dict[str, set[str]]:
        repository = build_definitions(prepared.graph, settings).get_repository_def()
        return {job.name: {node.name for node in job.nodes} for job in repository.get_all_jobs()}

    without = jobs(Settings())
    with_key = jobs(Settings(faceit_key=SecretStr("key")))
    assert with_key.keys() - without.keys() == {"faceit_profiles", "faceit_histories", "faceit_competitions"}
    assert with_key["run"] - without["run"] == {
        f"faceit_{definition.name}" for definition in connectors()["faceit"].streams
    }
    assert "opendota_players" in without["run"]


def test_every_mart_is_one_asset_for_both_colours(prepared: Prepared, repository: RepositoryDefinition) -> None:
    keys = set(repository.asset_graph.materializable_asset_keys)
    assert prepared.graph.marts
    assert {AssetKey(["marts", mart]) for mart in prepared.graph.marts} <= keys
    assert not [key for key in keys if "blue" in key.to_user_string() or "green" in key.to_user_string()]


def test_lineage_runs_from_staging_to_the_served_cache(repository: RepositoryDefinition) -> None:
    graph = repository.asset_graph
    upstream = graph.get_ancestor_asset_keys(CACHE_KEY)
    assert AssetKey(["marts", "leaderboard_entries"]) in upstream
    assert AssetKey(["opendota", "player_matches"]) in upstream
    assert all(graph.get(key).is_materializable for key in upstream)


def test_every_dbt_test_is_an_asset_check(prepared: Prepared, repository: RepositoryDefinition) -> None:
    names = check_names(prepared.graph)
    assert set(names) == {test.unique_id for test in prepared.graph.tests}
    assert len(set(names.values())) == len(names)
    checks = {(key.asset_key, key.name) for key in repository.asset_graph.asset_check_keys}
    assert set(names.values()) <= checks


def test_jobs_plan_no_dbt_test_since_a_run_without_new_data_evaluates_none(
    prepared: Prepared, repository: RepositoryDefinition
) -> None:
    tests = set(keys_of_tests(prepared.graph))
    for name in ("run", "transform"):
        planned = set(repository.get_job(name).asset_layer.asset_graph.asset_check_keys)
        assert CONFIRMED in planned
        assert set(freshness_keys(prepared.graph)) <= planned
        assert not planned & tests
    # A model that is selected in the web UI has its tests.
    assert tests <= set(repository.get_job("__ASSET_JOB").asset_layer.asset_graph.asset_check_keys)


def test_models_and_their_parents_are_those_of_dagster_dbt(
    prepared: Prepared, repository: RepositoryDefinition
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dagster_dbt import DagsterDbtTranslator
        from dagster_dbt.asset_utils import build_dbt_specs
        from dbt.contracts.graph.manifest import Manifest
        from dbt.flags import set_from_args
        from dbt.parser.manifest import extended_mashumuro_decoder

        class Translator(DagsterDbtTranslator):
            def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
                if dbt_resource_props["resource_type"] == "source":
                    return AssetKey([dbt_resource_props["source_name"], dbt_resource_props["name"]])
                is_mart = dbt_resource_props["schema"].startswith("marts")
                return AssetKey(["marts" if is_mart else "prep", dbt_resource_props["name"]])

        # dbt's flags are not set without a dbt command in this process.
        set_from_args(Namespace(send_anonymous_usage_stats=False), None)
        packed = (prepared.folder / "blue.msgpack").read_bytes()
        manifest = Manifest.from_msgpack(packed, decoder=extended_mashumuro_decoder).writable_manifest().to_dict()
        specs, _ = build_dbt_specs(
            manifest=manifest,
            translator=Translator(),
            select="fqn:*",
            exclude="",
            selector="",
            io_manager_key=None,
            project=None,
        )
    ours = {model_key(model) for model in prepared.graph.models}
    assert {spec.key for spec in specs} == ours
    graph = repository.asset_graph
    for spec in specs:
        read = [dep.asset_key.path for dep in spec.deps if dep.asset_key.path[0] != "ops"]
        theirs = {AssetKey([schema, name.removesuffix("__feed")]) for schema, name in read}
        assert graph.get(spec.key).parent_keys == theirs
