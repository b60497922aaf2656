"""Promises 1 and 4: staging tables are rebuilt from the lake alone; rejects can be loaded again."""

from __future__ import annotations

import msgspec

from tests.conftest import Database
from tests.warehouse.probe_source import SCORES, SOURCE, contents, deletion, page
from warehouse.database.connections import connect, role_url
from warehouse.lake.files import Lake
from warehouse.model.source import Endpoint, Page, Parsed, Source
from warehouse.schema.migrate import migrate
from warehouse.staging.decode import decode_rows
from warehouse.staging.load import load_pending
from warehouse.staging.replay import count_field_rejects, field_rejects, open_rejects, replay, replay_rejects


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


def test_a_killed_replay_is_finished_by_the_next_load(database: Database, lake: Lake) -> None:
    migrate(database.settings, database.admin_url, [SOURCE])
    ingest = role_url(database.settings, database.admin_url, "ingest")
    lake.land(SOURCE, "scores", [page("scores", [{"game": 1}])])
    load_pending(ingest, lake, SOURCE)
    with connect(ingest) as connection:
        before = contents(connection)
        # The state after a replay is killed after its first transaction: empty tables and ledger.
        replay(database.admin_url, Lake(lake.root / "nowhere"), SOURCE)
        assert contents(connection) != before
        with connect(database.admin_url) as admin:
            admin.execute("INSERT INTO ops.replays (source) VALUES ('probe')")
        load_pending(ingest, lake, SOURCE)
        assert contents(connection) == before
        assert connection.execute("SELECT * FROM ops.replays").fetchall() == []


def test_after_a_fix_rejects_become_rows_and_are_marked_as_replayed(database: Database, lake: Lake) -> None:
    migrate(database.settings, database.admin_url, [SOURCE])
    ingest = role_url(database.settings, database.admin_url, "ingest")
    lake.land(SOURCE, "scores", [page("scores", [{"game": "#7", "points": 3}, {"game": None}])])
    load_pending(ingest, lake, SOURCE)
    with connect(ingest) as connection:
        assert len(open_rejects(connection)) == 2
        replay_rejects(ingest, lake, SOURCE)
        connection.commit()
        assert len(open_rejects(connection)) == 2
        report = replay_rejects(ingest, lake, _fixed_source())
        connection.commit()
        assert report.inserted == 1
        assert [reject.record_index for reject in open_rejects(connection)] == [1]
        assert contents(connection)["scores"][0][:3] == (1, 7, 3)


def test_unreadable_fields_are_counted_by_page_and_not_twice(database: Database, lake: Lake) -> None:
    migrate(database.settings, database.admin_url, [SOURCE])
    ingest = role_url(database.settings, database.admin_url, "ingest")
    records = [{"game": 1, "points": 1}, {"game": 2, "points": 2.5}, {"game": 3, "points": 3.5, "won": "?"}]
    path = lake.land(SOURCE, "scores", [page("scores", [{"game": 9}]), page("scores", records, hour=1)])
    assert load_pending(ingest, lake, SOURCE).field_rejects == 3
    with connect(ingest) as connection:
        found = field_rejects(connection)
        assert [(each.field_path, each.reason, each.records, each.page, each.record_index) for each in found] == [
            ("$.points", "expected an integer, got a fraction", 2, 1, 1),
            ("$.won", "expected true or false, got text", 1, 1, 2),
        ]
        assert {each.lake_path for each in found} == {lake.name_of(path)}
        assert [row[1:4] for row in contents(connection)["scores"]] == [
            (1, 1, None),
            (2, None, None),
            (3, None, None),
            (9, None, None),
        ]
        connection.commit()
        replay_rejects(ingest, lake, SOURCE)
        assert count_field_rejects(connection, SOURCE) == 3
        connection.commit()
        replay(database.admin_url, lake, SOURCE)
        assert count_field_rejects(connection, SOURCE) == 3
        connection.commit()
        replay_rejects(ingest, lake, _fixed_source())
        assert [each.field_path for each in field_rejects(connection)] == ["$.won"]
        assert [row[2] for row in contents(connection)["scores"]] == [1, 2, 3, None]


def _fixed_source() -> Source:
    """The fix: a parser that accepts fractions and numbers with a prefix."""

    def parse(found: Page) -> Parsed:
        records = [
            {
                name: int(float(str(value).lstrip("#"))) if name in ("game", "points") and value else value
                for name, value in record.items()
            }
            for record in msgspec.json.decode(found.body)
        ]
        return decode_rows(SCORES, records, found.params)

    return Source("probe", {**SOURCE.endpoints, "scores": Endpoint("scores", (SCORES,), parse)})
