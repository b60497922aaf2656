"""Events and log lines of a run: events of what changed, one check result for the state of all, and no others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from dagster import AssetCheckKey, AssetKey, DagsterEventType, DagsterInstance, RepositoryDefinition

from orchestration.assets.confirmation import CONFIRMED
from orchestration.assets.marts import CACHE_KEY, check_names, keys_of_tests
from orchestration.dbt.graph import Graph, models_digest, prepared_folder
from orchestration.definitions import build_definitions
from orchestration.pipeline.freshness import table_ages
from orchestration.runs.execution import create_run, execute
from tests.orchestration.conftest import Ended, Filled
from warehouse.database.connections import connect
from warehouse.ops.state import track, untrack

pytestmark = pytest.mark.slow

_TABLE = AssetKey(["opendota", "players"])
#: dbt's id of the same.
_PLAYERS = "source.ladderhouse.opendota.players"
_FRESHNESS = AssetCheckKey(_TABLE, "freshness")
_SPOIL = """
CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS $spoil$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        EXECUTE format('INSERT INTO marts_{colour}.dim_players (game, player_id, is_tracked, rank_bracket) '
            'VALUES (''dota2'', %L, false, ''unknown'') ON CONFLICT DO NOTHING', {stranger});
    END IF;
    RETURN NULL;
END $spoil$;
CREATE TRIGGER spoil AFTER INSERT OR UPDATE OR DELETE ON marts_{colour}.dim_players
FOR EACH STATEMENT EXECUTE FUNCTION public.spoil();
"""


@pytest.fixture(scope="module")
def graph(filled: Filled) -> Graph:
    return Graph.read(prepared_folder(filled.database.settings, models_digest(filled.database.settings)))


@pytest.fixture(scope="module")
def repository(graph: Graph) -> RepositoryDefinition:
    return build_definitions(graph).get_repository_def()


@pytest.fixture
def in_this_process(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the command line, for runs that are executed in this process."""
    for name, value in filled.ladder.environment.items():
        monkeypatch.setenv(name, value)


def _transformed(instance: DagsterInstance, repository: RepositoryDefinition) -> tuple[str, bool]:
    """Execute the hourly job; returns the run's id, and whether it succeeded."""
    done = execute(instance, repository, create_run(instance, repository, "transform"))
    return done.run_id, done.is_ok


def test_the_first_run_evaluates_every_test_once_and_materializes_all_models(
    filled: Filled, instance: DagsterInstance, graph: Graph
) -> None:
    first = [run for run in instance.get_runs() if run.job_name == "run"][-1]
    tests = keys_of_tests(graph)
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(tests)
    assert len(found) == len(tests) == len(graph.tests)
    assert {execution.status.value for execution in found.values()} == {"SUCCEEDED"}
    assert len(_evaluated(instance, first.run_id, set(tests))) == len(tests)
    materialized = _materialized(instance, first.run_id)
    assert {AssetKey(["marts", mart]) for mart in graph.marts} | {CACHE_KEY, _TABLE} <= materialized


@pytest.mark.usefixtures("in_this_process")
def test_a_run_without_new_data_confirms_all_models_in_one_check_result_and_leaves_no_other_event_of_a_model(
    filled: Filled, instance: DagsterInstance, repository: RepositoryDefinition, graph: Graph
) -> None:
    _transformed(instance, repository)
    tests = set(keys_of_tests(graph))
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key
    before, confirmed_before = latest(list(tests)), _value(filled, "SELECT max(confirmed_at) FROM ops.generations")
    run_id, is_ok = _transformed(instance, repository)
    assert is_ok
    assert _materialized(instance, run_id) == set()
    evaluated = _evaluated(instance, run_id, set())
    assert {key for key in evaluated if key.name != "freshness"} == {CONFIRMED}
    # The latest results are unchanged: no test is planned, so none looks skipped.
    assert {key: one.run_id for key, one in latest(list(tests)).items()} == {
        key: one.run_id for key, one in before.items()
    }
    assert _value(filled, "SELECT max(confirmed_at) FROM ops.generations") > confirmed_before
    metadata = _confirmation(instance)
    assert (_status(instance, CONFIRMED), metadata["models changed"]) == ("SUCCEEDED", 0)
    assert metadata["models unchanged"] == len(graph.models)
    assert metadata["tests: pass"] + metadata["tests: warn"] == len(graph.tests)
    assert metadata["generation"] == _value(filled, "SELECT max(generation) FROM ops.generations")


