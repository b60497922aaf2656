"""`ladder dbt`: dbt in a developer's own schema."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from orchestration.processes.managed_process import run_in_foreground
from orchestration.warehouse_access import open_warehouse
from warehouse.core.settings import load_settings

__all__ = ["run_dbt"]

#: With `-m` Python warns that dbt's package has loaded the module already.
_DBT = "from dbt.cli.main import cli; cli(prog_name='dbt')"


def run_dbt(arguments: Sequence[str]) -> int:
    """Run a dbt command with connection, folders and state of this home; dbt's exit code.

    Raises:
        LadderError: the warehouse cannot be opened.
    """
    from orchestration.dbt.environment import developer_environment

    settings = load_settings()
    with open_warehouse(settings, redis=False) as warehouse:
        environment = developer_environment(settings, warehouse.servers)
        # What a person has set of dbt holds; where it connects and writes does not depend on an older terminal.
        theirs = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LADDER_BUILD"))}
        return run_in_foreground([sys.executable, "-c", _DBT, *arguments], {**theirs, **environment})
