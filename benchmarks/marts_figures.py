"""Measurements of `benchmarks.marts` by size of the history, and their report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from statistics import median
from typing import Any

from benchmarks import report
from benchmarks.marts_history import CHANGES

__all__ = ["ADDITIVE", "MODELS", "TOTALS", "WHOLE", "Measured", "label_of", "report_sizes"]

#: Names of the measurements that ratios are computed from.
WHOLE, MODELS, ADDITIVE = "whole build", "all models", "additive layer"
#: Our model that the peers are compared with.
TOTALS = "int_player_character_totals"


@dataclass
class Measured:
    """Measurements with one size of the history.

    Args:
        seconds: seconds of each round, by name of the measurement.
        models: seconds of each round by model, run sequentially.
        tests: seconds of each round by test, within the whole build.
        ratios: ratios of this size.
        facts: context of the figures.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    models: dict[str, list[float]] = field(default_factory=dict)
    tests: dict[str, list[float]] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, what: str, seconds: float) -> None:
        """Record the seconds of a round."""
        self.seconds.setdefault(what, []).append(seconds)
        print(f"  {what}: {seconds:.2f} s", flush=True)

    def middle(self, what: str) -> float:
        """Median of the rounds."""
        return median(self.seconds[what])


def report_sizes(found: Mapping[int, Measured], rounds: int) -> None:
    """Write the report of the sizes that were measured so far."""
    sizes = sorted(found)
    least, most = label_of(sizes[0]), label_of(sizes[-1])
    ratios: dict[str, float] = {}
    bars = {"noop_tuples_written": "0", "reader_p99_full_refresh_vs_idle": "<= 2", "reader_errors": "0"}
    if len(sizes) > 1:
        for ratio, what in {"refresh": MODELS, "additive": ADDITIVE, "whole_build": WHOLE}.items():
            ratios[f"{ratio}_{most}_vs_{least}"] = found[sizes[-1]].middle(what) / found[sizes[0]].middle(what)
        bars[f"refresh_{most}_vs_{least}"] = "<= 1.2"
        bars[f"touched_key_vs_ours_{most}"] = ">= 20"
    for size in sizes:
        one, label = found[size], label_of(size)
        for ratio, peer in {"touched_key": "touched_keys", "lookback": "lookback_3_days", "full": "full"}.items():
            ratios[f"{ratio}_vs_ours_{label}"] = one.middle(peer) / one.middle(TOTALS)
        ratios |= {f"{name}_{label}": value for name, value in one.ratios.items() if name.startswith("wrong_rows")}
        bars[f"wrong_rows_ours_{label}"] = "0"
    ratios["noop_tuples_written"] = max(one.ratios["noop_tuples_written"] for one in found.values())
    ratios |= {name: value for name, value in found[sizes[0]].ratios.items() if name.startswith("reader")}
    report.write(
        "marts",
        seconds={f"{label_of(size)}: {what}": rows for size in sizes for what, rows in found[size].seconds.items()},
        ratios=ratios,
        bars=bars,
        facts={
            "sizes": sizes,
            "rounds": rounds,
            "changed rows of a round (new, corrected, deleted)": CHANGES,
            "versions": {name: metadata.version(name) for name in ("dbt-core", "dbt-postgres")},
            "load average": [round(value, 2) for value in os.getloadavg()],
        }
        | {label_of(size): found[size].facts for size in sizes}
        | {f"{label_of(size)}: slowest models, one by one": _slowest(found[size].models) for size in sizes}
        | {f"{label_of(size)}: slowest tests, in the whole build": _slowest(found[size].tests) for size in sizes},
    )


def _slowest(nodes: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Median seconds of the ten slowest nodes."""
    middle = {name: round(median(seconds), 3) for name, seconds in nodes.items()}
    return dict(sorted(middle.items(), key=lambda item: -item[1])[:10])


def label_of(size: int) -> str:
    """`2m` for 2,000,000, `20k` for 20,000."""
    return f"{size // 1_000_000}m" if size % 1_000_000 == 0 else f"{size // 1_000}k"
