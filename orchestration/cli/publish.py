"""`ladder publish` and `ladder serve`."""

from __future__ import annotations

from orchestration.cli.terminal import console
from orchestration.processes.log_rotation import rotating_logs
from orchestration.warehouse_access import open_warehouse
from warehouse.core.errors import PublicationError
from warehouse.core.settings import load_settings
from warehouse.publication.damage import damaged_marts

__all__ = ["republish", "serve_api"]


def republish(*, rollback: bool, repair: bool) -> None:
    """Point the cache at the published generation, after a rollback or a repair of marts if requested.

    Raises:
        PublicationError: nothing is published, there is no generation to return to, a mart is damaged, or the cache
            cannot be reached.
        BuildError: damaged marts could not be rebuilt.
    """
    from orchestration.dbt.manifests import prepare
    from orchestration.dbt.state import update_state
    from orchestration.pipeline.publish import build_and_publish
    from serving.cache.publish import publish_cache
    from warehouse.publication import promote
    from warehouse.publication.generations import current_generation
    from warehouse.publication.plan import build_session

    settings = load_settings()
    with open_warehouse(settings) as warehouse:
        with build_session(warehouse.url("transform")) as connection:
            generation = current_generation(connection)
            if generation is None:
                raise PublicationError("nothing is published yet", "run `ladder run`")
            before = generation
            if rollback:
                marts = prepare(settings, warehouse.servers.database_url).graph.marts
                generation = promote.rollback(connection, marts)
            damaged = damaged_marts(connection)
            if damaged and not repair:
                others = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
                raise PublicationError(f"{damaged[0].message}{others}", "run `ladder publish --repair`")
            if damaged and all(mart.is_view_only for mart in damaged):
                generation = promote.restore_views(connection, generation)
                damaged = []
        if damaged:
            outcome = build_and_publish(warehouse)
            if outcome.failure is not None:
                raise outcome.failure
            assert outcome.generation is not None  # something was published before
            generation = outcome.generation
        update_state(settings, warehouse.url("transform"), generation)
        # Outside of the build lock: writing the leaderboards must not block builds.
        publish_cache(warehouse.servers.redis_url, generation, serving_url=warehouse.url("serving"))
    verb = "rolled back; now" if rollback else "repaired; now" if generation != before else "published"
    console.print(
        f"{verb} generation {generation.generation} ({generation.colour}, as of {generation.as_of_date})",
    )


def serve_api(host: str | None, port: int | None, workers: int) -> None:
    """Serve the API until a signal.

    Raises:
        ConfigurationError: the address cannot be bound.
    """
    from serving.run import reserve_port, serve

    settings = load_settings()
    host = host or settings.api_host
    with open_warehouse(settings) as warehouse, rotating_logs(settings.home):
        port = reserve_port(host, settings.api_port if port is None else port)
        console.print(f"http://{host}:{port} (API: /api/v1, documented at /docs); Ctrl-C stops it")
        serve(
            settings,
            warehouse.url("serving"),
            warehouse.servers.redis_url,
            host=host,
            port=port,
            workers=workers,
        )
