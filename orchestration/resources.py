"""What the steps of a run share."""

from collections.abc import Iterator

from dagster import InitResourceContext, resource

from orchestration.opendota_session import OpenDotaSession, open_session
from orchestration.warehouse_access import Warehouse, open_warehouse
from warehouse.settings import load_settings

__all__ = ["opendota", "warehouse"]


@resource(description="The open warehouse: settings, servers, lake, logins.")
def warehouse(_: InitResourceContext) -> Iterator[Warehouse]:
    """Join the servers for the length of a run; whoever launches runs has set the database up."""
    with open_warehouse(load_settings(), set_up=False) as opened:
        yield opened


@resource(
    description="The run's client, limits and call budget at OpenDota.",
    required_resource_keys={"warehouse"},
)
def opendota(context: InitResourceContext) -> Iterator[OpenDotaSession]:
    """Open a session for the length of a run."""
    with open_session(context.resources.warehouse) as session:
        yield session
