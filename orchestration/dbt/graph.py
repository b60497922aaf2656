"""The graph of the dbt project, without dbt: models, tests and sources.

`orchestration.dbt.manifests` writes it once per state of the project. Reading it takes milliseconds, while importing
dbt takes seconds. Definitions, plans, and runs that need no build never import dbt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from orchestration.project_files import PROJECT
from warehouse.core.files import write_atomically
from warehouse.core.settings import Settings

__all__ = [
    "COLOURS",
    "GRAPH_FILE",
    "PROJECT",
    "Freshness",
    "Graph",
    "Model",
    "Source",
    "Test",
    "model_variables",
    "models_digest",
    "prepared_folder",
]

COLOURS = ("blue", "green")
#: Name of the graph's file in the folder of a parsed project.
GRAPH_FILE = "graph.json"

_SUFFIXES = frozenset((".sql", ".yml", ".yaml", ".csv", ".md"))


class Model(msgspec.Struct, frozen=True):
    """A model or seed.

    Args:
        unique_id: dbt's id.
        name: its name; the names of tables in `prep` that belong to a colour also end in the colour.
        schema: its schema; that of a mart contains the colour.
        kind: `model` or `seed`.
        materialized: dbt's materialization.
        description: its description, with the grain.
        columns: descriptions by column.
        upstream: dbt's ids of the nodes that it reads.
        is_mart: whether it is built in a colour and published.
        reads_clock: whether today's date decides what it holds; declared in its config's meta.
    """

    unique_id: str
    name: str
    schema: str
    kind: str
    materialized: str
    description: str
    columns: Mapping[str, str]
    upstream: tuple[str, ...]
    is_mart: bool
    reads_clock: bool = False


class Test(msgspec.Struct, frozen=True):
    """A data test.

    Args:
        unique_id: dbt's id.
        name: its name.
        description: its description.
        target: dbt's id of the model or source whose check it is.
        upstream: dbt's ids of the nodes that it reads.
        is_warning: whether a failure is only a warning.
        is_full_build_only: whether it runs only in full builds; its tag is `full_build`.
    """

    unique_id: str
    name: str
    description: str
    target: str
    upstream: tuple[str, ...]
    is_warning: bool
    is_full_build_only: bool = False


class Freshness(msgspec.Struct, frozen=True):
    """Limits for the age of a source table, in seconds: for a warning (`warn_s`) and for an error (`error_s`)."""

    warn_s: int | None
    error_s: int | None


class Source(msgspec.Struct, frozen=True):
    """A table that models read: `staging_<source>.<name>`."""

    unique_id: str
    source: str
    name: str
    schema: str
    freshness: Freshness | None


class Graph(msgspec.Struct, frozen=True):
    """A parsed project. Models are in topological order, upstream first."""

    models: tuple[Model, ...]
    tests: tuple[Test, ...]
    sources: tuple[Source, ...]

    @property
    def marts(self) -> tuple[str, ...]:
        """Names of all marts, sorted."""
        return tuple(sorted(model.name for model in self.models if model.is_mart))

    @property
    def sources_of_tables(self) -> tuple[Source, ...]:
        """The sources that a table is built from, directly or through views."""
        found: set[str] = set()
        for model in reversed(self.models):
            if model.materialized != "view" or model.unique_id in found:
                found |= set(model.upstream)
        return tuple(source for source in self.sources if source.unique_id in found)

    @classmethod
    def read(cls, folder: Path) -> Graph:
        """Read the graph from the folder of a parsed project."""
        return msgspec.json.decode((folder / GRAPH_FILE).read_bytes(), type=cls)

    def write(self, folder: Path) -> None:
        """Write the graph to a folder."""
        write_atomically(folder / GRAPH_FILE, msgspec.json.encode(self))

    @classmethod
    def from_manifest(cls, manifest: Any) -> Graph:
        """The graph of a dbt `Manifest`."""
        nodes = sorted(manifest.nodes.values(), key=lambda node: node.unique_id)
        return cls(
            models=_topological([_model(node) for node in nodes if node.resource_type in ("model", "seed")]),
            tests=tuple(_test(node) for node in nodes if node.resource_type == "test" and node.depends_on.nodes),
            sources=tuple(_source(found) for _, found in sorted(manifest.sources.items())),
        )


def models_digest(settings: Settings, project: Path = PROJECT) -> str:
    """Digest of a project, its seeds, the versions of dbt, and the settings that models read.

    Marts that were built with another digest are rebuilt from scratch.
    """
    digest = hashlib.sha256()
    for name, value in model_variables(settings).items():
        digest.update(f"{name}={value}\n".encode())
    for package in ("dbt-core", "dbt-postgres", "dbt-adapters"):
        digest.update(f"{package}={metadata.version(package)}\n".encode())
    for root in (project, project.parent / "seeds"):
        for path in sorted(root.rglob("*")):
            if path.suffix in _SUFFIXES and "target" not in path.relative_to(root).parts:
                digest.update(f"{path.relative_to(root.parent)}\n".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def model_variables(settings: Settings) -> Mapping[str, str]:
    """Settings that models read, as environment variables."""
    return {"LADDER_SHOW_PEOPLE": settings.show_people}


def prepared_folder(settings: Settings, digest: str) -> Path:
    """Folder for the manifests of a state of the project."""
    return settings.home / "dbt" / "prepared" / digest[:24]


def _topological(models: Sequence[Model]) -> tuple[Model, ...]:
    by_id = {model.unique_id: model for model in models}
    order = TopologicalSorter({id_: by_id.keys() & set(model.upstream) for id_, model in by_id.items()})
    return tuple(by_id[id_] for id_ in order.static_order())


def _model(node: Any) -> Model:
    return Model(
        unique_id=node.unique_id,
        name=node.name,
        schema=node.schema,
        kind=str(node.resource_type),
        materialized=str(node.config.materialized),
        description=node.description,
        columns={name: column.description for name, column in node.columns.items()},
        upstream=() if node.resource_type == "seed" else tuple(node.depends_on.nodes),
        is_mart=node.schema.startswith("marts"),
        reads_clock=bool(node.config.meta.get("reads_clock")),
    )


def _test(node: Any) -> Test:
    # A generic test is attached to a model; a singular one becomes a check of the last model that it reads.
    target = getattr(node, "attached_node", None) or node.depends_on.nodes[-1]
    return Test(
        unique_id=node.unique_id,
        name=node.name,
        description=node.description,
        target=target,
        upstream=tuple(node.depends_on.nodes),
        is_warning=str(node.config.severity).lower() == "warn",
        is_full_build_only="full_build" in node.tags,
    )


def _source(found: Any) -> Source:
    freshness = found.freshness
    ages = Freshness(_seconds(freshness.warn_after), _seconds(freshness.error_after)) if freshness else None
    return Source(
        unique_id=found.unique_id,
        source=found.source_name,
        name=found.identifier,
        schema=found.schema,
        freshness=ages if ages and (ages.warn_s or ages.error_s) else None,
    )


def _seconds(threshold: Any) -> int | None:
    if threshold is None or threshold.count is None:
        return None
    unit = {"minute": 60, "hour": 3600, "day": 86400}[str(getattr(threshold.period, "value", threshold.period))]
    return int(threshold.count) * unit
