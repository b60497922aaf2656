"""The environment in which a developer runs dbt: their own schema, and a login that cannot write to the marts."""

from __future__ import annotations

import getpass
import re

from psycopg import sql

from orchestration.dbt.graph import PROJECT, model_variables
from orchestration.dbt.state import write_state
from warehouse.core.settings import Settings
from warehouse.database.connections import connect, connection_parameters, libpq_environment, role_url
from warehouse.embedded import Servers
from warehouse.publication.generations import current_generation

__all__ = ["developer_environment", "developer_schema"]

_LONGEST_NAME = 63


def developer_environment(settings: Settings, servers: Servers) -> dict[str, str]:
    """Environment variables for plain dbt on this warehouse. Creates the developer's schema if it does not exist.

    They set the connection (`PGHOST`, ..., as `ladder_developer`), the project and profiles, the folders for dbt's own
    files, and, once a generation is published, the state to which dbt defers for models that the schema lacks.

    Args:
        settings: the home, and the name of the schema if one is set.
        servers: the running servers of a warehouse that is set up.

    Raises:
        DatabaseError: the server cannot be reached, or the warehouse was never set up from this home.
        BuildError: the project cannot be parsed, which is needed if another home has built the generation.
    """
    schema = developer_schema(settings)
    folder = settings.home / "dbt" / "developer"
    state: dict[str, str] = {}
    developer_url = role_url(settings, servers.database_url, "developer")
    with connect(servers.database_url) as connection:
        connection.execute(
            sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(
                sql.Identifier(schema), sql.Identifier(connection_parameters(developer_url)["user"])
            )
        )
        live = current_generation(connection)
        if live is not None:
            transform_url = role_url(settings, servers.database_url, "transform")
            state = {"DBT_DEFER": "true", "DBT_STATE": str(write_state(settings, connection, transform_url, live))}
    return {
        **libpq_environment(developer_url),
        **model_variables(settings),
        "LADDER_DEV_SCHEMA": schema,
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(settings.home / "logs" / "developer"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        **state,
    }


def developer_schema(settings: Settings) -> str:
    """The developer's schema: `LADDER_DEV_SCHEMA`, or `dev_` and the name of the operating system's user."""
    if settings.dev_schema is not None:
        return settings.dev_schema
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user in a container may have no name
        name = ""
    user = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "user"
    return f"dev_{user}"[:_LONGEST_NAME]
