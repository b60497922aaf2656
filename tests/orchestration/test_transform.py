"""Promise 6: marts and cache change together or not at all."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import psycopg2
import pytest

from ingestion.sources.faceit.source import SOURCE as FACEIT
from ingestion.sources.opendota.source import SOURCE
from orchestration.dbt.graph import PROJECT
from orchestration.dbt.manifests import Prepared, prepare
from orchestration.dbt.runner import build
from orchestration.engine.instance import storage_url
from orchestration.pipeline.publish import build_and_publish
from orchestration.pipeline.transform import TransformResult, transform
from orchestration.warehouse_access import Warehouse
from tests.conftest import Database
from warehouse.core.errors import BuildError
from warehouse.database.connections import connect
from warehouse.embedded import Servers
from warehouse.model.source import Page
from warehouse.ops.state import track
from warehouse.publication.damage import damaged_marts
from warehouse.publication.generations import current_generation
from warehouse.publication.plan import begin_build, build_session, plan_build
from warehouse.publication.promote import rollback
from warehouse.staging.load import load_pending


@pytest.fixture(scope="module")
def warehouse(create_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[Warehouse]:
    """A warehouse without matches, whose models are built and tested nevertheless."""
    with create_database() as database:
        cache_url = database.settings.redis_url
        assert cache_url is not None
        servers = Servers(database.admin_url, cache_url.get_secret_value(), False, False)
        yield Warehouse(database.settings, servers)


#: Publication depends on no particular model. One mart with its parents is built in a second or two.
_MODELS = {
    *("stg_opendota__constants.sql", "int_dota2_patches.sql", "dim_patches.sql"),
    *("stg_ops__build_inputs.sql", "int_as_of_date.sql"),
    *("_opendota__sources.yml", "_ops__sources.yml", "_dimensions__models.yml"),
}
#: Minutes of observations, each newer than the previous ones.
_MINUTES = itertools.count(1)
#: Replaces the totals from which the anchor date is computed, which would need all facts.
_NO_MATCH_DAYS = "select cast(null as date) as played_date where false\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dbt project with a few of its models."""

    def others(folder: str, names: list[str]) -> set[str]:
        if "models" not in Path(folder).relative_to(PROJECT).parts:
            return {"target", "logs", "marts"} & set(names)
        return {name for name in names if Path(name).suffix and name not in _MODELS}

    copy = tmp_path_factory.mktemp("project") / "dbt_project"
    shutil.copytree(PROJECT, copy, ignore=others)
    shutil.copytree(PROJECT.parent / "seeds", copy.parent / "seeds")
    (copy / "models" / "intermediate" / "int_match_day_totals.sql").write_text(_NO_MATCH_DAYS)
    return copy


@pytest.fixture(scope="module")
def prepared(warehouse: Warehouse, project: Path) -> Prepared:
    return prepare(warehouse.settings, warehouse.servers.database_url, project)


@pytest.fixture(scope="module")
def first(warehouse: Warehouse, prepared: Prepared) -> int:
    """Number of the first generation of the module."""
    outcome = transform(warehouse, prepared)
    assert outcome.failure is None
    assert outcome.generation is not None
    assert {result.status for result in outcome.results} <= {"success", "pass"}
    return outcome.generation.generation


_LIVE = "SELECT colour FROM ops.generations ORDER BY generation DESC LIMIT 1"


