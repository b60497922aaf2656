"""Promises 1 and 4: staging tables come back from the lake alone; rejects go through the same door again."""

from __future__ import annotations

from dataclasses import replace as with_changes

from tests.conftest import Database
from tests.warehouse.probe_source import SCORES, SOURCE, contents, deletion, page
from warehouse.database import connect, role_url
from warehouse.decode import decode_records
from warehouse.lake import Lake
from warehouse.load import load_pending
from warehouse.migrate import migrate
from warehouse.replay import open_rejects, replay, replay_rejects
from warehouse.source import Endpoint, Source
from warehouse.tables import Table


def test_replay_rebuilds_every_staging_table_from_the_lake_alone(database: Database, lake: Lake) -> None:
    migrate(database.settings, database.admin_url, [SOURCE])
    ingest = role_url(database.settings, database.admin_url, "ingest")
    for hour in range(4):
        lake.land(SOURCE, "scores", [page("scores", [{"game": game, "points": hour} for game in range(50)], hour=hour)])
        lake.land(SOURCE, "names", [page("names", [{"id": hour, "name": "n", "tags": {"b": 1, "a": 2}}], hour=hour)])
        lake.land(SOURCE, "scores", [deletion("scores", "scores", [{"player": 1, "game": hour}], hour=hour)])
        load_pending(ingest, lake, SOURCE)
    with connect(ingest) as connection:
        before = contents(connection)
        replay(database.admin_url, lake, SOURCE)
        assert contents(connection) == before


def test_a_replay_killed_half_way_is_finished_by_the_next_load(database: Database, lake: Lake) -> None:
    migrate(database.settings, database.admin_url, [SOURCE])
    ingest = role_url(database.settings, database.admin_url, "ingest")
    lake.land(SOURCE, "scores", [page("scores", [{"game": 1}])])
    load_pending(ingest, lake, SOURCE)
    with connect(ingest) as connection:
        before = contents(connection)
        # What a replay leaves when it dies after its first transaction: emptied tables and books.
        replay(database.admin_url, Lake(lake.root / "nowhere"), SOURCE)
        assert contents(connection) != before
        with connect(database.admin_url) as admin:
            admin.execute("INSERT INTO ops.replays (source) VALUES ('probe')")
        load_pending(ingest, lake, SOURCE)
        assert contents(connection) == before
        assert connection.execute("SELECT * FROM ops.replays").fetchall() == []


def test_after_a_fix_rejects_become_rows_and_are_marked_as_mended(database: Database, lake: Lake) -> None:
    migrate(database.settings, database.admin_url, [SOURCE])
    ingest = role_url(database.settings, database.admin_url, "ingest")
    lake.land(SOURCE, "scores", [page("scores", [{"game": "7", "points": 3}, {"game": None}])])
    load_pending(ingest, lake, SOURCE)
    with connect(ingest) as connection:
        assert len(open_rejects(connection)) == 2
        replay_rejects(ingest, lake, SOURCE)
        connection.commit()
        assert len(open_rejects(connection)) == 2
        report = replay_rejects(ingest, lake, _lenient())
        connection.commit()
        assert report.inserted == 1
        assert [reject.record_index for reject in open_rejects(connection)] == [1]
        assert contents(connection)["scores"][0][:3] == (1, 7, 3)


def _lenient() -> Source:
    """The fix: a definition that accepts digits in text."""
    columns = tuple(with_changes(column, is_lenient=column.name == "game") for column in SCORES.columns)
    table = Table(SCORES.source, SCORES.name, SCORES.key, columns, SCORES.description)
    endpoint = Endpoint("scores", (table,), lambda page: decode_records(table, page.body, page.params))
    return Source("probe", {**SOURCE.endpoints, "scores": endpoint})
