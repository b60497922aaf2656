"""The planner has statistics of loaded rows before a build."""

from __future__ import annotations

import psycopg

from tests.conftest import Database
from tests.warehouse.probe_source import SOURCE, page
from warehouse.database.connections import role_url
from warehouse.lake.files import Lake
from warehouse.publication.statistics import refresh_statistics
from warehouse.schema.migrate import migrate
from warehouse.staging.load import load_pending


def test_a_table_is_analysed_once_it_has_changed_by_a_tenth(database: Database, lake: Lake) -> None:
    migrate(database.settings, database.admin_url, [SOURCE])
    ingest_url = role_url(database.settings, database.admin_url, "ingest")

    def load(games: range) -> None:
        lake.land(SOURCE, "scores", [page("scores", [{"game": game, "points": 1} for game in games])])
        load_pending(ingest_url, lake, SOURCE)

    load(range(1000))
    assert refresh_statistics(database.admin_url) == ["staging_probe.scores"]
    with psycopg.connect(database.admin_url) as connection:
        known = connection.execute("SELECT reltuples FROM pg_class WHERE oid = 'staging_probe.scores'::regclass")
        assert known.fetchone() == (1000,)
    load(range(1000, 1100))
    assert refresh_statistics(database.admin_url) == []
    load(range(1100, 1200))
    assert refresh_statistics(database.admin_url) == ["staging_probe.scores"]
