"""The report of a benchmark: a table on the terminal and a JSON file with raw figures and ratios."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["Figures", "write"]

_OUT = Path(__file__).parent / "out"
Figures = Mapping[str, Sequence[float]]


def write(
    name: str, *, seconds: Figures, ratios: Mapping[str, float], bars: Mapping[str, str], facts: Mapping[str, Any]
) -> None:
    """Print the figures and write `benchmarks/out/<name>.json`.

    Args:
        name: name of the benchmark.
        seconds: seconds of each round, by name of the measurement.
        ratios: numbers at the top level of the file.
        bars: the required value of each ratio, from the design.
        facts: context of the figures: sizes, versions, configurations.
    """
    table = Table(title=name, title_justify="left")
    for heading in ("measurement", "median s", "min s", "max s"):
        table.add_column(heading, justify="left" if heading == "measurement" else "right")
    for what, rounds in seconds.items():
        table.add_row(what, *(f"{value:.3f}" for value in (median(rounds), min(rounds), max(rounds))))
    judged = Table()
    for heading in ("ratio", "measured", "bar"):
        judged.add_column(heading, justify="left" if heading == "ratio" else "right")
    for ratio, value in ratios.items():
        judged.add_row(ratio, f"{value:.2f}", bars.get(ratio, ""))
    console = Console(width=110)
    console.print(table, judged)
    for fact, value in facts.items():
        console.print(f"{fact}: {value}", highlight=False)
    _OUT.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
    content = {**ratios, "bars": bars, "seconds": seconds, "facts": {**facts, **machine}}
    (_OUT / f"{name}.json").write_text(json.dumps(content, indent=1, default=str) + "\n")
