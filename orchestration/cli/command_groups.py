"""Commands with subcommands: `ladder rejects`, `ladder keys`, `ladder upstream`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.parameters import Source

__all__ = ["keys", "rejects", "upstream"]

rejects = typer.Typer(help="Records that could not become rows.", no_args_is_help=True)
keys = typer.Typer(help="Keys of the API.", no_args_is_help=True)
upstream = typer.Typer(help="Addresses of the sources.", no_args_is_help=True)


@rejects.command("list")
def rejects_list(
    limit: Annotated[int, typer.Option(help="rejects to show", min=1)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="as a JSON array on standard output")] = False,
) -> None:
    """Show open rejects: the reason, and the location of the payload."""
    from orchestration.cli.lake import list_rejects

    list_rejects(limit, as_json=as_json)


@rejects.command("fields")
def rejects_fields(
    limit: Annotated[int, typer.Option(help="fields to show", min=1)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="as a JSON array on standard output")] = False,
) -> None:
    """Show unreadable fields of records that became rows: reason, count, and the location of one of them."""
    from orchestration.cli.lake import list_field_rejects

    list_field_rejects(limit, as_json=as_json)


@rejects.command("replay")
def rejects_replay() -> None:
    """Load the files of open rejects and unreadable fields again, for instance after a fix."""
    from orchestration.cli.lake import replay_open_rejects

    replay_open_rejects()


def _scope(given: str) -> str:
    if given not in ("business", "admin"):
        raise typer.BadParameter(f"{given} is not one of business, admin")
    return given


@keys.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="its user or purpose")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            parser=_scope, metavar="business|admin", help="what it may read in addition to public data (repeatable)"
        ),
    ] = None,
    requests: Annotated[
        int | None, typer.Option(help="requests per minute; default LADDER_API_REQUESTS_PER_MINUTE", min=1)
    ] = None,
    rows: Annotated[int | None, typer.Option(help="rows per minute; default LADDER_API_ROWS_PER_MINUTE", min=1)] = None,
    expires_in_days: Annotated[int | None, typer.Option(help="days until it expires", min=1, max=36500)] = None,
    to: Annotated[
        Path | None, typer.Option(help="write it to this new file, readable only by you", metavar="FILE")
    ] = None,
) -> None:
    """Create an API key and write it to standard output or a file. It is shown only once."""
    from orchestration.cli.keys import make_key

    make_key(name, scope or (), requests, rows, expires_in_days, to)


@keys.command("list")
def keys_list(
    revoked: Annotated[bool, typer.Option("--revoked", help="include revoked keys")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as a JSON array on standard output")] = False,
) -> None:
    """Show keys: scopes, limits, and last use."""
    from orchestration.cli.keys import show_keys

    show_keys(revoked=revoked, as_json=as_json)


@keys.command("revoke")
def keys_revoke(named: Annotated[list[str], typer.Argument(help="ids or names", metavar="KEY...")]) -> None:
    """Revoke keys permanently; API processes reject them within two seconds."""
    from orchestration.cli.keys import revoke

    revoke(named)


@upstream.command("list")
def upstream_list() -> None:
    """Show the world of the stored data, and the address of each source."""
    from orchestration.cli.upstream import list_upstreams

    list_upstreams()


@upstream.command("set")
def upstream_set(
    source: Source,
    url: Annotated[str, typer.Argument(help="base URL, including the API's path")],
    real: Annotated[
        bool, typer.Option("--real", help="the server forwards requests to the real API, for instance as a proxy")
    ] = False,
) -> None:
    """Set the address of a source, in the same world. LADDER_<SOURCE>_URL takes precedence."""
    from orchestration.cli.upstream import set_upstream

    set_upstream(source, url, is_real=real)
