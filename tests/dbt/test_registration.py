"""dbt builds a colour only within a registered build of `ladder`, whatever the rights of its login."""

from __future__ import annotations

import pytest

from tests.dbt.project import Project
from warehouse.database.connections import connect
from warehouse.database.locks import registered_build
from warehouse.publication.plan import build_session

WRITTEN = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_all_tables WHERE schemaname ~ '^(marts|prep|ops)'"
REJECTED = "blue is built by `ladder run` and `ladder verify` alone"


@pytest.mark.parametrize(
    "command",
    [
        ["run", "--select", "player_form", "--full-refresh"],
        ["build", "--select", "dota2_medals"],
        ["seed", "--full-refresh"],
        ["test", "--select", "player_form", "--store-failures", "--exclude-resource-type", "unit_test"],
    ],
    ids=lambda command: command[0],
)
def test_dbt_is_rejected_without_a_registration_whatever_its_rights(project: Project, command: list[str]) -> None:
    before = project.rows(WRITTEN)
    assert REJECTED in project.rejection(command, "blue", "0123456789abcdef")
    assert project.rows(WRITTEN) == before


def test_a_registration_is_valid_for_one_colour_and_the_session_that_holds_the_build_lock(project: Project) -> None:
    url = project.database.url("transform")
    with build_session(url) as lock:
        with registered_build(lock, "green") as registration:
            assert REJECTED in project.rejection(["seed"], "blue", registration)
        with connect(url, autocommit=True) as other, registered_build(other, "blue") as registration:
            assert REJECTED in project.rejection(["seed"], "blue", registration)
        with registered_build(lock, "blue") as registration:
            pass
        assert REJECTED in project.rejection(["seed"], "blue", registration)
