"""What a run leaves in Dagster and in the logs: events of what changed, one result for the state of all, no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from dagster import AssetCheckKey, AssetKey, DagsterEventType, DagsterInstance, RepositoryDefinition

from orchestration.assets.marts import CACHE_KEY, check_names, test_keys
from orchestration.assets.state import CONFIRMED
from orchestration.dbt_graph import Graph, models_digest, prepared_folder
from orchestration.definitions import build_definitions
from orchestration.runs import create_run, execute
from tests.orchestration.conftest import Ended, Filled
from warehouse.database import connect
from warehouse.state import track, untrack

pytestmark = pytest.mark.slow

_TABLE = AssetKey(["opendota", "players"])
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
    return Graph.read(prepared_folder(filled.database.settings, models_digest()))


@pytest.fixture(scope="module")
def repository(graph: Graph) -> RepositoryDefinition:
    return build_definitions(graph).get_repository_def()


@pytest.fixture
def in_this_process(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that are executed here open the warehouse as the command line does."""
    for name, value in filled.ladder.environment.items():
        monkeypatch.setenv(name, value)


def _transformed(instance: DagsterInstance, repository: RepositoryDefinition) -> tuple[str, bool]:
    """Execute the hourly job; its id, and whether it succeeded."""
    done = execute(instance, repository, create_run(instance, repository, "transform"))
    return done.run_id, done.is_ok


def test_the_first_run_evaluates_every_test_once_and_materializes_what_it_built(
    filled: Filled, instance: DagsterInstance, graph: Graph
) -> None:
    first = [run for run in instance.get_runs() if run.job_name == "run"][-1]
    tests = test_keys(graph)
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(tests)
    assert len(found) == len(tests) == len(graph.tests)
    assert {execution.status.value for execution in found.values()} == {"SUCCEEDED"}
    assert len(_evaluated(instance, first.run_id, set(tests))) == len(tests)
    materialized = _materialized(instance, first.run_id)
    assert {AssetKey(["marts", mart]) for mart in graph.marts} | {CACHE_KEY, _TABLE} <= materialized


@pytest.mark.usefixtures("in_this_process")
def test_a_run_that_finds_nothing_new_confirms_all_by_one_result_and_leaves_no_other_event_of_a_model(
    filled: Filled, instance: DagsterInstance, repository: RepositoryDefinition, graph: Graph
) -> None:
    _transformed(instance, repository)
    tests = set(test_keys(graph))
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key
    before, confirmed_before = latest(list(tests)), _value(filled, "SELECT max(confirmed_at) FROM ops.generations")
    run_id, is_ok = _transformed(instance, repository)
    assert is_ok
    assert _materialized(instance, run_id) == set()
    evaluated = _evaluated(instance, run_id, set())
    assert {key for key in evaluated if key.name != "freshness"} == {CONFIRMED}
    # Their last result stays their last one: nothing is planned, and so nothing looks skipped.
    assert {key: one.run_id for key, one in latest(list(tests)).items()} == {
        key: one.run_id for key, one in before.items()
    }
    assert _value(filled, "SELECT max(confirmed_at) FROM ops.generations") > confirmed_before
    said = latest([CONFIRMED])[CONFIRMED].event
    assert said is not None
    evaluation = said.dagster_event.asset_check_evaluation_data if said.dagster_event else None
    assert evaluation is not None
    told = {name: entry.value for name, entry in evaluation.metadata.items()}
    assert (evaluation.passed, told["models changed"], told["models unchanged"]) == (True, 0, len(graph.models))
    assert told["tests: pass"] + told["tests: warn"] == len(graph.tests)
    assert told["generation"] == _value(filled, "SELECT max(generation) FROM ops.generations")


