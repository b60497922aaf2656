"""dbt's manifest of what readers see, kept under the home: from there dbt knows parents that a developer did not build.

It is made once for each state of the project, colour and database, which takes a second; a publication then only puts
the right one in place, in homes where dbt is used. Marts have the names of their views in it, which turn by themselves;
tables of the additive layer carry the colour.
"""

from __future__ import annotations

import os
from pathlib import Path

import psycopg

from orchestration.dbt.graph import PROJECT, models_digest, prepared_folder
from orchestration.dbt.manifests import write_published_manifest
from warehouse.core.settings import Settings
from warehouse.database.connections import connect, parameters
from warehouse.publication.publication import Generation

__all__ = ["update_state", "write_state"]

_MANIFEST = "manifest.json"


def write_state(
    settings: Settings, connection: psycopg.Connection, transform_url: str, live: Generation, project: Path = PROJECT
) -> Path:
    """Put the manifest of the published generation in place, unless it is there.

    Args:
        settings: the home.
        connection: a login that reads `ops`.
        transform_url: login of `ladder_transform`.
        live: the published generation.
        project: the project, for a generation that another home has built.

    Returns:
        The folder that dbt takes as `--state`.

    Raises:
        BuildError: the project cannot be parsed.
    """
    folder = settings.home / "dbt" / "live"
    digest = _built_with(connection, live) or models_digest(settings, project)
    kept = folder / "kept" / f"{digest[:24]}-{live.colour}-{parameters(transform_url)['dbname']}.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        prepared = prepared_folder(settings, digest)
        if not (prepared / f"{live.colour}.msgpack").exists():
            # Another home built it, maybe of another state of the project; this home's is nearest to it.
            prepared = prepared_folder(settings, models_digest(settings, project))
        for old in kept.parent.glob("*.json"):
            if not old.name.startswith(digest[:24]):
                old.unlink(missing_ok=True)
        write_published_manifest(kept, project, prepared, settings, transform_url, live.colour)
    fresh = folder / f".manifest.{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(kept.relative_to(folder))
    fresh.replace(folder / _MANIFEST)
    return folder


def update_state(settings: Settings, transform_url: str, live: Generation, project: Path = PROJECT) -> None:
    """Put the manifest of a new generation in place, in a home where a developer has used dbt; nothing elsewhere.

    Raises:
        BuildError: the project cannot be parsed.
    """
    if (settings.home / "dbt" / "live" / _MANIFEST).exists():
        with connect(transform_url) as connection:
            write_state(settings, connection, transform_url, live, project)


def _built_with(connection: psycopg.Connection, live: Generation) -> str | None:
    """The models that a generation was built with; None where the next build has to be made from nothing."""
    row = connection.execute("SELECT models_digest FROM ops.build_state WHERE colour = %s", [live.colour]).fetchone()
    return (row[0] or None) if row else None
