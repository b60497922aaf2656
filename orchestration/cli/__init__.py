"""`ladder`: the command line.

Standard output carries results only; progress and errors go to standard error. Exit codes: 0 done, 1 an error or
something that failed on the way, 2 a command that cannot be understood, 130 interrupted. Of `verify`, as of `diff`, 1
says that something differs and 2 that nothing could be compared.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from ingestion.registry import NAMES
from warehouse.core.errors import ConfigurationError, LadderError
from warehouse.core.visible import visible

__all__ = ["app", "main"]

_INTERRUPTED = 130

app = typer.Typer(
    name="ladder",
    help="A game-analytics warehouse: match APIs in, exact marts on PostgreSQL, cached answers out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
rejects = typer.Typer(help="Records that could not become rows.", no_args_is_help=True)
app.add_typer(rejects, name="rejects")
keys = typer.Typer(help="Who may read the API.", no_args_is_help=True)
app.add_typer(keys, name="keys")
upstream = typer.Typer(help="Where sources are requested.", no_args_is_help=True)
app.add_typer(upstream, name="upstream")


def _known_source(name: str) -> str:
    if name not in NAMES:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(NAMES)}.")
    return name


Source = Annotated[str, typer.Argument(help=f"the source: {', '.join(NAMES)}", callback=_known_source)]
Kind = Annotated[str, typer.Argument(help="what the ids belong to: player, match, team, ...")]
Ids = Annotated[
    list[str],
    typer.Argument(help="ids, nicknames, Steam ids, or addresses of pages about the things", metavar="ID..."),
]


@app.command()
def demo(
    players: Annotated[int, typer.Option(help="players to track", min=1, max=200)] = 40,
) -> None:
    """Show everything on simulated sources: no network, no key, nothing left running."""
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
    """Keep everything up: servers, worker, Dagster with its schedules, API. Ctrl-C stops all of it."""
    from orchestration.cli.simulation import simulated_sources
    from orchestration.cli.up import run_stack

    with simulated_sources():
        run_stack(with_password=password)


@app.command()
def run(
    plan: Annotated[bool, typer.Option("--plan", help="only say what would be fetched and built")] = False,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="rebuild the marts from nothing")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="only this pass, or this source (repeatable), then the marts")
    ] = None,
) -> None:
    """Fetch what is due, load it, build and test the marts, publish."""
    from orchestration.cli.run import run_pipeline, show_plan
    from orchestration.cli.simulation import simulated_sources

    if plan:
        show_plan()
    else:
        with simulated_sources(for_worker=True):
            run_pipeline(tuple(only or ()), full_refresh=full_refresh)


@app.command()
def track(source: Source, kind: Kind, ids: Ids) -> None:
    """Ask a source for these from the next run on."""
    from orchestration.cli.simulation import simulated_sources
    from orchestration.cli.tracking import track_entities

    with simulated_sources():
        code = track_entities(source, kind, ids)
    raise typer.Exit(code)


@app.command()
def untrack(source: Source, kind: Kind, ids: Ids) -> None:
    """Stop asking for these; what is stored stays."""
    from orchestration.cli.simulation import simulated_sources
    from orchestration.cli.tracking import untrack_entities

    with simulated_sources():
        code = untrack_entities(source, kind, ids)
    raise typer.Exit(code)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="as one JSON object on standard output")] = False,
) -> None:
    """Say what is tracked, read, loaded, rejected and published."""
    from orchestration.cli.status import show_status

    show_status(as_json=as_json)


@app.command()
def query(
    statement: Annotated[str, typer.Argument(help="one SELECT; tables are found in `marts`")],
    output_format: Annotated[
        Literal["table", "csv", "json", "parquet"], typer.Option("--format", help="form of the answer")
    ] = "table",
    output: Annotated[Path | None, typer.Option(help="write to this file instead of standard output")] = None,
    limit: Annotated[int, typer.Option(help="rows that a table shows", min=1)] = 100,
) -> None:
    """Run SQL as the analyst, who reads the marts and nothing else."""
    from orchestration.cli.query import run_query

    run_query(statement, output_format, output, limit)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Open psql as the analyst; further arguments are psql's."""
    from orchestration.cli.query import open_psql

    raise typer.Exit(open_psql(context.args))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def dbt(context: typer.Context) -> None:
    """Run dbt in a schema of your own; further arguments are dbt's: build, run, test, show, docs generate, ..."""
    from orchestration.cli.dbt import run_dbt

    raise typer.Exit(run_dbt(context.args))


