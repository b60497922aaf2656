"""Dagster's definitions: `dagster ... -m orchestration.definitions`."""

from dagster import Definitions, definitions, in_process_executor

from orchestration.assets.freshness import freshness_checks
from orchestration.assets.marts import transform_assets
from orchestration.assets.staging import staging_assets
from orchestration.dbt.graph import Graph
from orchestration.dbt.manifests import prepare
from orchestration.jobs import build_jobs, events_only
from orchestration.resources import session, warehouse
from warehouse.core.settings import Settings, load_settings

__all__ = ["build_definitions", "load"]


def build_definitions(graph: Graph, settings: Settings | None = None) -> Definitions:
    """All assets, checks, jobs, schedules and resources.

    Args:
        graph: the dbt project.
        settings: jobs exclude the sources that lack a key in these settings; without settings they exclude none.
    """
    sources = staging_assets()
    readable = [one for one in sources.values() if settings is None or one.reader.is_readable(settings)]
    scheduled = build_jobs(graph, readable)
    return Definitions(
        assets=[*(assets for one in sources.values() for assets in one.assets), transform_assets(graph)],
        asset_checks=[freshness_checks(graph)],
        jobs=scheduled.jobs,
        schedules=scheduled.schedules,
        resources={"warehouse": warehouse, **{name: session(one.reader) for name, one in sources.items()}},
        executor=in_process_executor,
        loggers={"events_only": events_only},
    )


@definitions
def load() -> Definitions:
    """Definitions of this home. The dbt project is parsed if it has changed."""
    settings = load_settings()
    # Parsing needs no connection, so no database is named here: each build sets the one that it uses.
    return build_definitions(prepare(settings, "").graph, settings)
