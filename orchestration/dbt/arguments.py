"""Arguments of dbt's commands."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

__all__ = ["GENERATE_CATALOG", "PARSE", "build_arguments", "global_options", "location_options"]

PARSE = ("parse",)
#: Nothing is compiled: the queries of a catalogue need no compiled models.
GENERATE_CATALOG = ("docs", "generate", "--no-compile")

#: A small build spends more time on commits than on computation. More threads gain nothing, and take connections that
#: readers need.
_THREADS = 4


def build_arguments(
    *, is_scratch: bool, full_refresh: bool = False, select: Sequence[str] = (), limit_cpu: bool = False
) -> list[str]:
    """The command that builds models.

    Args:
        is_scratch: build only tables, from the views that all colours share, without tests.
        full_refresh: build every model from scratch; otherwise views and seeds are left out.
        select: models, in dbt's selector syntax; all models by default.
        limit_cpu: leave one core to readers.
    """
    arguments = ["run"] if is_scratch else ["build", "--exclude-resource-type", "unit_test", "exposure"]
    if is_scratch or not full_refresh:
        # Tests of the excluded models still run: with the selection mode `empty` only the named nodes are excluded.
        # The tag `full_build` is for tests of seeds, and of keys that are enforced by constraints of later models.
        arguments += ["--exclude", "config.materialized:view", "resource_type:seed", "tag:full_build"]
        arguments += ["--indirect-selection", "empty"]
    if select:
        arguments += ["--select", *select]
    if full_refresh:
        arguments.append("--full-refresh")
    threads = max(1, min(_THREADS, (os.cpu_count() or 1) - 1)) if limit_cpu else _THREADS
    return [*arguments, "--threads", str(threads)]


def global_options(logs: Path) -> list[str]:
    """Options before the command: no usage statistics, no files and no log of dbt's own."""
    options = ["--no-send-anonymous-usage-stats", "--no-write-json", "--no-use-colors", "--no-partial-parse"]
    return [
        *options,
        *("--log-level", "none", "--log-level-file", "none", "--log-path", str(logs), "--no-version-check"),
    ]


def location_options(project: Path, colour: str, target: Path) -> list[str]:
    """Options after the command: project, profile, target, and the folder for compiled files."""
    location = ["--project-dir", str(project), "--profiles-dir", str(project), "--target", colour]
    return [*location, "--target-path", str(target)]