@pytest.mark.usefixtures("in_this_process")
def test_unchanged_marts_are_not_late_and_marts_that_no_run_confirms_are(
    filled: Filled, instance: DagsterInstance, repository: RepositoryDefinition
) -> None:
    _execute(filled, "UPDATE ops.generations SET published_at = published_at - interval '2 days'")
    assert _transformed(instance, repository)[1]
    assert _status(instance, CONFIRMED) == "SUCCEEDED"
    # Every build refuses to run during an unfinished replay.
    _execute(
        filled,
        "INSERT INTO ops.replays (source) VALUES ('unknown'); "
        "UPDATE ops.generations SET confirmed_at = confirmed_at - interval '4 hours'",
    )
    try:
        run_id, is_ok = _transformed(instance, repository)
        assert not is_ok
        assert CONFIRMED in _evaluated(instance, run_id, {CONFIRMED})
        assert _status(instance, CONFIRMED) == "FAILED"
    finally:
        _execute(filled, "DELETE FROM ops.replays")
    assert _transformed(instance, repository)[1]
    assert _status(instance, CONFIRMED) == "SUCCEEDED"


def test_tables_of_a_source_that_does_not_respond_are_late_even_before_its_first_response(
    filled: Filled, graph: Graph
) -> None:
    def state(statement: str) -> str:
        """State of OpenDota's players after a statement, which is rolled back."""
        with psycopg.connect(filled.database.admin_url) as connection:
            connection.execute(statement.encode())
            (age,) = (age for age in table_ages(connection, graph.sources) if age.source.unique_id == _PLAYERS)
            connection.rollback()
        return "error" if age.is_error else "late" if age.is_late else "in time"

    waited = "awaited_since = now() - interval '9 days'"
    aged = f"UPDATE ops.confirmations SET confirmed_at = now() - interval '{{0}}', {waited}"
    never = "DELETE FROM ops.confirmations; UPDATE ops.tracked SET added_at = now() - interval '{0}'"
    assert state("SELECT 1") == "in time"
    assert state(aged.format("2 days")) == "late"
    assert state(aged.format("8 days")) == "error"
    assert state(f"UPDATE ops.confirmations SET confirmed_at = NULL, {waited}") == "error"
    assert state(never.format("1 hour")) == "in time"
    assert state(never.format("2 days")) == "late"
    # No data is expected without tracked entities.
    assert state(never.format("2 days") + ", removed_at = now()") == "in time"
    assert state(aged.format("8 days").replace(waited, "awaited_since = NULL")) == "in time"


@pytest.mark.usefixtures("in_this_process")
def test_an_outage_of_a_source_fails_the_check_of_its_tables_and_is_in_the_metadata_of_the_confirmation(
    filled: Filled, instance: DagsterInstance, repository: RepositoryDefinition
) -> None:
    _transformed(instance, repository)
    assert _status(instance, _FRESHNESS) == "SUCCEEDED"
    by = "UPDATE ops.confirmations SET confirmed_at = confirmed_at {0} interval '8 days', "
    by += "awaited_since = awaited_since {0} interval '8 days' WHERE table_name = 'players'"
    _execute(filled, by.format("-"))
    try:
        run_id, _ = _transformed(instance, repository)
    finally:
        _execute(filled, by.format("+"))
    assert _status(instance, _FRESHNESS) == "FAILED"
    assert _evaluated(instance, run_id, {_FRESHNESS}) == {_FRESHNESS: "ERROR"}
    assert "opendota/players: not confirmed for 192 h" in str(_confirmation(instance)["late tables"])
    _transformed(instance, repository)
    assert _status(instance, _FRESHNESS) == "SUCCEEDED"
    assert _confirmation(instance)["late tables"] == "none"


def test_a_sync_confirms_its_tables_if_its_source_responds_even_without_changes(filled: Filled) -> None:
    when = "SELECT confirmed_at FROM ops.confirmations WHERE (source, table_name) = ('opendota', 'pro_matches')"
    assert filled.ladder("run", "--only", "pro_matches").code == 0
    before = _value(filled, when)
    assert before is not None
    assert filled.ladder("run", "--only", "pro_matches", LADDER_OPENDOTA_URL="http://127.0.0.1:9/api").code == 1
    assert _value(filled, when) == before
    assert filled.ladder("run", "--only", "pro_matches").code == 0
    assert _value(filled, when) > before


