"""Parameters that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from ingestion.registry import NAMES

__all__ = ["Ids", "Kind", "Source"]


def _known_source(name: str) -> str:
    if name not in NAMES:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(NAMES)}.")
    return name


Source = Annotated[str, typer.Argument(help=f"the source: {', '.join(NAMES)}", callback=_known_source)]
Kind = Annotated[str, typer.Argument(help="kind of the entities: player, match, team, ...")]
Ids = Annotated[
    list[str],
    typer.Argument(help="ids, nicknames, Steam ids, or URLs of pages about the entities", metavar="ID..."),
]
