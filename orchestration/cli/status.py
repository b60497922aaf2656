"""`ladder status`: shows what is tracked, synced, loaded, rejected and published."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from typing import Any

from psycopg.rows import dict_row

from orchestration.cli.terminal import console, table, write_json
from orchestration.processes.status_file import StackStatus, describe, read_status
from orchestration.warehouse_access import open_warehouse
from warehouse.core.settings import Settings, load_settings
from warehouse.database.connections import address, connect
from warehouse.publication.damage import damaged_marts

__all__ = ["show_status"]

#: Keys of the JSON object, and names of the queries.
_SECTIONS = (
    *("tracked", "cursors", "passes", "batches", "rejects", "field_rejects", "drift", "generations"),
    *("rereads", "total_differences"),
)


def show_status(*, as_json: bool) -> None:
    """Show parts of a running `ladder up` that are down, and the load ledger."""
    settings = load_settings()
    # Before the warehouse is opened, which starts servers that are down.
    up = read_status(settings.home)
    if as_json:
        write_json({"up": up, **_read(settings)})
        return
    if up is not None:
        for line in _parts_lines(up):
            console.print(line)
    _show(_read(settings))


def _parts_lines(up: StackStatus) -> list[str]:
    not_up = up.not_up
    if not not_up:
        return [f"`ladder up` runs as process {up.pid}; its {len(up.parts)} parts are up"]
    counted = f"{len(not_up)} of its {len(up.parts)} parts are not up"
    return [
        f"`ladder up` runs as process {up.pid}; {counted}",
        *(f"  {part.name}: {describe(part)}" for part in not_up),
    ]


def _read(settings: Settings) -> dict[str, Any]:
    queries = resources.files("orchestration.cli") / "status_queries"
    with open_warehouse(settings, redis=False) as warehouse, connect(warehouse.url("transform")) as connection:
        found: dict[str, Any] = {
            "home": str(settings.home),
            "lake": str(settings.lake_path),
            "database": address(warehouse.servers.database_url),
        }
        for section in _SECTIONS:
            with connection.cursor(row_factory=dict_row) as cursor:
                found[section] = cursor.execute((queries / f"{section}.sql").read_bytes()).fetchall()
        found["damaged"] = [
            {"mart": one.mart, "problem": one.problem, "message": one.message} for one in damaged_marts(connection)
        ]
    return found


def _show(found: dict[str, Any]) -> None:
    console.print(f"home {found['home']}, lake {found['lake']}, database {found['database']}")
    generations = found["generations"]
    if generations:
        newest = generations[0]
        console.print(
            f"published: generation {newest['generation']} ({newest['colour']}), {_age(newest['published_at'])} ago, "
            f"as of {newest['as_of_date']}, batch {newest['head_batch_id']} of {newest['newest_batch_id']}",
        )
    else:
        console.print("published: nothing yet; `ladder run`")
    for damaged in found["damaged"]:
        console.print(f"damaged: {damaged['message']}; `ladder publish --repair`")
    counts = ", ".join(f"{row['count']} {row['source']} {row['kind']}s" for row in found["tracked"]) or "nothing"
    console.print(f"tracked: {counts}")
    _table(
        found["passes"],
        "Latest sync of each stream",
        ["source", "stream", "ended", "requests", "records", "failures", "stopped"],
        lambda row: [
            row["source"],
            row["name"],
            _ago(row["finished_at"]),
            row["requests"],
            row["records"],
            row["failures"],
            row["stop"],
        ],
    )
    _table(
        found["cursors"],
        "Cursors",
        ["source", "of", "count", "newest", "oldest"],
        lambda row: [row["source"], row["prefix"], row["count"], _ago(row["newest"]), _ago(row["oldest"])],
    )
    _table(
        found["batches"],
        "Latest batches",
        ["batch", "source", "loaded", "files", "records", "inserted", "updated", "deleted", "rejected"],
        lambda row: [
            row["batch_id"],
            row["source"],
            _ago(row["loaded_at"]),
            *(row[name] for name in ("files", "records", "inserted", "updated", "deleted", "rejected")),
        ],
    )
    _table(
        found["rejects"],
        "Open rejects (`ladder rejects list`)",
        ["source", "table", "reason", "count"],
        lambda row: [row["source"], row["table_name"], row["reason"], row["count"]],
    )
    fields = found["field_rejects"]
    total = fields[0]["all_records"] if fields else 0
    _table(
        fields,
        f"Unreadable fields, {total} values in all received pages (`ladder rejects fields`)",
        ["source", "table", "field", "reason", "count", "newest"],
        lambda row: [
            row["source"],
            row["table_name"],
            row["field_path"],
            row["reason"],
            row["records"],
            _ago(row["last_loaded_at"]),
        ],
    )
    _table(
        found["rereads"],
        "Not settled upstream, to be fetched again (docs/runbook.md)",
        ["source", "of", "reason", "due", "waiting", "given up", "next"],
        lambda row: [
            *(row[name] for name in ("source", "endpoint", "reason", "due", "waiting", "given_up")),
            _until(row["next_at"]),
        ],
    )
    differing = found["total_differences"]
    _table(
        differing,
        f"Totals of sources that differ from ours ({differing[0]['count'] if differing else 0}; `ops.source_totals`)",
        ["source", "player", "measure", "theirs", "ours", "since", "fetched again"],
        lambda row: [
            *(row[name] for name in ("source", "player_id", "measure", "theirs", "ours")),
            _ago(row["differs_since"]),
            "yes" if row["is_read_again"] else "next run",
        ],
    )
    _table(
        found["drift"],
        "Fields that are in no table definition",
        ["source", "field", "pages"],
        lambda row: [row["source"], row["field"], row["pages"]],
    )


def _table(rows: list[dict[str, Any]], title: str, columns: list[str], read: Any) -> None:
    if not rows:
        return
    texts = ("source", "table", "reason", "field", "stream", "of", "stopped", "player", "measure", "fetched again")
    numbers = [name for name in columns if name not in texts]
    console.print(f"\n{title}", style="bold")
    shown = table(columns, numbers=numbers)
    for row in rows:
        shown.add_row(*("" if value is None else str(value) for value in read(row)))
    console.print(shown)


def _ago(timestamp: datetime | None) -> str:
    return "" if timestamp is None else f"{_age(timestamp)} ago"


def _until(timestamp: datetime | None) -> str:
    if timestamp is None:
        return ""
    now = datetime.now(UTC)
    return "now" if timestamp <= now else f"in {_age(now - (timestamp - now))}"


def _age(timestamp: datetime) -> str:
    """Time since a timestamp, in the largest unit of which there are at least two."""
    seconds = max(0.0, (datetime.now(UTC) - timestamp).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