def test_a_failed_test_shows_its_first_rows_and_tests_that_it_prevented_are_not_failed(
    filled: Filled, instance: DagsterInstance, graph: Graph
) -> None:
    names = {test.unique_id: test for test in graph.tests}
    keys = {AssetCheckKey(*where): names[unique_id].name for unique_id, where in check_names(graph).items()}
    with _spoiled(filled) as ended:
        assert ended.code == 1
        assert len(ended.error_lines) == 1
        assert "test dim_players_are_people failed (1 row)" in ended.error_lines[0]
        shown = ended.errors.splitlines()
        place = shown.index("  first rows of dim_players_are_people:")
        assert shown[place - 1] == ended.error_lines[0]
        assert "player_id=stranger\\x1b[31m" in shown[place + 1]
        run = instance.get_runs(limit=1)[0]
        evaluated = _evaluated(instance, run.run_id, set(keys))
    failed = {keys[key] for key in evaluated if _status(instance, key) == "FAILED"}
    assert failed == {"dim_players_are_people"}
    skipped = set(keys) - set(evaluated)
    assert skipped  # of models that read the one whose test failed
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(skipped))
    assert {(one.run_id == run.run_id, one.status.value) for one in latest.values()} == {(False, "SUCCEEDED")}
    (key,) = (key for key, name in keys.items() if name == "dim_players_are_people")
    record = next(
        one.get_dagster_event().asset_check_evaluation_data
        for one in instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
        if one.get_dagster_event().asset_check_evaluation_data.asset_check_key == key
    )
    table = str(record.metadata["first rows"].value).splitlines()
    assert table[1].strip("| -") == ""
    assert "stranger&#92;x1b&#91;31m" in table[2]
    assert filled.ladder("run", "--only", "hero_stats").code == 0


def test_the_log_has_all_lines_of_a_run_under_its_id(filled: Filled, instance: DagsterInstance) -> None:
    assert filled.ladder("run", "--only", "pro_matches").code == 0
    responding = _logged(filled, instance.get_runs(limit=1)[0].run_id)
    assert filled.ladder("run", "--only", "pro_matches", LADDER_OPENDOTA_URL="http://127.0.0.1:9/api").code == 1
    unreachable = _logged(filled, instance.get_runs(limit=1)[0].run_id)
    assert [line["event"] for line in (responding[0], responding[-1])] == ["run started", "run succeeded"]
    assert [line["event"] for line in (unreachable[0], unreachable[-1])] == ["run started", "run failed"]
    (sync,) = (line for line in responding if line["event"] == "opendota/pro_matches synced")
    assert sync["requests"] > 0
    assert {"pages", "records", "changed", "rejected"} <= sync.keys()
    (sync,) = (line for line in unreachable if line["event"] == "opendota/pro_matches synced")
    assert "cannot be reached" in sync["failures"][0]
    assert any("generation" in line["event"] for line in responding)


@contextmanager
def _spoiled(filled: Filled) -> Iterator[Ended]:
    """A run with a build during which a trigger inserts a player without a person."""
    with connect(filled.database.url("ingest")) as connection:
        # Marts depend on the tracked entities: each change of them causes a build. The first one fills the other
        # colour.
        track(connection, "opendota", "team", ["1"])
        assert filled.ladder("run", "--only", "hero_stats").code == 0
        # Without the first one the idle colour would be up to date.
        track(connection, "opendota", "team", ["2"])
    live = _value(filled, "SELECT colour FROM ops.generations ORDER BY generation DESC LIMIT 1")
    idle = {"blue": "green", "green": "blue"}[live]
    _execute(filled, _SPOIL.format(colour=idle, stranger="'stranger' || chr(27) || '[31m'"))
    try:
        yield filled.ladder("run", "--only", "hero_stats")
    finally:
        _execute(
            filled,
            f"DROP FUNCTION public.spoil() CASCADE; DELETE FROM marts_{idle}.dim_players WHERE player_id ~ '^stranger'",
        )
        with connect(filled.database.url("ingest")) as connection:
            untrack(connection, "opendota", "team", ["1", "2"])


def _execute(filled: Filled, statement: str) -> None:
    with psycopg.connect(filled.database.admin_url) as connection:
        connection.execute(statement.encode())


def _value(filled: Filled, query: str) -> Any:
    with psycopg.connect(filled.database.admin_url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def _materialized(instance: DagsterInstance, run_id: str) -> set[AssetKey]:
    records = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    found = {record.get_dagster_event().asset_key for record in records}
    return {key for key in found if key is not None}


def _evaluated(instance: DagsterInstance, run_id: str, among: set[AssetCheckKey]) -> dict[AssetCheckKey, str]:
    """Checks that a run evaluated, with their severity."""
    records = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [record.get_dagster_event().asset_check_evaluation_data for record in records]
    return {one.asset_check_key: one.severity.value for one in found if not among or one.asset_check_key in among}


def _status(instance: DagsterInstance, key: AssetCheckKey) -> str:
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])
    return str(found[key].status.value)


def _confirmation(instance: DagsterInstance) -> dict[str, Any]:
    """Metadata of the latest result of the check `confirmed`."""
    event = instance.event_log_storage.get_latest_asset_check_execution_by_key([CONFIRMED])[CONFIRMED].event
    assert event is not None
    return {name: entry.value for name, entry in event.get_dagster_event().asset_check_evaluation_data.metadata.items()}


def _logged(filled: Filled, run_id: str) -> list[dict[str, Any]]:
    lines = (filled.database.settings.home / "logs" / "ladder.log").read_text().splitlines()
    return [found for line in lines if (found := json.loads(line)).get("run_id") == run_id]
