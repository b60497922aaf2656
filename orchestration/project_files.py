"""Non-Python files of the project: next to the packages in a checkout, inside this package in a wheel."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DAGSTER_YAML", "PROJECT"]

_PACKAGED = Path(__file__).parent / "_project"
_ROOT = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[1]

#: The dbt project; the folder `seeds` is next to it.
PROJECT = _ROOT / "dbt_project"
#: Configuration of the Dagster instance.
DAGSTER_YAML = _ROOT / "dagster.yaml"
