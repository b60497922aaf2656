"""`ladder rejects`, `ladder replay`, `ladder compact`: rejects and maintenance of the lake."""

from __future__ import annotations

from orchestration.cli.terminal import console, errors, table, write_json
from orchestration.warehouse_access import SOURCES, open_warehouse
from warehouse.core.settings import load_settings
from warehouse.database.connections import connect
from warehouse.lake.compaction import compact
from warehouse.staging.ledger import LoadReport
from warehouse.staging.replay import (
    count_field_rejects,
    count_open_rejects,
    field_rejects,
    open_rejects,
    replay,
    replay_rejects,
)

__all__ = ["compact_lake", "list_field_rejects", "list_rejects", "replay_lake", "replay_open_rejects"]


def list_rejects(limit: int, *, as_json: bool) -> None:
    """Show open rejects, oldest first."""
    with open_warehouse(load_settings(), redis=False) as warehouse, connect(warehouse.url("ingest")) as connection:
        found = open_rejects(connection, limit)
    if as_json:
        write_json(found)
        return
    if not found:
        console.print("no open rejects")
        return
    shown = table(["table", "field", "reason", "lake file", "page", "record"], numbers=["page", "record"])
    for reject in found:
        shown.add_row(
            f"{reject.source}.{reject.table_name}",
            reject.field_path,
            reject.reason,
            reject.lake_path,
            str(reject.page),
            str(reject.record_index),
        )
    console.print(shown)


def list_field_rejects(limit: int, *, as_json: bool) -> None:
    """Show unreadable fields, most frequent first."""
    with open_warehouse(load_settings(), redis=False) as warehouse, connect(warehouse.url("ingest")) as connection:
        found = field_rejects(connection, limit)
    if as_json:
        write_json(found)
        return
    if not found:
        console.print("no unreadable fields")
        return
    shown = table(
        ["table", "field", "reason", "records", "lake file", "page", "record"], numbers=["records", "page", "record"]
    )
    for field in found:
        shown.add_row(
            f"{field.source}.{field.table_name}",
            field.field_path,
            field.reason,
            str(field.records),
            field.lake_path,
            str(field.page),
            str(field.record_index),
        )
    console.print(shown)


def replay_open_rejects() -> None:
    """Load the files of open rejects and unreadable fields again."""
    with open_warehouse(load_settings(), redis=False) as warehouse:
        for source in SOURCES.values():
            report = replay_rejects(warehouse.url("ingest"), warehouse.lake, source)
            with connect(warehouse.url("ingest")) as connection:
                open_count = count_open_rejects(connection, source)
                unreadable = count_field_rejects(connection, source)
            console.print(
                f"{source.name}: {_changes(report)}, {open_count} rejects remain open, "
                f"{unreadable} values remain unreadable",
            )


def replay_lake() -> None:
    """Rebuild every staging table from the lake."""
    with open_warehouse(load_settings(), redis=False) as warehouse:
        for source in SOURCES.values():
            report = replay(
                warehouse.servers.database_url,
                warehouse.lake,
                source,
                on_batch=lambda batch: errors.print(f"  {batch.files} files, {batch.records} records"),
            )
            console.print(
                f"{source.name}: {report.files} files, {_changes(report)}; `ladder run` rebuilds the marts",
            )


def compact_lake() -> None:
    """Merge the small files of closed days."""
    with open_warehouse(load_settings(), redis=False) as warehouse:
        for source in SOURCES.values():
            report = compact(warehouse.servers.database_url, warehouse.lake, source)
            console.print(f"{source.name}: merged {report.files_before} files into {report.files_after}")


def _changes(report: LoadReport) -> str:
    return f"{report.inserted + report.updated + report.deleted} rows changed, {report.rejected} rejected"
