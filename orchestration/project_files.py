"""Files of the project that are not Python: beside the packages in a checkout, inside this package in a wheel."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DAGSTER_YAML", "PROJECT"]

_PACKAGED = Path(__file__).parent / "_project"
_ROOT = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[1]

#: The dbt project; `seeds` lies beside it.
PROJECT = _ROOT / "dbt_project"
#: Configuration of Dagster's instance.
DAGSTER_YAML = _ROOT / "dagster.yaml"
