"""dbt's manifest of the published generation, to which a developer's dbt defers for models that it has not built.

A manifest is written once per state of the project, colour and database, which takes a second. A publication then only
switches a link to the right one, in homes where dbt is used. Marts have the names of their views in it, which are
promoted with each generation; tables of the additive layer have names that end in the colour.
"""

from __future__ import annotations

import os
from pathlib import Path

import psycopg

from orchestration.dbt.graph import PROJECT, models_digest, prepared_folder
from orchestration.dbt.manifests import write_published_manifest
from warehouse.core.settings import Settings
from warehouse.database.connections import connect, connection_parameters
from warehouse.publication.generations import Generation

__all__ = ["update_state", "write_state"]

_MANIFEST = "manifest.json"


def write_state(
    settings: Settings, connection: psycopg.Connection, transform_url: str, live: Generation, project: Path = PROJECT
) -> Path:
    """Link the manifest of the published generation, and write it if it does not exist.

    Args:
        settings: the home.
        connection: a login that reads `ops`.
        transform_url: login of `ladder_transform`.
        live: the published generation.
        project: the project, which is parsed if another home has built the generation.

    Returns:
        The folder that dbt takes as `--state`.

    Raises:
        BuildError: the project cannot be parsed.
    """
    folder = settings.home / "dbt" / "live"
    digest = _models_digest_of(connection, live) or models_digest(settings, project)
    kept = folder / "kept" / f"{digest[:24]}-{live.colour}-{connection_parameters(transform_url)['dbname']}.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        prepared = prepared_folder(settings, digest)
        if not (prepared / f"{live.colour}.msgpack").exists():
            # Another home has built the generation, maybe from another state of the project. This home's is the
            # closest.
            prepared = prepared_folder(settings, models_digest(settings, project))
        for old in kept.parent.glob("*.json"):
            if not old.name.startswith(digest[:24]):
                old.unlink(missing_ok=True)
        write_published_manifest(kept, project, prepared, settings, transform_url, live.colour)
    link = folder / f".manifest.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(kept.relative_to(folder))
    link.replace(folder / _MANIFEST)
    return folder


def update_state(settings: Settings, transform_url: str, live: Generation, project: Path = PROJECT) -> None:
    """Link the manifest of a new generation, if dbt has been used in this home.

    Raises:
        BuildError: the project cannot be parsed.
    """
    if (settings.home / "dbt" / "live" / _MANIFEST).exists():
        with connect(transform_url) as connection:
            write_state(settings, connection, transform_url, live, project)


def _models_digest_of(connection: psycopg.Connection, live: Generation) -> str | None:
    """Digest of the models that a generation was built with; None if the next build has to be a full one."""
    row = connection.execute("SELECT models_digest FROM ops.build_state WHERE colour = %s", [live.colour]).fetchone()
    return (row[0] or None) if row else None
