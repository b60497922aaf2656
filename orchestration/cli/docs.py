"""`ladder docs`: writes dbt's documentation for the page `/catalog`."""

from __future__ import annotations

from orchestration.cli.terminal import console, errors
from orchestration.warehouse_access import open_warehouse
from warehouse.core.settings import load_settings

__all__ = ["write_docs"]


def write_docs() -> None:
    """Write the documentation of the published marts.

    Raises:
        LadderError: nothing is published yet, or dbt could not run.
    """
    settings = load_settings()
    with open_warehouse(settings, redis=False) as warehouse, errors.status("generating documentation with dbt"):
        from orchestration.dbt.docs import write_documentation

        path = write_documentation(warehouse)
    console.print(f"{path}, served by `ladder serve` at /catalog")
