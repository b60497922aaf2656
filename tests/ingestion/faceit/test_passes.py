"""Passes over FACEIT read everything that is tracked, little when little is new, and go on where they were."""

from __future__ import annotations

from collections.abc import Callable

from ingestion.faceit.passes import PASSES
from ingestion.faceit.source import SOURCE
from sandbox.server import Sandbox
from tests.ingestion.faceit.conftest import Warehouse

Asked = Callable[[], list[str]]


def test_a_whole_run_reads_every_endpoint(simulated: Warehouse, upstream: Sandbox, players: list[str]) -> None:
    scene = upstream.faceit.world.scene
    simulated.track("player", *players)
    simulated.track("hub", scene.hubs[0].competition_id)
    simulated.track("championship", scene.championships[0].competition_id)
    reports = simulated.run()
    assert {name: report.stop or report.failures for name, report in reports.items()} == {
        definition.name: () for definition in PASSES
    }
    for table in SOURCE.tables:
        assert simulated.rows(f"SELECT count(*) > 0 FROM {table}") == [(True,)], table
    assert simulated.rows("SELECT count(*) FROM ops.passes WHERE finished_at IS NULL") == [(0,)]
    assert simulated.rows("SELECT count(*) FROM ops.drift") == [(0,)]
    assert simulated.rows("SELECT count(*) FROM ops.rejects") == [(0,)]