def _rows(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(warehouse.servers.database_url) as connection:
        return connection.execute(query.encode()).fetchall()


def _execute(warehouse: Warehouse, statement: str) -> None:
    with psycopg.connect(warehouse.servers.database_url) as connection:
        connection.execute(statement.encode())


def _generation(warehouse: Warehouse) -> int:
    with connect(warehouse.url("serving")) as connection:
        found = current_generation(connection)
    assert found is not None
    return found.generation


def test_without_new_data_no_build_runs_and_nothing_is_written(
    warehouse: Warehouse, prepared: Prepared, first: int
) -> None:
    written = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_all_tables WHERE schemaname LIKE 'marts%'"
    before = _rows(warehouse, written)
    outcome = transform(warehouse, prepared)
    assert not outcome.is_built
    assert outcome.generation is not None
    assert outcome.generation.generation == _generation(warehouse)
    assert _rows(warehouse, written) == before


def test_a_model_changes_once_though_both_colours_are_written(
    warehouse: Warehouse, prepared: Prepared, first: int
) -> None:
    def built() -> set[str]:
        outcome = transform(warehouse, prepared)
        assert outcome.failure is None
        assert outcome.is_built
        return {unique_id.rpartition(".")[2] for unique_id in outcome.changed}

    # The other colour may lack data of earlier tests.
    _load_patch(warehouse, "7.20")
    built()
    _load_patch(warehouse, "7.99")
    patched = built()
    assert {"stg_opendota__constants", "int_dota2_patches", "dim_patches"} <= patched
    assert "int_as_of_date" not in patched
    with connect(warehouse.url("ingest")) as connection:
        track(connection, "opendota", "player", ["77"])
    # This build has written the patch into the other colour.
    assert "dim_patches" not in built()
    _load_patch(warehouse, "7.99")
    assert not transform(warehouse, prepared).is_built


def test_after_a_rollback_changes_in_the_idle_colour_count_again(
    warehouse: Warehouse, prepared: Prepared, first: int
) -> None:
    _load_patch(warehouse, "7.98")
    assert transform(warehouse, prepared).failure is None
    with build_session(warehouse.url("transform")) as connection:
        rollback(connection, prepared.graph.marts)
    rebuilt = transform(warehouse, prepared)
    assert "model.ladderhouse.dim_patches" in rebuilt.changed
    assert rebuilt.changed["model.ladderhouse.dim_patches"] is None


def _tests_of_each_build(prepared: Prepared) -> set[str]:
    return {test.name for test in prepared.graph.tests if not test.is_full_build_only}


def _ran(outcome: TransformResult) -> set[str]:
    return {result.name for result in outcome.results if result.status in ("success", "pass", "warn")}


def test_a_build_runs_only_models_and_tests_downstream_of_a_change(
    warehouse: Warehouse, prepared: Prepared, first: int
) -> None:
    # Both colours hold all that was loaded before.
    for minute in (30, 31):
        _load_patch(warehouse, f"7.{minute}")
        assert transform(warehouse, prepared).failure is None
    _load_patch(warehouse, "7.32")
    outcome = transform(warehouse, prepared)
    assert outcome.failure is None
    assert {"dim_patches", "dim_patches_follow_each_other", "int_as_of_date"} <= _ran(outcome)
    tests = {test.unique_id for test in prepared.graph.tests}
    reused = {result.name for result in outcome.results if result.status == "reused"}
    patches = {test.name for test in prepared.graph.tests if "dim_patches" in " ".join(test.upstream)}
    assert reused & patches == set()
    others = {test.name for test in prepared.graph.tests} - patches
    assert others <= reused | {test.name for test in prepared.graph.tests if "as_of_date" in " ".join(test.upstream)}
    assert len(tests) == sum(result.unique_id in tests for result in outcome.results)


def test_batches_that_no_model_reads_cause_no_build_and_confirm_the_generation(
    warehouse: Warehouse, prepared: Prepared, first: int
) -> None:
    while transform(warehouse, prepared).is_built:
        pass
    before = _generation(warehouse)
    # The project of these tests has no model of matches.
    _load(warehouse, [_match(40)])
    outcome = transform(warehouse, prepared)
    assert not outcome.is_built
    assert _generation(warehouse) == before


def test_after_a_killed_build_every_node_runs(warehouse: Warehouse, prepared: Prepared, first: int) -> None:
    _load_patch(warehouse, "7.41")
    with build_session(warehouse.url("transform")) as connection:
        plan = plan_build(connection, models_digest=prepared.digest, as_of_date=None)
        begin_build(connection, plan, is_full=False)
    outcome = transform(warehouse, prepared)
    assert outcome.failure is None
    tables = {model.name for model in prepared.graph.models if model.materialized == "incremental"}
    assert tables | _tests_of_each_build(prepared) <= _ran(outcome)


def test_every_node_runs_if_the_server_counts_no_rows(warehouse: Warehouse, prepared: Prepared, first: int) -> None:
    ((name,),) = _rows(warehouse, "SELECT current_database()")
    _execute(warehouse, f'ALTER DATABASE "{name}" SET track_counts = off')
    try:
        _load_patch(warehouse, "7.42")
        outcome = transform(warehouse, prepared)
    finally:
        _execute(warehouse, f'ALTER DATABASE "{name}" RESET track_counts')
    assert outcome.failure is None
    assert _tests_of_each_build(prepared) <= _ran(outcome)
    assert _rows(warehouse, "SELECT count(*) FROM marts.dim_patches WHERE patch_name = '7.42'") == [(1,)]


def test_a_run_without_new_data_confirms_the_generation(warehouse: Warehouse, prepared: Prepared, first: int) -> None:
    while transform(warehouse, prepared).is_built:
        pass
    before = transform(warehouse, prepared).generation
    after = transform(warehouse, prepared).generation
    assert before is not None
    assert after is not None
    assert (after.generation, after.published_at) == (before.generation, before.published_at)
    assert after.confirmed_at > before.confirmed_at
    assert _rows(warehouse, "SELECT max(confirmed_at) FROM ops.generations") == [(after.confirmed_at,)]


def test_a_full_refresh_builds_the_other_colour(warehouse: Warehouse, prepared: Prepared, first: int) -> None:
    before = _rows(warehouse, _LIVE)
    outcome = transform(warehouse, prepared, full_refresh=True)
    assert outcome.is_built
    after = _rows(warehouse, _LIVE)
    assert after != before


def test_a_full_refresh_repairs_both_colours(warehouse: Warehouse, prepared: Prepared, first: int) -> None:
    for colour in ("blue", "green"):
        _execute(
            warehouse,
            f"INSERT INTO marts_{colour}.dim_patches (game, patch_id, released_at) VALUES ('wrong', '0', now())",
        )
    assert transform(warehouse, prepared, full_refresh=True).failure is None
    _load_patch(warehouse, "7.5")
    assert transform(warehouse, prepared).failure is None
    for colour in ("blue", "green"):
        assert _rows(warehouse, f"SELECT count(*) FROM marts_{colour}.dim_patches WHERE game = 'wrong'") == [(0,)]


def test_a_damaged_mart_is_rebuilt_in_the_idle_colour_and_its_own_colour_by_the_next_build(
    warehouse: Warehouse, prepared: Prepared, first: int
) -> None:
    before = _generation(warehouse)
    ((damaged,),) = _rows(warehouse, _LIVE)
    # The effect of `dbt run --full-refresh` in the published colour.
    _execute(warehouse, f"DROP TABLE marts_{damaged}.dim_patches CASCADE")
    outcome = transform(warehouse, prepared)
    assert outcome.is_built
    assert outcome.failure is None
    assert _generation(warehouse) == before + 1
    assert _rows(warehouse, _LIVE) != [(damaged,)]
    assert _rows(warehouse, "SELECT count(*) >= 0 FROM marts.dim_patches") == [(True,)]
    with connect(warehouse.url("serving")) as connection:
        assert damaged_marts(connection) == []
    assert not transform(warehouse, prepared).is_built
    _load_patch(warehouse, "7.6")
    with build_session(warehouse.url("transform")) as connection:
        assert plan_build(connection, models_digest=prepared.digest, as_of_date=None).is_full
    assert transform(warehouse, prepared).failure is None
    assert _rows(warehouse, _LIVE) == [(damaged,)]


def test_rows_written_into_the_idle_colour_by_hand_lead_to_a_full_build(
    warehouse: Warehouse, prepared: Prepared, first: int
) -> None:
    ((live,),) = _rows(warehouse, _LIVE)
    idle = {"blue": "green", "green": "blue"}[live]
    wrong = f"INSERT INTO marts_{idle}.dim_patches (game, patch_id, released_at) VALUES ('wrong', '0', now())"
    _execute(warehouse, wrong)
    with connect(warehouse.url("serving")) as connection:
        while not damaged_marts(connection, idle):
            connection.rollback()
        assert damaged_marts(connection) == []
    _load_patch(warehouse, "7.7")
    outcome = transform(warehouse, prepared)
    assert outcome.failure is None
    assert "reused" not in {result.status for result in outcome.results}
    assert _rows(warehouse, "SELECT count(*) FROM marts.dim_patches WHERE game = 'wrong'") == [(0,)]


def test_after_a_killed_full_refresh_the_colour_is_built_in_full(
    warehouse: Warehouse, prepared: Prepared, first: int
) -> None:
    with build_session(warehouse.url("transform")) as connection:
        plan = plan_build(connection, models_digest=prepared.digest, as_of_date=None)
        begin_build(connection, plan, is_full=True)
    # A full refresh replaces views one by one; this one was killed after it had dropped a view.
    _execute(warehouse, "DROP VIEW prep.stg_opendota__constants CASCADE")
    outcome = transform(warehouse, prepared)
    assert outcome.is_built
    assert outcome.failure is None
    assert "reused" not in {result.status for result in outcome.results}


def test_dbt_and_dagster_reject_a_connection_without_the_encryption_that_the_url_requires(
    warehouse: Warehouse, prepared: Prepared, first: int
) -> None:
    # The test server has no certificate, so a client that applies `sslmode` cannot connect.
    demanding = replace(
        warehouse, servers=replace(warehouse.servers, database_url=f"{warehouse.servers.database_url}?sslmode=require")
    )
    with build_session(warehouse.url("transform")) as lock, pytest.raises(BuildError, match="SSL"):
        build(prepared, demanding.settings, demanding.url("transform"), "green", lock=lock)
    with pytest.raises(psycopg2.OperationalError, match="SSL"):
        psycopg2.connect(storage_url(demanding).replace("+psycopg2", ""))


def test_pending_files_of_a_killed_replay_are_loaded_before_a_build_also_of_sources_without_a_sync(
    warehouse: Warehouse, project: Path, first: int
) -> None:
    """FACEIT has no key here, so no sync would load its files."""
    player = "ffe3566c-9574-4f1b-8012-bf4d42aeb898"
    body = msgspec.json.encode({"player_id": player, "nickname": "Darwin"})
    page = Page("player", f"/players/{player}", {"player_id": player}, 200, datetime(2026, 1, 1, tzinfo=UTC), body)
    warehouse.lake.land(FACEIT, page.endpoint, [page])
    _execute(warehouse, "INSERT INTO ops.replays (source) VALUES ('faceit')")
    _load_patch(warehouse, "7.70")
    before = _generation(warehouse)
    assert build_and_publish(warehouse, project=project).failure is None
    assert _generation(warehouse) > before
    assert _rows(warehouse, "SELECT nickname FROM staging_faceit.players") == [("Darwin",)]


def test_after_a_failed_test_nothing_is_promoted_and_it_is_named_with_its_rows(
    warehouse: Warehouse, project: Path, first: int, tmp_path: Path
) -> None:
    other = tmp_path / "dbt_project"
    shutil.copytree(project, other)
    shutil.copytree(project.parent / "seeds", tmp_path / "seeds")
    (other / "tests" / "assert_impossible.sql").write_text(
        "select * from (values (1), (2), (3)) as found (n) where (select count(*) from {{ ref('dim_patches') }}) >= 0\n"
    )
    before = _generation(warehouse)
    changed = prepare(warehouse.settings, warehouse.servers.database_url, other)
    outcome = transform(warehouse, changed)
    assert outcome.failure is not None
    assert "assert_impossible" in str(outcome.failure)
    assert "3 rows" in str(outcome.failure)
    assert "\n" not in str(outcome.failure)
    assert "assert_impossible" in (warehouse.settings.home / "logs" / "dbt.log").read_text()
    assert _generation(warehouse) == before


def test_a_manifest_of_the_published_colour_is_rejected(
    warehouse: Warehouse, prepared: Prepared, first: int, tmp_path: Path
) -> None:
    # The prepared folder is shared with other test sessions and must not change.
    own = replace(prepared, folder=tmp_path / "prepared")
    shutil.copytree(prepared.folder, own.folder)
    (own.folder / "green.msgpack").write_bytes((own.folder / "blue.msgpack").read_bytes())
    with build_session(warehouse.url("transform")) as lock, pytest.raises(BuildError, match="_blue, not in green"):
        build(own, warehouse.settings, warehouse.url("transform"), "green", lock=lock)


def test_old_images_are_kept_until_both_colours_have_read_them(
    warehouse: Warehouse, prepared: Prepared, first: int
) -> None:
    history = [{**_match(1), "radiant_win": None}]
    _load(warehouse, history)
    _load(warehouse, [{**history[0], "radiant_win": True}])
    feed = "SELECT radiant_win FROM staging_opendota.player_matches__feed"
    for patch in ("7.10", "7.11"):
        _load_patch(warehouse, patch)
        assert _rows(warehouse, feed) == [(None,)]
        assert transform(warehouse, prepared).failure is None
    _load_patch(warehouse, "7.12")
    assert _rows(warehouse, feed) == [(None,)]
    assert transform(warehouse, prepared).failure is None
    assert _rows(warehouse, feed) == []


def test_changed_models_rebuild_a_colour_until_a_full_build_has_succeeded(
    warehouse: Warehouse, prepared: Prepared, first: int
) -> None:
    _load_patch(warehouse, "7.4")
    with build_session(warehouse.url("transform")) as connection:

        def is_full(digest: str) -> bool:
            return plan_build(connection, models_digest=digest, as_of_date=None).is_full

        plan = plan_build(connection, models_digest=prepared.digest, as_of_date=None)
        assert not plan.is_full
        assert is_full("other models")
        # A killed build with other models has left some of their tables behind.
        begin_build(connection, replace(plan, models_digest="other models"), is_full=True)
        assert is_full("other models")
        assert is_full(prepared.digest)
    assert transform(warehouse, prepared).failure is None


def _match(match_id: int) -> dict[str, Any]:
    return {"match_id": match_id, "player_slot": 0, "start_time": 1767225600, "hero_id": 1}


def _load_patch(warehouse: Warehouse, name: str) -> None:
    """Load a newer observation of the patch 58, under a name."""
    observed_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=next(_MINUTES))
    body = msgspec.json.encode({"58": {"id": 58, "name": name, "date": "2026-01-01T00:00:00Z"}})
    page = Page("constants", "/constants/patch", {"resource": "patch"}, 200, observed_at, body)
    warehouse.lake.land(SOURCE, page.endpoint, [page])
    load_pending(warehouse.url("ingest"), warehouse.lake, SOURCE)


def _load(warehouse: Warehouse, history: list[dict[str, Any]]) -> None:
    observed_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=next(_MINUTES))
    body = msgspec.json.encode(history)
    page = Page("player_matches", "/players/7/matches", {"account_id": 7}, 200, observed_at, body)
    warehouse.lake.land(SOURCE, page.endpoint, [page])
    load_pending(warehouse.url("ingest"), warehouse.lake, SOURCE)
