"""`ladder verify`: compares the published marts with a rebuild."""

from __future__ import annotations

import json

from orchestration.cli.terminal import RunView, console, table
from orchestration.pipeline.verify import Comparison, verify
from orchestration.progress import NodeDone
from orchestration.warehouse_access import open_warehouse
from warehouse.core.settings import load_settings

__all__ = ["verify_marts"]


def verify_marts(marts: tuple[str, ...]) -> int:
    """Compare marts with a rebuild and show differences; returns 1 if there are any, 0 otherwise.

    Raises:
        LadderError: they could not be compared; the command then exits with 2.
    """
    from orchestration.dbt.manifests import prepare
    from orchestration.dbt.results import NodeResult

    settings = load_settings()
    view = RunView()
    with open_warehouse(settings, redis=False) as warehouse, view.shown():
        view.show_activity("preparing")
        prepared = prepare(settings, warehouse.servers.database_url)
        total = sum(model.materialized == "incremental" for model in prepared.graph.models)
        done = 0

        def on_node(node: NodeResult) -> None:
            nonlocal done
            done += 1
            view.handle(NodeDone(node.name, node.status, done, max(done, total)))

        compared = verify(warehouse, prepared, marts, on_node=on_node)
    shown = table(
        ["table", "rows", "only published", "only rebuilt"], numbers=["rows", "only published", "only rebuilt"]
    )
    for item in compared:
        shown.add_row(item.name, str(item.rows), str(item.only_published_count), str(item.only_rebuilt_count))
    console.print(shown)
    for item in compared:
        _show_differences(item)
    differences = sum(item.differences for item in compared)
    rows = sum(item.rows for item in compared)
    marts_count = sum(item.is_mart for item in compared)
    tables = "1 mart" if marts_count == 1 else f"{marts_count} marts"
    if marts_count < len(compared):
        tables += f" and {len(compared) - marts_count} upstream tables"
    found = "1 difference" if differences == 1 else f"{differences} differences"
    console.print(f"{found} in {tables}, {rows} rows")
    return 1 if differences else 0


def _show_differences(item: Comparison) -> None:
    """One line per row, as in a diff: `-` is only in the published table, `+` only in the rebuild."""
    if not item.differences:
        return
    console.print(f"\n{item.name}")
    lines = [("-", row) for row in item.only_published] + [("+", row) for row in item.only_rebuilt]
    for sign, row in sorted(lines, key=lambda line: json.dumps(line[1], default=str)):
        text = json.dumps(row, default=str, ensure_ascii=False)
        console.print(f"{sign} {text}")
    rest = item.differences - len(lines)
    if rest:
        console.print(f"  and {rest} more rows")
