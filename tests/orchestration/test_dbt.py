"""dbt in a developer's schema: it builds there, defers to published models that it lacks, and changes nothing else.

`ladder dbt` and plain dbt have the same environment; plain dbt in this process takes a fraction of a second.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from dbt.cli.main import dbtRunner

from orchestration.dbt.environment import developer_environment, developer_schema
from orchestration.dbt.graph import PROJECT
from tests.orchestration.conftest import Filled
from warehouse.core.errors import ConfigurationError
from warehouse.core.settings import load_settings
from warehouse.embedded import Servers
from warehouse.publication.damage import damaged_marts

SCHEMA = "dev_tester"
ADVICE = '`ladder dbt`, or run eval "$(ladder connection transform --format env)" first'
COLOURS_MESSAGE = "blue, green and scratch are built by `ladder run` and `ladder verify` alone: leave out the target"


@pytest.fixture(scope="module")
def environment(filled: Filled) -> Iterator[dict[str, str]]:
    """Environment of `ladder dbt`."""
    database = filled.database
    settings = database.settings.model_copy(update={"dev_schema": SCHEMA})
    yield developer_environment(settings, Servers(database.admin_url, "", False, False))
    _query(filled, f"DROP SCHEMA {SCHEMA} CASCADE")


@pytest.fixture
def dbt(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Plain dbt in that environment, called with a command line."""
    for name in [name for name in os.environ if name.startswith(("PG", "DBT_"))]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def call(line: str) -> Any:
        quiet = ["--log-level", "none", "--log-level-file", "none"]
        return dbtRunner().invoke([*quiet, *shlex.split(line)])

    return call


