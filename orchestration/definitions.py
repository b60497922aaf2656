"""What Dagster loads: `dagster ... -m orchestration.definitions`."""

from dagster import Definitions, definitions, in_process_executor

from orchestration.assets.freshness import freshness_checks
from orchestration.assets.marts import transform_assets
from orchestration.assets.opendota import STAGING_ASSETS
from orchestration.dbt_graph import Graph
from orchestration.dbt_runner import prepare
from orchestration.jobs import build_jobs, events_only
from orchestration.resources import opendota, warehouse
from orchestration.warehouse_access import open_warehouse
from warehouse.settings import load_settings

__all__ = ["build_definitions", "load"]


def build_definitions(graph: Graph) -> Definitions:
    """Everything, over the models and tests of a graph."""
    work = build_jobs(graph)
    return Definitions(
        assets=[*STAGING_ASSETS, transform_assets(graph)],
        asset_checks=[freshness_checks(graph)],
        jobs=work.jobs,
        schedules=work.schedules,
        resources={"warehouse": warehouse, "opendota": opendota},
        executor=in_process_executor,
        loggers={"events_only": events_only},
    )


@definitions
def load() -> Definitions:
    """Definitions of this home; parses the dbt project when it has changed."""
    settings = load_settings()
    with open_warehouse(settings, redis=False, set_up=False) as opened:
        return build_definitions(prepare(settings, opened.servers.database_url).graph)
