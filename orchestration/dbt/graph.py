"""The dbt project as the rest of orchestration sees it: models, tests and sources, without dbt.

`orchestration.dbt.runner` writes it once for each state of the project. Reading it takes milliseconds, where importing
dbt takes seconds: definitions, a plan or a build that turns out not to be needed never import it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from orchestration.project_files import PROJECT
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
    "write_whole",
]

COLOURS = ("blue", "green")
#: File of a prepared folder that holds the graph.
GRAPH_FILE = "graph.json"

_SUFFIXES = frozenset((".sql", ".yml", ".yaml", ".csv", ".md"))


class Model(msgspec.Struct, frozen=True):
    """A model or seed.

    Args:
        unique_id: dbt's id.
        name: its name; tables in `prep` that belong to a colour carry it besides.
        schema: where it stands; a mart's names the colour.
        kind: `model` or `seed`.
        materialized: how dbt keeps it.
        description: what one row is.
        columns: descriptions by column.
        upstream: dbt's ids of what it reads.
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
        description: what it promises.
        target: dbt's id of the model or source that it is shown with.
        upstream: dbt's ids of everything that it reads.
        is_warning: whether a failure only warns.
    """

    unique_id: str
    name: str
    description: str
    target: str
    upstream: tuple[str, ...]
    is_warning: bool


class Freshness(msgspec.Struct, frozen=True):
    """Ages in seconds from which a source table is late (`warn_s`) and too late (`error_s`)."""

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
    """A prepared project; a model stands after what it reads."""

    models: tuple[Model, ...]
    tests: tuple[Test, ...]
    sources: tuple[Source, ...]

    @property
    def marts(self) -> tuple[str, ...]:
        """Names of all marts, in order."""
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
        """Read what `write` left in a folder."""
        return msgspec.json.decode((folder / GRAPH_FILE).read_bytes(), type=cls)

    def write(self, folder: Path) -> None:
        """Leave the graph in a folder."""
        write_whole(folder / GRAPH_FILE, msgspec.json.encode(self))

    @classmethod
    def from_manifest(cls, manifest: Any) -> Graph:
        """What a dbt `Manifest` holds of it."""
        nodes = sorted(manifest.nodes.values(), key=lambda node: node.unique_id)
        return cls(
            models=_upstream_first([_model(node) for node in nodes if node.resource_type in ("model", "seed")]),
            tests=tuple(_test(node) for node in nodes if node.resource_type == "test" and node.depends_on.nodes),
            sources=tuple(_source(found) for _, found in sorted(manifest.sources.items())),
        )


def models_digest(settings: Settings, project: Path = PROJECT) -> str:
    """Changes whenever a project, its seeds, dbt, or a setting that models read do.

    Marts that were built under another digest are built anew.
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
    """Where the prepared manifests of a state of the project lie."""
    return settings.home / "dbt" / "prepared" / digest[:24]


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, whoever else writes it at the same time."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(content)
    fresh.replace(path)


def _upstream_first(models: Sequence[Model]) -> tuple[Model, ...]:
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
    # A test of one column hangs on its model; a singular one is shown with the last model that it reads.
    target = getattr(node, "attached_node", None) or node.depends_on.nodes[-1]
    return Test(
        unique_id=node.unique_id,
        name=node.name,
        description=node.description,
        target=target,
        upstream=tuple(node.depends_on.nodes),
        is_warning=str(node.config.severity).lower() == "warn",
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
