"""The commands of `ladder`. Each imports its implementation when it is called, so that `ladder --help` starts fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from orchestration.cli.command_groups import keys, rejects, upstream
from orchestration.cli.parameters import Ids, Kind, Source

__all__ = ["app"]

app = typer.Typer(
    name="ladder",
    help="A game-analytics warehouse: match APIs in, exact marts on PostgreSQL, cached answers out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(rejects, name="rejects")
app.add_typer(keys, name="keys")
app.add_typer(upstream, name="upstream")


@app.command()
def demo(
    players: Annotated[int, typer.Option(help="players to track", min=1, max=200)] = 40,
) -> None:
    """Run and show everything on simulated sources: no network, no key, no process left behind."""
    from orchestration.cli.simulation import simulation

    with simulation() as simulated:
        from orchestration.cli.demo import run_demo

        run_demo(players, simulated)


@app.command()
def up(
    password: Annotated[
        bool, typer.Option("--password", help="show the analyst's password in the line for SQL clients")
    ] = False,
) -> None:
    """Run everything: servers, worker, Dagster with its schedules, API. Ctrl-C stops it."""
    from orchestration.cli.simulation import simulated_sources
    from orchestration.cli.up import run_stack

    with simulated_sources():
        run_stack(with_password=password)


@app.command()
def run(
    plan: Annotated[bool, typer.Option("--plan", help="only show what would be synced and built")] = False,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="rebuild the marts from scratch")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="only this stream or source (repeatable), then the marts")
    ] = None,
) -> None:
    """Sync what is due, load it, build and test the marts, publish."""
    from orchestration.cli.run import run_pipeline, show_plan
    from orchestration.cli.simulation import simulated_sources

    if plan:
        show_plan()
    else:
        with simulated_sources(for_worker=True):
            run_pipeline(tuple(only or ()), full_refresh=full_refresh)


@app.command()
def track(source: Source, kind: Kind, ids: Ids) -> None:
    """Track entities of a source: from the next run on they are synced."""
    from orchestration.cli.simulation import simulated_sources
    from orchestration.cli.tracking import track_entities

    with simulated_sources():
        code = track_entities(source, kind, ids)
    raise typer.Exit(code)


@app.command()
def untrack(source: Source, kind: Kind, ids: Ids) -> None:
    """Stop tracking entities; stored data stays."""
    from orchestration.cli.simulation import simulated_sources
    from orchestration.cli.tracking import untrack_entities

    with simulated_sources():
        code = untrack_entities(source, kind, ids)
    raise typer.Exit(code)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="as one JSON object on standard output")] = False,
) -> None:
    """Show what is tracked, synced, loaded, rejected and published."""
    from orchestration.cli.status import show_status

    show_status(as_json=as_json)


@app.command()
def query(
    statement: Annotated[str, typer.Argument(help="one SELECT; tables of `marts` need no schema name")],
    output_format: Annotated[
        Literal["table", "csv", "json", "parquet"], typer.Option("--format", help="format of the rows")
    ] = "table",
    output: Annotated[Path | None, typer.Option(help="write to this file instead of standard output")] = None,
    limit: Annotated[int, typer.Option(help="rows that a table shows", min=1)] = 100,
) -> None:
    """Run SQL as the analyst, who can only read the marts."""
    from orchestration.cli.query import run_query

    run_query(statement, output_format, output, limit)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Open psql as the analyst; further arguments are passed to psql."""
    from orchestration.cli.query import open_psql

    raise typer.Exit(open_psql(context.args))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def dbt(context: typer.Context) -> None:
    """Run dbt in your own schema; further arguments are passed to dbt: build, run, test, show, docs generate, ..."""
    from orchestration.cli.dbt import run_dbt

    raise typer.Exit(run_dbt(context.args))


@app.command()
def connection(
    login: Annotated[
        Literal["analyst", "transform", "ingest", "serving"], typer.Argument(help="role of the login")
    ] = "analyst",
    form: Annotated[
        Literal["url", "dsn", "env", "sqlalchemy", "jdbc"] | None,
        typer.Option("--format", help="write one format for another program, and nothing else, to standard output"),
    ] = None,
    password: Annotated[
        bool | None,
        typer.Option("--password/--no-password", help="include the password; the default for a format that is piped"),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="keep the embedded PostgreSQL running until Ctrl-C")] = False,
) -> None:
    """Show how another program connects to the marts (docs/connect.md): host, port, database, user, password."""
    from orchestration.cli.connection import show_connection

    show_connection(login, form, password=password, keep=keep)


@app.command()
def replay() -> None:
    """Rebuild every staging table from the lake; the published marts stay until the next run."""
    from orchestration.cli.lake import replay_lake

    replay_lake()


@app.command()
def compact() -> None:
    """Merge the small lake files of each closed day."""
    from orchestration.cli.lake import compact_lake

    compact_lake()


@app.command()
def publish(
    rollback: Annotated[bool, typer.Option("--rollback", help="roll back to the previous generation")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="repair marts that were removed or changed by hand")] = False,
) -> None:
    """Point the cache at the published generation again, roll back, or repair marts."""
    from orchestration.cli.publish import republish

    if rollback and repair:
        raise typer.BadParameter("--rollback and --repair exclude each other")
    republish(rollback=rollback, repair=repair)


@app.command()
def verify(
    marts: Annotated[
        list[str] | None, typer.Argument(help="marts to compare; all by default", metavar="MART...")
    ] = None,
) -> None:
    """Rebuild marts from staging beside the published ones and compare row by row; exits with 1 on a difference."""
    from orchestration.cli.verify import verify_marts

    raise typer.Exit(verify_marts(tuple(marts or ())))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="address to bind; default LADDER_API_HOST")] = None,
    port: Annotated[int | None, typer.Option(help="port to bind; default LADDER_API_PORT", min=0, max=65535)] = None,
    workers: Annotated[int, typer.Option(help="processes that share the port", min=1, max=64)] = 1,
) -> None:
    """Serve the API until Ctrl-C."""
    from orchestration.cli.publish import serve_api

    serve_api(host, port, workers)


@app.command()
def docs() -> None:
    """Write dbt's documentation of the published marts, for `/catalog`."""
    from orchestration.cli.docs import write_docs

    write_docs()


@app.command()
def doctor() -> None:
    """Check that everything the warehouse needs is available and works."""
    from orchestration.cli.doctor import run_checks
    from orchestration.cli.simulation import simulated_sources

    with simulated_sources():
        code = run_checks()
    raise typer.Exit(code)
