"""Parsed states of the dbt project: one manifest per colour, and the graph of models, tests and sources.

A prepared manifest is in dbt's own msgpack format, under `LADDER_HOME/dbt/prepared/<digest>/`. Each command decodes it
anew, which takes some tens of milliseconds, because dbt writes compiled SQL into the manifest that it is given.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from orchestration.dbt.arguments import PARSE
from orchestration.dbt.graph import (
    COLOURS,
    GRAPH_FILE,
    PROJECT,
    Graph,
    models_digest,
    prepared_folder,
)
from orchestration.dbt.invocation import error_line, invoke
from warehouse.core.errors import BuildError
from warehouse.core.files import write_atomically
from warehouse.core.settings import Settings
from warehouse.database.connections import connection_parameters
from warehouse.publication.generations import Colour

__all__ = [
    "Prepared",
    "Target",
    "load_manifest",
    "load_published_manifest",
    "prepare",
    "warm_up",
    "write_published_manifest",
]

#: A colour, or the schema in which `ladder verify` rebuilds marts for comparison.
Target = Colour | Literal["scratch"]

_KEPT_STATES = 3
#: A state that was written within this time, in seconds, may still be in use by another process.
_IN_USE_S = 3600


@dataclass(frozen=True)
class Prepared:
    """A parsed project.

    Args:
        project: folder of the project.
        folder: folder of its manifests.
        digest: of the project.
        graph: its models, tests and sources.
    """

    project: Path
    folder: Path
    digest: str
    graph: Graph


def prepare(settings: Settings, database_url: str, project: Path = PROJECT) -> Prepared:
    """Parse a project, unless this state of it is already parsed.

    Raises:
        BuildError: the project cannot be parsed; the message names the place.
    """
    digest = models_digest(settings, project)
    folder = prepared_folder(settings, digest)
    if not (folder / GRAPH_FILE).exists():
        _packed_manifest(project, folder, settings, database_url, "blue")
    return Prepared(project, folder, digest, Graph.read(folder))


def warm_up(prepared: Prepared, settings: Settings, database_url: str) -> None:
    """Import dbt and parse the project for both colours in advance, which takes seconds."""
    import_module("dbt.adapters.postgres")
    for colour in COLOURS:
        _packed_manifest(prepared.project, prepared.folder, settings, database_url, colour)


def load_manifest(prepared: Prepared, settings: Settings, database_url: str, colour: Target) -> Any:
    """A manifest for a build in a colour.

    Raises:
        BuildError: the project cannot be parsed, or a model would be built outside the colour.
    """
    manifest = _decode(_packed_manifest(prepared.project, prepared.folder, settings, database_url, colour))
    _set_database(manifest, connection_parameters(database_url)["dbname"])
    _require_colour(manifest, colour)
    return manifest


def load_published_manifest(project: Path, folder: Path, settings: Settings, transform_url: str, colour: Colour) -> Any:
    """A manifest of the published colour, in which marts have the names of their views.

    Raises:
        BuildError: the project cannot be parsed.
    """
    manifest = _decode(_packed_manifest(project, folder, settings, transform_url, colour))
    for node in manifest.nodes.values():
        if node.schema == f"marts_{colour}":
            node.schema = "marts"
            node.relation_name = node.relation_name and node.relation_name.replace(f'"marts_{colour}"', '"marts"')
    for unit_test in manifest.unit_tests.values():
        if unit_test.schema == f"marts_{colour}":
            unit_test.schema = "marts"
    _set_database(manifest, connection_parameters(transform_url)["dbname"])
    return manifest


def write_published_manifest(
    path: Path, project: Path, folder: Path, settings: Settings, transform_url: str, colour: Colour
) -> None:
    """Write the manifest of the published colour as JSON, in which marts have the names of their views.

    Args:
        path: the file, replaced atomically.
        project: folder of the project, which is parsed unless `folder` has the colour.
        folder: of a parsed state of the project.
        settings: where logs and dbt's own files go.
        transform_url: login of `ladder_transform`.
        colour: the published one.

    Raises:
        BuildError: the project cannot be parsed.
    """
    manifest = load_published_manifest(project, folder, settings, transform_url, colour)
    # With a manifest dbt parses nothing, but sets the flags that its JSON writer reads.
    invoke(project, PARSE, settings, transform_url, colour, manifest=manifest)
    unfinished = path.with_suffix(f".{os.getpid()}")
    manifest.writable_manifest().write(str(unfinished))
    unfinished.replace(path)


def _packed_manifest(project: Path, folder: Path, settings: Settings, database_url: str, colour: str) -> bytes:
    """The encoded manifest of a colour, parsed at the first use."""
    path = folder / f"{colour}.msgpack"
    if path.exists():
        return path.read_bytes()
    outcome = invoke(project, PARSE, settings, database_url, colour)
    if not outcome.success:
        raise BuildError(f"dbt cannot parse the project: {error_line(outcome.exception)}", f"correct {project}")
    packed = _encode(outcome.result)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, packed)
    # The graph is written last: its file marks the folder as complete.
    Graph.from_manifest(outcome.result).write(folder)
    _delete_old_states(folder.parent)
    return packed


def _delete_old_states(parent: Path) -> None:
    """Keep the newest states, and those that another process may be about to use."""
    states = sorted(parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in states[_KEPT_STATES:]:
        if time.time() - path.stat().st_mtime > _IN_USE_S:
            shutil.rmtree(path, ignore_errors=True)


def _encode(manifest: Any) -> bytes:
    from dbt.parser.manifest import extended_mashumaro_encoder  # noqa: PLC0415 -- importing dbt takes seconds

    packed: bytes = manifest.to_msgpack(extended_mashumaro_encoder)
    return packed


def _decode(packed: bytes) -> Any:
    from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415 -- importing dbt takes seconds
    from dbt.parser.manifest import extended_mashumuro_decoder  # noqa: PLC0415

    return Manifest.from_msgpack(packed, decoder=extended_mashumuro_decoder)


def _set_database(manifest: Any, database: str) -> None:
    """Set the database of every relation, whichever database the project was parsed for."""
    for node in (*manifest.nodes.values(), *manifest.sources.values()):
        if node.relation_name:
            node.relation_name = node.relation_name.replace(f'"{node.database}".', f'"{database}".', 1)
        node.database = database
    manifest.build_flat_graph()


def _require_colour(manifest: Any, colour: Target) -> None:
    """Refuse a manifest of another colour: dbt builds where the manifest says, whichever target is named.

    Raises:
        BuildError: a model would be built outside the colour, where readers may see it.
    """
    for node in manifest.nodes.values():
        is_in_colour = node.schema == f"marts_{colour}" or node.alias.endswith(f"_{colour}")
        if (node.schema.startswith("marts") or node.config.materialized == "incremental") and not is_in_colour:
            raise BuildError(
                f"{node.name} would be built as {node.schema}.{node.alias}, not in {colour}",
                "remove the folder dbt under LADDER_HOME and run again; the macro generate_schema_name chooses it",
            )