@app.command()
def connection(
    login: Annotated[
        Literal["analyst", "transform", "ingest", "serving"], typer.Argument(help="whose login")
    ] = "analyst",
    form: Annotated[
        Literal["url", "dsn", "env", "sqlalchemy", "jdbc"] | None,
        typer.Option("--format", help="one form for another program, on standard output alone"),
    ] = None,
    password: Annotated[
        bool | None,
        typer.Option("--password/--no-password", help="write the password too; a form that is piped has it by itself"),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="keep the embedded PostgreSQL up until Ctrl-C")] = False,
) -> None:
    """Show how another program connects to the marts (docs/connect.md): host, port, database, user, password."""
    from orchestration.cli.connection import show_connection

    show_connection(login, form, password=password, keep=keep)


@rejects.command("list")
def rejects_list(
    limit: Annotated[int, typer.Option(help="rejects to show", min=1)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="as a JSON array on standard output")] = False,
) -> None:
    """Show open rejects: why, and where the payload lies."""
    from orchestration.cli.lake import list_rejects

    list_rejects(limit, as_json=as_json)


@rejects.command("fields")
def rejects_fields(
    limit: Annotated[int, typer.Option(help="fields to show", min=1)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="as a JSON array on standard output")] = False,
) -> None:
    """Show fields that could not be read in records that became rows: why, how often, and where one lies."""
    from orchestration.cli.lake import list_field_rejects

    list_field_rejects(limit, as_json=as_json)


@rejects.command("replay")
def rejects_replay() -> None:
    """Load the files of open rejects and unreadable fields again, for instance after a fix."""
    from orchestration.cli.lake import replay_open_rejects

    replay_open_rejects()


@app.command()
def replay() -> None:
    """Rebuild every staging table from the lake alone; the marts keep serving and follow with the next run."""
    from orchestration.cli.lake import replay_lake

    replay_lake()


@app.command()
def compact() -> None:
    """Put the small lake files of each closed day together."""
    from orchestration.cli.lake import compact_lake

    compact_lake()


@app.command()
def publish(
    rollback: Annotated[bool, typer.Option("--rollback", help="turn back to the generation before")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="mend marts that were removed or changed by hand")] = False,
) -> None:
    """Set the cache to the published generation again, turn back, or mend marts."""
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
    """Rebuild marts from staging beside the published ones and compare, row for row; ends with 1 on a difference."""
    from orchestration.cli.verify import verify_marts

    raise typer.Exit(verify_marts(tuple(marts or ())))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="address to bind; LADDER_API_HOST by default")] = None,
    port: Annotated[int | None, typer.Option(help="port to bind; LADDER_API_PORT by default", min=0, max=65535)] = None,
    workers: Annotated[int, typer.Option(help="processes that share the port", min=1, max=64)] = 1,
) -> None:
    """Serve the API until Ctrl-C."""
    from orchestration.cli.publish import serve_api

    serve_api(host, port, workers)


def _scope(given: str) -> str:
    if given not in ("business", "admin"):
        raise typer.BadParameter(f"{given} is none of business, admin")
    return given


@keys.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="whose it is, or what for")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            parser=_scope, metavar="business|admin", help="what it may read beside what is public (repeatable)"
        ),
    ] = None,
    requests: Annotated[
        int | None, typer.Option(help="requests a minute; LADDER_API_REQUESTS_PER_MINUTE by default", min=1)
    ] = None,
    rows: Annotated[
        int | None, typer.Option(help="rows a minute; LADDER_API_ROWS_PER_MINUTE by default", min=1)
    ] = None,
    expires_in_days: Annotated[int | None, typer.Option(help="days after which it ends", min=1, max=36500)] = None,
    to: Annotated[Path | None, typer.Option(help="a new file for it, which you alone can read", metavar="FILE")] = None,
) -> None:
    """Make a key for the API. It is written to standard output or a file, this once."""
    from orchestration.cli.keys import make_key

    make_key(name, scope or (), requests, rows, expires_in_days, to)


