"""`ladder publish` and `ladder serve`."""

from __future__ import annotations

from orchestration.cli.terminal import console
from orchestration.warehouse_access import open_warehouse
from warehouse.errors import PublicationError
from warehouse.settings import load_settings

__all__ = ["publish_again", "serve_api"]


def publish_again(*, rollback: bool) -> None:
    """Tell the cache of the published generation, after turning back where that is asked for.

    Raises:
        PublicationError: there is nothing to publish or to return to, or the cache cannot be told.
    """
    from orchestration.dbt_runner import prepare
    from serving.publish import publish_cache
    from warehouse import publish

    settings = load_settings()
    with open_warehouse(settings) as warehouse:
        with publish.building(warehouse.url("transform")) as connection:
            generation = publish.current_generation(connection)
            if generation is None:
                raise PublicationError("nothing is published yet", "run `ladder run`")
            if rollback:
                marts = prepare(settings, warehouse.servers.database_url).graph.marts
                generation = publish.rollback(connection, marts)
        # Builds need not wait for the boards.
        publish_cache(warehouse.servers.redis_url, generation, serving_url=warehouse.url("serving"))
    verb = "turned back; now" if rollback else "published"
    console.print(f"{verb} generation {generation.generation} ({generation.colour}, as of {generation.as_of_date})")


def serve_api(host: str | None, port: int | None, workers: int) -> None:
    """Serve the API until a signal.

    Raises:
        ConfigurationError: the address cannot be bound.
    """
    from serving.run import reserve_port, serve

    settings = load_settings()
    host = host or settings.api_host
    with open_warehouse(settings) as warehouse:
        port = reserve_port(host, settings.api_port if port is None else port)
        console.print(f"http://{host}:{port} (API: /api/v1, described at /docs); Ctrl-C stops it", markup=False)
        serve(
            settings,
            warehouse.url("serving"),
            warehouse.servers.redis_url,
            host=host,
            port=port,
            workers=workers,
        )
