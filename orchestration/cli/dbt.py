"""`ladder dbt`: dbt in the developer's schema."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from orchestration.processes.managed_process import run_in_foreground
from orchestration.warehouse_access import open_warehouse
from warehouse.core.settings import load_settings

__all__ = ["run_dbt"]

#: `python -m dbt.cli.main` would warn that the module is already imported by its package.
_DBT = "from dbt.cli.main import cli; cli(prog_name='dbt')"


def run_dbt(arguments: Sequence[str]) -> int:
    """Run a dbt command with the connection, folders and state of this home, and return dbt's exit code.

    Raises:
        LadderError: the warehouse cannot be opened.
    """
    from orchestration.dbt.environment import developer_environment

    settings = load_settings()
    with open_warehouse(settings, redis=False) as warehouse:
        environment = developer_environment(settings, warehouse.servers)
        # The user's `DBT_*` variables apply. Variables of the connection may be those of an earlier `eval`.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LADDER_BUILD"))}
        return run_in_foreground([sys.executable, "-c", _DBT, *arguments], {**inherited, **environment})