@keys.command("list")
def keys_list(
    revoked: Annotated[bool, typer.Option("--revoked", help="revoked ones as well")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as a JSON array on standard output")] = False,
) -> None:
    """Show keys: what they may read, their limits, and when they were last used."""
    from orchestration.cli.keys import show_keys

    show_keys(revoked=revoked, as_json=as_json)


@keys.command("revoke")
def keys_revoke(named: Annotated[list[str], typer.Argument(help="ids or names", metavar="KEY...")]) -> None:
    """Revoke keys for ever; serving processes refuse them within two seconds."""
    from orchestration.cli.keys import revoke

    revoke(named)


@upstream.command("list")
def upstream_list() -> None:
    """Show which world the stored data is of, and the address of each source."""
    from orchestration.cli.upstream import list_upstreams

    list_upstreams()


@upstream.command("set")
def upstream_set(
    source: Source,
    url: Annotated[str, typer.Argument(help="base URL, with the API's path")],
    real: Annotated[
        bool, typer.Option("--real", help="the server passes requests on to the real API, for instance as a proxy")
    ] = False,
) -> None:
    """Request a source at another address of the same world, where LADDER_<SOURCE>_URL is not set."""
    from orchestration.cli.upstream import set_upstream

    set_upstream(source, url, is_real=real)


@app.command()
def docs() -> None:
    """Write dbt's documentation of the published marts, for `/catalog`."""
    from orchestration.cli.docs import write_docs

    write_docs()


@app.command()
def doctor() -> None:
    """Look whether everything that is needed is there and works."""
    from orchestration.cli.doctor import run_checks
    from orchestration.cli.simulation import simulated_sources

    with simulated_sources():
        code = run_checks()
    raise typer.Exit(code)


def main() -> int:
    """Run a command and turn whatever ends it into an exit code and at most one line."""
    # Loading Dagster and dbt makes millions of objects that stay: looking through them again and again for garbage
    # would be a seventh of the time that it takes.
    gc.set_threshold(100_000)
    trouble = 2 if sys.argv[1:2] == ["verify"] else 1
    try:
        _settle_user()
        code = app(standalone_mode=False)
    except LadderError as error:
        sys.stderr.write(f"error: {error}\n")
        return trouble
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough; nothing more can be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f" at {error.filename}" if error.filename else ""
        line = f"{(error.strerror or str(error)).lower()}{place}; make room or give rights there"
        sys.stderr.write(f"error: {visible(line)}\n")
        return trouble
    except Exception as error:
        return _refused(error, trouble)
    if code == _INTERRUPTED:
        sys.stderr.write("interrupted\n")
    return code if isinstance(code, int) else 0


def _settle_user() -> None:
    """What is written is for its owner alone, and root does not work in the home of another user."""
    from warehouse.core.file_modes import become_owner, keep_private
    from warehouse.core.settings import load_settings

    keep_private()
    if os.geteuid() == 0:
        try:
            home = load_settings().home
        except ConfigurationError:
            return  # the command itself names what is wrong, where it needs it
        become_owner(home)


def _refused(error: Exception, trouble: int) -> int:
    """The exit code of what a person can mend, after saying why; other errors are bugs and go on.

    That is a command that cannot be understood, and a database that ended, is full, or denies a right.
    """
    if "psycopg" in sys.modules:
        from psycopg import OperationalError
        from psycopg.errors import InsufficientPrivilege

        from warehouse.database.refused import SERVER_AWAY, refused

        if isinstance(error, OperationalError | InsufficientPrivilege):
            sys.stderr.write(f"error: {refused(error, SERVER_AWAY)}\n")
            return trouble
    if "sqlalchemy" in sys.modules:
        from sqlalchemy.exc import OperationalError as StorageError

        from warehouse.database.refused import SERVER_AWAY, refused

        if isinstance(error, StorageError):
            sys.stderr.write(f"error: {refused(error.orig, SERVER_AWAY)}\n")
            return trouble
    show = getattr(error, "show", None)
    if show is None:
        raise error
    show()
    return int(getattr(error, "exit_code", 2))
