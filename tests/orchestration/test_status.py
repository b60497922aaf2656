"""`ladder status`, `ladder run --plan`, `ladder doctor`, `ladder rejects` and `ladder publish`."""

from __future__ import annotations

import json
from typing import Any

import psycopg

from tests.orchestration.conftest import CommandLine, Filled


def _ledger_counts(filled: Filled) -> list[tuple[Any, ...]]:
    query = "SELECT (SELECT count(*) FROM ops.passes), (SELECT count(*) FROM ops.batches), (TABLE newest)"
    with psycopg.connect(filled.database.admin_url) as connection:
        return connection.execute(
            f"WITH newest AS (SELECT max(generation) FROM ops.generations) {query}".encode()
        ).fetchall()


def test_status_as_json_has_every_section(filled: Filled) -> None:
    found = json.loads(filled.ladder("status", "--json").output)
    assert found["tracked"] == [{"source": "opendota", "kind": "player", "count": len(filled.players)}]
    assert {row["prefix"] for row in found["cursors"]} >= {"player", "player_matches", "constants"}
    assert {row["name"] for row in found["passes"]} >= {"players", "player_matches", "matches"}
    assert found["batches"][0]["batch_id"] == max(row["batch_id"] for row in found["batches"])
    assert found["generations"][0]["head_batch_id"] <= found["generations"][0]["newest_batch_id"]
    assert found["rejects"] == []
    assert found["field_rejects"] == []


def test_a_long_sentence_is_one_line(filled: Filled) -> None:
    settings = filled.database.settings
    line, published = filled.ladder("status").output.splitlines()[:2]
    assert line.startswith(f"home {settings.home}, lake {settings.lake_path}, database ")
    assert " of " in published
    plan = filled.ladder("run", "--plan").output.splitlines()
    assert next(line for line in plan if line.startswith("marts: ")).endswith((", in blue", ", in green"))


def test_status_shows_the_published_generation(filled: Filled) -> None:
    assert "published: generation" in filled.ladder("status").output


def test_a_plan_makes_no_requests_and_writes_nothing(filled: Filled) -> None:
    before, requests = _ledger_counts(filled), filled.sandbox.requests.count
    ended = filled.ladder("run", "--plan")
    assert ended.code == 0
    assert "player_matches" in ended.output
    assert f"player_matches x{len(filled.players)}" in ended.output
    assert (_ledger_counts(filled), filled.sandbox.requests.count) == (before, requests)


def test_a_plan_without_tracked_entities_hints_at_the_first_step(ladder: CommandLine) -> None:
    ended = ladder("run", "--plan")
    assert ended.code == 0
    assert "ladder track" in ended.output


def test_doctor_reports_that_all_checks_passed(filled: Filled) -> None:
    ended = filled.ladder("doctor")
    assert ended.code == 0, ended.output
    assert ended.output.splitlines()[-1] == "all checks passed"
    assert "problem" not in ended.output
    for name in ("home", "disk", "servers", "OpenDota", "role ladder_analyst", "lake"):
        assert f"ok       {name}: " in ended.output


def test_doctor_names_a_failed_check_and_runs_the_others(filled: Filled) -> None:
    ended = filled.ladder("doctor", LADDER_OPENDOTA_URL="http://127.0.0.1:9/api")
    assert ended.code == 1
    assert [line for line in ended.output.splitlines() if line.startswith("problem")] == [
        line for line in ended.output.splitlines() if line.startswith("problem  OpenDota: ")
    ]
    assert "ok       lake" in ended.output
    assert ended.output.splitlines()[-1] == "1 check failed"


def test_without_rejects_one_line_reports_it(filled: Filled) -> None:
    assert "no open rejects" in filled.ladder("rejects", "list").output
    assert json.loads(filled.ladder("rejects", "list", "--json").output) == []
    assert "no unreadable fields" in filled.ladder("rejects", "fields").output
    assert json.loads(filled.ladder("rejects", "fields", "--json").output) == []


def test_publishing_again_keeps_the_generation(filled: Filled) -> None:
    before = _ledger_counts(filled)
    ended = filled.ladder("publish")
    assert ended.code == 0
    assert f"generation {before[0][2]} " in ended.output
    assert _ledger_counts(filled) == before


def test_a_damaged_mart_is_named_by_all_commands_and_repaired(filled: Filled) -> None:
    generation = _ledger_counts(filled)[0][2]
    with psycopg.connect(filled.database.admin_url) as connection:
        connection.execute("DROP VIEW marts.team_form")
    line = "team_form: its view is missing"
    assert json.loads(filled.ladder("status", "--json").output)["damaged"] == [
        {"mart": "team_form", "problem": "view_missing", "message": line}
    ]
    doctor = filled.ladder("doctor")
    assert doctor.code == 1
    assert f"problem  marts: {line}; run `ladder publish --repair`" in doctor.output
    rejected = filled.ladder("publish")
    assert (rejected.code, rejected.error_lines) == (1, [f"error: {line}; run `ladder publish --repair`"])
    assert "1 damaged, to be repaired (team_form" in filled.ladder("run", "--plan").output
    repaired = filled.ladder("publish", "--repair")
    assert repaired.code == 0, repaired.errors
    assert f"repaired; now generation {generation + 1} " in repaired.output
    assert json.loads(filled.ladder("status", "--json").output)["damaged"] == []
    assert f"published generation {generation + 1} " in filled.ladder("publish", "--repair").output
