"""Resources that the steps of a run share."""

from collections.abc import Iterator

from dagster import InitResourceContext, ResourceDefinition, resource

from ingestion.sync.connector import SourceConnector
from orchestration.pipeline.sync import SourceSession, open_session
from orchestration.warehouse_access import Warehouse, open_warehouse
from warehouse.core.settings import load_settings

__all__ = ["session", "warehouse"]


@resource(description="The open warehouse: settings, servers, lake, logins.")
def warehouse(_: InitResourceContext) -> Iterator[Warehouse]:
    """Use the running servers for the length of a run. The process that launches runs has migrated the database."""
    with open_warehouse(load_settings(), set_up=False) as opened:
        yield opened


def session(reader: SourceConnector) -> ResourceDefinition:
    """The run's client, rate limits and call budget for a source."""

    @resource(
        description=f"The run's client, rate limits and call budget for {reader.source.name}.",
        required_resource_keys={"warehouse"},
    )
    def opened(context: InitResourceContext) -> Iterator[SourceSession]:
        """Open a session for the length of a run."""
        with open_session(context.resources.warehouse, reader) as source_session:
            yield source_session

    return opened
