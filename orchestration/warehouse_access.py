"""An open warehouse, for commands and runs: settings, servers, lake, logins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ingestion.registry import connectors
from orchestration.progress import SourceSkipped
from warehouse.core.errors import ConfigurationError, LadderError
from warehouse.core.file_modes import create_home, set_private_umask
from warehouse.core.settings import Settings
from warehouse.database.connections import connect, role_url
from warehouse.database.role_names import LoginRole
from warehouse.embedded import Servers, running
from warehouse.embedded.termination import exit_on_termination
from warehouse.lake.files import Lake
from warehouse.model.source import Source
from warehouse.ops import state
from warehouse.schema.migrate import migrate
from warehouse.staging.load import LoadReport, load_pending

__all__ = ["SOURCES", "Warehouse", "load_landed", "open_warehouse", "skipped_sources"]

#: All sources, by name.
SOURCES: dict[str, Source] = {name: reader.source for name, reader in connectors().items()}


@dataclass(frozen=True)
class Warehouse:
    """An open warehouse. Its servers run while it is open.

    Args:
        settings: the configuration.
        servers: addresses of its servers.
        restored: one line for each changed setting of a login that was restored while the warehouse was opened.
    """

    settings: Settings
    servers: Servers
    restored: tuple[str, ...] = ()

    @property
    def lake(self) -> Lake:
        """The lake."""
        return Lake(self.settings.lake_path)

    def url(self, role: LoginRole) -> str:
        """Connection URL of a role's login.

        Raises:
            DatabaseError: the warehouse was never set up from this home.
        """
        return role_url(self.settings, self.servers.database_url, role)


@contextmanager
def open_warehouse(settings: Settings, *, redis: bool = True, set_up: bool = True) -> Iterator[Warehouse]:
    """Start the embedded servers, or use those that run, and migrate the database.

    Args:
        settings: the configuration.
        redis: whether the cache is needed.
        set_up: whether roles and tables are migrated; false in processes of a warehouse that is already open.

    Raises:
        LadderError: a server cannot be started or reached, or rights are missing.
    """
    set_private_umask()
    create_home(settings.home)
    # Unwinding also ends the child processes of this one on SIGTERM, so it is needed with external servers too.
    with exit_on_termination(), running(settings, redis=redis) as servers:
        restored = migrate(settings, servers.database_url, list(SOURCES.values())) if set_up else []
        yield Warehouse(settings, servers, tuple(restored))


def load_landed(warehouse: Warehouse, source: Source) -> tuple[LoadReport, str | None]:
    """Load the pending files of a source; the report, and the reason in one line if they could not be loaded."""
    try:
        return load_pending(warehouse.url("ingest"), warehouse.lake, source), None
    except LadderError as error:
        return LoadReport(), f"{source.name} is not loaded: {error}"


def skipped_sources(warehouse: Warehouse) -> list[SourceSkipped]:
    """Sources that lack a key in the warehouse's settings, with the number of tracked entities of each."""
    skipped = []
    with connect(warehouse.url("ingest")) as connection:
        for name, reader in connectors().items():
            try:
                reader.require_key(warehouse.settings)
            except ConfigurationError as error:
                tracked_entities = [len(state.tracked_entities(connection, name, kind)) for kind in reader.kinds]
                skipped.append(SourceSkipped(str(error), sum(tracked_entities)))
    return skipped
