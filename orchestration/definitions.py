"""What Dagster loads: `dagster ... -m orchestration.definitions`."""

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
    """Everything, over the models and tests of a graph.

    Args:
        graph: the dbt project.
        settings: jobs leave out the sources that cannot be asked with these; by default none.
    """
    sources = staging_assets()
    read = [one for one in sources.values() if settings is None or one.reader.is_readable(settings)]
    work = build_jobs(graph, read)
    return Definitions(
        assets=[*(assets for one in sources.values() for assets in one.assets), transform_assets(graph)],
        asset_checks=[freshness_checks(graph)],
        jobs=work.jobs,
        schedules=work.schedules,
        resources={"warehouse": warehouse, **{name: session(one.reader) for name, one in sources.items()}},
        executor=in_process_executor,
        loggers={"events_only": events_only},
    )


@definitions
def load() -> Definitions:
    """Definitions of this home; parses the dbt project when it has changed."""
    settings = load_settings()
    # Parsing connects to nothing; each build writes the name of its own database into what is prepared here.
    return build_definitions(prepare(settings, "").graph, settings)
