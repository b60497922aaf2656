"""`ladder verify`: the published marts against a rebuild."""

from __future__ import annotations

import json

from orchestration.cli.terminal import RunView, console, table
from orchestration.pipeline.verify import Comparison, verify
from orchestration.progress import NodeDone
from orchestration.warehouse_access import open_warehouse
from warehouse.core.settings import load_settings

__all__ = ["verify_marts"]


def verify_marts(marts: tuple[str, ...]) -> int:
    """Compare marts with a rebuild and show where they differ; 1 when they do, 0 otherwise.

    Raises:
        LadderError: they could not be compared; it makes the command exit with 2.
    """
    from orchestration.dbt.manifests import prepare
    from orchestration.dbt.results import NodeResult

    settings = load_settings()
    view = RunView()
    with open_warehouse(settings, redis=False) as warehouse, view.shown():
        view.begin("preparing")
        prepared = prepare(settings, warehouse.servers.database_url)
        total = sum(model.materialized == "incremental" for model in prepared.graph.models)
        done = 0

        def rebuilt(node: NodeResult) -> None:
            nonlocal done
            done += 1
            view.handle(NodeDone(node.name, node.status, done, max(done, total)))

        compared = verify(warehouse, prepared, marts, on_node=rebuilt)
    shown = table(
        ["table", "rows", "only published", "only rebuilt"], numbers=["rows", "only published", "only rebuilt"]
    )
    for item in compared:
        shown.add_row(item.name, str(item.rows), str(item.surplus_count), str(item.missing_count))
    console.print(shown)
    for item in compared:
        _show_differences(item)
    differences = sum(item.differences for item in compared)
    rows = sum(item.rows for item in compared)
    marts_count = sum(item.is_mart for item in compared)
    places = "1 mart" if marts_count == 1 else f"{marts_count} marts"
    if marts_count < len(compared):
        places += f" and {len(compared) - marts_count} tables under them"
    found = "1 difference" if differences == 1 else f"{differences} differences"
    console.print(f"{found} in {places}, {rows} rows")
    return 1 if differences else 0


def _show_differences(item: Comparison) -> None:
    """A row a line, as in a diff: `-` stands and should not, `+` should stand and does not."""
    if not item.differences:
        return
    console.print(f"\n{item.name}")
    lines = [("-", row) for row in item.surplus] + [("+", row) for row in item.missing]
    for sign, row in sorted(lines, key=lambda line: json.dumps(line[1], default=str)):
        text = json.dumps(row, default=str, ensure_ascii=False)
        console.print(f"{sign} {text}")
    rest = item.differences - len(lines)
    if rest:
        console.print(f"  and {rest} rows more")