@pytest.mark.usefixtures("in_this_process")
def test_marts_that_nothing_touched_for_a_day_are_not_late_and_those_that_no_run_confirms_are(
    filled: Filled, instance: DagsterInstance, repository: RepositoryDefinition
) -> None:
    _execute(filled, "UPDATE ops.generations SET published_at = published_at - interval '2 days'")
    assert _transformed(instance, repository)[1]
    assert _status(instance, CONFIRMED) == "SUCCEEDED"
    # An unfinished replay is refused by each build, for hours.
    _execute(
        filled,
        "INSERT INTO ops.replays (source) VALUES ('nobody'); "
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


@pytest.mark.usefixtures("in_this_process")
def test_tables_of_a_source_that_has_not_answered_are_late_also_before_its_first_answer(
    filled: Filled, instance: DagsterInstance, repository: RepositoryDefinition
) -> None:
    def looked(statement: str) -> tuple[str, str]:
        """Status and severity of the check after a statement, which is taken back."""
        with _changed(filled, statement):
            run_id, _ = _transformed(instance, repository)
        evaluation = _evaluated(instance, run_id, {_FRESHNESS})[_FRESHNESS]
        return _status(instance, _FRESHNESS), evaluation

    waited = "awaited_since = now() - interval '9 days'"
    aged = f"UPDATE ops.confirmations SET confirmed_at = now() - interval '{{0}}', {waited}"
    never = "DELETE FROM ops.confirmations; UPDATE ops.tracked SET added_at = now() - interval '{0}'"
    assert looked("SELECT 1")[0] == "SUCCEEDED"
    assert looked(aged.format("2 days")) == ("FAILED", "WARN")
    assert looked(aged.format("8 days")) == ("FAILED", "ERROR")
    assert looked(never.format("1 hour"))[0] == "SUCCEEDED"
    assert looked(never.format("2 days")) == ("FAILED", "WARN")
    # Nobody waits for what is filled from nothing.
    assert looked(never.format("2 days") + ", removed_at = now()")[0] == "SUCCEEDED"
    assert looked(aged.format("8 days").replace(waited, "awaited_since = NULL"))[0] == "SUCCEEDED"


def test_a_pass_confirms_its_tables_when_its_source_answers_though_nothing_changed(filled: Filled) -> None:
    when = "SELECT confirmed_at FROM ops.confirmations WHERE (source, table_name) = ('opendota', 'pro_matches')"
    assert filled.ladder("run", "--only", "pro_matches").code == 0
    before = _value(filled, when)
    assert before is not None
    assert filled.ladder("run", "--only", "pro_matches", LADDER_OPENDOTA_URL="http://127.0.0.1:9/api").code == 1
    assert _value(filled, when) == before
    assert filled.ladder("run", "--only", "pro_matches").code == 0
    assert _value(filled, when) > before


def test_a_failed_test_shows_its_first_rows_and_what_it_kept_from_running_is_not_called_failed(
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


def test_a_run_is_found_in_the_log_by_its_id_from_begin_to_end(filled: Filled, instance: DagsterInstance) -> None:
    assert filled.ladder("run", "--only", "pro_matches").code == 0
    answered = _logged(filled, instance.get_runs(limit=1)[0].run_id)
    assert filled.ladder("run", "--only", "pro_matches", LADDER_OPENDOTA_URL="http://127.0.0.1:9/api").code == 1
    refused = _logged(filled, instance.get_runs(limit=1)[0].run_id)
    assert [line["event"] for line in (answered[0], answered[-1])] == ["the run begins", "the run succeeded"]
    assert [line["event"] for line in (refused[0], refused[-1])] == ["the run begins", "the run failed"]
    (over,) = (line for line in answered if line["event"] == "opendota/pro_matches is over")
    assert over["requests"] > 0
    assert {"records", "changed", "rejected"} <= over.keys()
    (over,) = (line for line in refused if line["event"] == "opendota/pro_matches is over")
    assert "cannot be reached" in over["failures"][0]
    assert any("generation" in line["event"] for line in answered)


@contextmanager
def _spoiled(filled: Filled) -> Iterator[Ended]:
    """A run that builds, during which somebody writes a player whom no person is behind."""
    live = _value(filled, "SELECT colour FROM ops.generations ORDER BY generation DESC LIMIT 1")
    idle = {"blue": "green", "green": "blue"}[str(live)]
    stranger = "'stranger' || chr(27) || '[31m'"
    _execute(filled, _SPOIL.format(colour=idle, stranger=stranger))
    try:
        with connect(filled.database.url("ingest")) as connection:
            track(connection, "opendota", "team", ["1"])
            yield filled.ladder("run", "--only", "hero_stats")
            untrack(connection, "opendota", "team", ["1"])
    finally:
        _execute(
            filled,
            f"DROP FUNCTION public.spoil() CASCADE; DELETE FROM marts_{idle}.dim_players WHERE player_id ~ '^stranger'",
        )


@contextmanager
def _changed(filled: Filled, statement: str) -> Iterator[None]:
    """Books that are otherwise for the length of the block."""
    books = ("confirmations", "tracked")
    kept = "; ".join(f"CREATE TABLE public.kept_{one} AS TABLE ops.{one}" for one in books)
    back = "; ".join(
        f"DELETE FROM ops.{one}; INSERT INTO ops.{one} TABLE public.kept_{one}; DROP TABLE public.kept_{one}"
        for one in books
    )
    _execute(filled, kept)
    try:
        _execute(filled, statement)
        yield
    finally:
        _execute(filled, back)


def _execute(filled: Filled, statement: str) -> None:
    with psycopg.connect(filled.database.admin_url) as connection:
        connection.execute(statement.encode())


def _value(filled: Filled, query: str) -> object:
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


def _logged(filled: Filled, run_id: str) -> list[dict[str, object]]:
    lines = (filled.database.settings.home / "logs" / "ladder.log").read_text().splitlines()
    return [found for line in lines if (found := json.loads(line)).get("run_id") == run_id]