def _query(filled: Filled, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(filled.database.admin_url) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def _differences(filled: Filled, mart: str) -> int:
    """Number of rows that only one of the published and the built mart has."""
    ((count,),) = _query(
        filled,
        f"SELECT count(*) FROM ((TABLE marts.{mart} EXCEPT ALL TABLE {SCHEMA}.{mart}) "
        f"UNION ALL (TABLE {SCHEMA}.{mart} EXCEPT ALL TABLE marts.{mart})) AS different",
    )
    return int(count)


def _untouched(filled: Filled) -> list[Any]:
    """State that a developer must not change: the load ledger, rows of all other schemas, files of the project."""
    written = (
        "SELECT schemaname, sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_all_tables "
        "WHERE schemaname ~ '^(marts|prep|staging|ops)' GROUP BY 1 ORDER BY 1"
    )
    files = sorted(path for path in PROJECT.rglob("*") if "__pycache__" not in path.parts)
    return [_query(filled, written), _query(filled, "SELECT max(generation) FROM ops.generations"), files]


def test_built_models_equal_the_published_ones_with_parents_built_or_deferred(
    filled: Filled, environment: dict[str, str]
) -> None:
    before = _untouched(filled)
    # player_win_rates is built with its parents, player_form without.
    ended = filled.ladder(
        *("dbt", "build", "--full-refresh", "-s", "+player_win_rates,resource_type:model", "player_form"),
        LADDER_DEV_SCHEMA=SCHEMA,
    )
    assert ended.code == 0, ended.output
    assert _untouched(filled) == before
    tables = {name for (name,) in _query(filled, f"SELECT tablename FROM pg_tables WHERE schemaname = '{SCHEMA}'")}
    assert {"player_win_rates", "fct_player_matches", "int_player_totals", "int_as_of_date", "player_form"} <= tables
    assert not tables & {"player_performance", "leaderboard_entries"}
    assert _differences(filled, "player_win_rates") == 0
    assert _differences(filled, "player_form") == 0
    assert _differences(filled, "fct_player_matches") == 0
    assert _query(filled, f"SELECT as_of_date FROM {SCHEMA}.int_as_of_date") == _query(
        filled, "SELECT as_of_date FROM ops.generations ORDER BY generation DESC LIMIT 1"
    )
    with psycopg.connect(filled.database.url("serving")) as connection:
        assert damaged_marts(connection) == []


def test_exit_code_and_output_of_dbt_are_passed_on(filled: Filled, environment: dict[str, str]) -> None:
    ended = filled.ladder("dbt", "run", "-s", "player_form", "--target", "green", LADDER_DEV_SCHEMA=SCHEMA)
    assert ended.code == 2
    assert COLOURS_MESSAGE in ended.output
    assert ended.errors == ""


def test_an_unknown_command_is_rejected_by_dbt_itself(filled: Filled) -> None:
    ended = filled.ladder("dbt", "nonsense", LADDER_DEV_SCHEMA=SCHEMA)
    assert (ended.code, ended.errors.splitlines()[0]) == (2, "Usage: dbt [OPTIONS] [COMMAND] [ARGS]...")


def test_plain_dbt_shows_a_model_over_the_published_marts(dbt: Callable[[str], Any], filled: Filled) -> None:
    found = dbt("show -s league_standings --limit 1000")
    assert found.success, found.exception
    (shown,) = [result for result in found.result.results if str(result.node.resource_type) == "model"]
    assert [(len(shown.agate_table.rows),)] == _query(filled, "SELECT count(*) FROM marts.league_standings")
    assert _query(filled, f"SELECT to_regclass('{SCHEMA}.league_standings')") == [(None,)]


def test_plain_dbt_reads_sources_and_builds_seeds(dbt: Callable[[str], Any], filled: Filled) -> None:
    results = dbt("source freshness -s source:opendota.player_matches").result.results
    (fresh,) = [result for result in results if str(result.node.resource_type) == "source"]
    confirmed = "SELECT confirmed_at FROM ops.confirmations WHERE (source, table_name) = ('opendota', 'player_matches')"
    assert [(fresh.max_loaded_at,)] == _query(filled, confirmed)
    assert dbt("seed -s dota2_medals").success
    assert _query(filled, f"SELECT count(*) FROM {SCHEMA}.dota2_medals") == _query(
        filled, "SELECT count(*) FROM prep.dota2_medals"
    )


@pytest.mark.parametrize("target", ["blue", "green", "scratch"])
@pytest.mark.parametrize(
    "command",
    [
        *("run", "run --full-refresh -s player_form", "build", "seed", "snapshot", "test --store-failures"),
        *("run-operation require_registered_build", "clone", "show -s player_form", "ls", "parse"),
    ],
)
def test_no_command_of_plain_dbt_reaches_a_colour(dbt: Callable[[str], Any], command: str, target: str) -> None:
    found = dbt(f"{command} --target {target}")
    assert not found.success
    assert COLOURS_MESSAGE in str(found.exception)


def test_no_variable_gives_a_developers_login_access_to_a_colour(
    dbt: Callable[[str], Any], filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LADDER_BUILD", "1")
    before = _untouched(filled)
    found = dbt("run -s player_form --full-refresh --target blue")
    assert not found.success
    assert "blue is built by `ladder run` and `ladder verify` alone" in str(found.exception)
    assert _untouched(filled) == before


@pytest.mark.parametrize("command", ["build", "ls", "show -s player_form", "docs generate"])
def test_without_a_connection_one_line_names_the_command_to_use(
    dbt: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("LADDER_DEV_SCHEMA")
    found = dbt(command)
    assert not found.success
    assert ADVICE in str(found.exception)


def test_the_schema_is_named_after_the_user_unless_a_variable_sets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for user, schema in (("Ann-Marie.O", "dev_ann_marie_o"), ("x" * 80, "dev_" + "x" * 59), ("Ω", "dev_user")):
        monkeypatch.setenv("LOGNAME", user)
        assert developer_schema(load_settings()) == schema
    monkeypatch.setenv("LADDER_DEV_SCHEMA", "dev_feature")
    assert developer_schema(load_settings()) == "dev_feature"
    for other in ("marts_blue", "dev_", "dev_x; DROP", "DEV_X"):
        monkeypatch.setenv("LADDER_DEV_SCHEMA", other)
        with pytest.raises(ConfigurationError, match="LADDER_DEV_SCHEMA"):
            load_settings()
