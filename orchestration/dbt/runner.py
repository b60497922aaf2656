"""dbt in this process: manifests prepared once for each colour, builds that report node by node.

A prepared manifest is dbt's own msgpack form under `LADDER_HOME/dbt/prepared/<key>/`. A build decodes it anew (some
tens of milliseconds), since dbt writes compiled SQL into the manifest it is given. dbt keeps one set of flags and
connections for each process, so that one build runs at a time.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Literal

import psycopg

from orchestration.dbt.build_task import only_stale_nodes
from orchestration.dbt.failing_rows import FailingRows, first_rows
from orchestration.dbt.graph import (
    COLOURS,
    GRAPH_FILE,
    PROJECT,
    Graph,
    model_variables,
    models_digest,
    prepared_folder,
    write_whole,
)
from orchestration.dbt.sessions import ended_when_interrupted, session_name
from orchestration.dbt.staleness import Staleness
from orchestration.processes.foreign_interrupts import raised_at_the_end
from warehouse.core.errors import BuildError
from warehouse.core.settings import Settings
from warehouse.database.connections import libpq_environment, parameters
from warehouse.database.locks import registered
from warehouse.publication.publication import Colour

__all__ = ["NodeResult", "Prepared", "build", "describe", "prepare", "warm_up", "write_published_manifest"]

#: A build of little waits for commits more than it computes; more gains nothing, and readers want connections too.
_THREADS = 4
#: The server's own parallel workers would take the core that a build beside readers leaves free.
_ONE_CORE_A_THREAD = "-c max_parallel_workers_per_gather=0 -c max_parallel_maintenance_workers=0"
_KEPT_STATES = 3
#: Tests at most of which rows are shown.
_SAMPLED = 10
#: What of dbt's events goes to its log, by dbt's name of the level.
_LOGGED = {"info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_LOG_BYTES = 10 << 20
_KEPT_LOGS = 5
_ONE_AT_A_TIME = threading.Lock()
#: How the macro `report_rows_written` begins its line; `?` after it means some.
_ROWS_WRITTEN = "rows written: "

#: A colour, or the place beside them where marts are rebuilt to be compared.
Target = Colour | Literal["scratch"]
Status = Literal["success", "pass", "warn", "fail", "error", "skipped", "reused"]


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What became of a node.

    Args:
        unique_id: dbt's id.
        name: its name.
        status: `success` of a model; `pass`, `warn`, `fail` of a test; `error`, `skipped` of both; `reused` when
            nothing had to be done.
        message: what dbt says about it, one line.
        failures: rows that fail a test.
        duration_s: time it took, in seconds.
        sample: of a test that failed or warned, the first rows that it returned, where they could be read.
        rows_written: of a model, rows inserted, updated and deleted; None where it is not known, as of a view.
        is_reused: of a test, whether its result is that of the last build that changed what it reads.
    """

    unique_id: str
    name: str
    status: Status
    message: str
    failures: int
    duration_s: float
    sample: FailingRows | None = None
    rows_written: int | None = None
    is_reused: bool = False


@dataclass(frozen=True)
class Prepared:
    """The project, parsed.

    Args:
        project: where it lies.
        folder: where its manifests lie.
        digest: of the project.
        graph: its models, tests and sources.
    """

    project: Path
    folder: Path
    digest: str
    graph: Graph


def prepare(settings: Settings, database_url: str, project: Path = PROJECT) -> Prepared:
    """Parse a project, unless this state of it is prepared already.

    Raises:
        BuildError: the project cannot be parsed; names the place.
    """
    digest = models_digest(settings, project)
    folder = prepared_folder(settings, digest)
    if not (folder / GRAPH_FILE).exists():
        _manifest(project, folder, settings, database_url, "blue")
    return Prepared(project, folder, digest, Graph.read(folder))


def warm_up(prepared: Prepared, settings: Settings, database_url: str) -> None:
    """Import dbt and prepare both colours, which takes seconds, before they are needed."""
    import_module("dbt.adapters.postgres")
    for colour in COLOURS:
        _manifest(prepared.project, prepared.folder, settings, database_url, colour)


def build(
    prepared: Prepared,
    settings: Settings,
    transform_url: str,
    colour: Target,
    *,
    lock: psycopg.Connection,
    full_refresh: bool = False,
    select: Sequence[str] = (),
    beside_readers: bool = False,
    staleness: Staleness | None = None,
    on_node: Callable[[NodeResult], None] = lambda result: None,
) -> list[NodeResult]:
    """Build every model in a colour and test it; results in the order of their end.

    In `scratch` only the tables are built, from the views that the colours share, and nothing is tested.

    Args:
        prepared: the project.
        settings: where logs go.
        transform_url: login of `ladder_transform`.
        colour: where to build.
        lock: the connection that holds the build lock, in autocommit.
        full_refresh: rebuild incremental models from nothing; otherwise views and seeds stay as they are.
        select: models by dbt's selectors; all of them by default.
        staleness: passes over models and tests that nothing below them has changed; None runs all of them.
        beside_readers: leave a core to those who read meanwhile, for what computes for long.
        on_node: told each result as it comes, from one of dbt's threads.

    Raises:
        BuildError: dbt could not run at all, or a mart would stand in another colour.
    """
    manifest = _decode(_manifest(prepared.project, prepared.folder, settings, transform_url, colour))
    _move(manifest, parameters(transform_url)["dbname"])
    _refuse_other_colours(manifest, colour)
    results = [] if full_refresh or colour == "scratch" else _standing(prepared.graph)
    for result in results:
        on_node(result)
    names = {one.unique_id: one.name for one in (*prepared.graph.models, *prepared.graph.tests)}
    written: dict[str, int | None] = {}

    def add(result: NodeResult) -> None:
        results.append(result)
        on_node(result)

    def reuse(unique_id: str) -> None:
        add(NodeResult(unique_id, names[unique_id], "reused", "nothing below it has changed", 0, 0.0))

    def watch(event: Any) -> None:
        unique_id = event.data.node_info.unique_id if hasattr(event.data, "node_info") else ""
        if event.info.name == "JinjaLogDebug" and event.data.msg.startswith(_ROWS_WRITTEN):
            count = event.data.msg.removeprefix(_ROWS_WRITTEN)
            written[unique_id] = int(count) if count.isdigit() and written.get(unique_id, 0) is not None else None
        elif event.info.name == "NodeFinished" and event.data.node_info.resource_type != "operation":
            result = _from_event(event.data, written.get(unique_id))
            if staleness is not None and result.status == "success":
                staleness.record(unique_id, result.rows_written)
            add(result)

    arguments = ["run"] if colour == "scratch" else ["build", "--exclude-resource-type", "unit_test"]
    if colour == "scratch" or not full_refresh:
        # Tests of what is left out still run: `empty` takes them by their own names alone.
        arguments += ["--exclude", "config.materialized:view", "resource_type:seed", "--indirect-selection", "empty"]
    if select:
        arguments += ["--select", *select]
    if full_refresh:
        arguments.append("--full-refresh")
    threads = max(1, min(_THREADS, (os.cpu_count() or 1) - 1)) if beside_readers else _THREADS
    arguments += ["--threads", str(threads)]
    with registered(lock, colour) as registration, only_stale_nodes(staleness, reuse):
        outcome = _invoke(
            prepared.project,
            arguments,
            settings,
            transform_url,
            colour,
            manifest=manifest,
            watch=watch,
            registration=registration,
            server_options=_ONE_CORE_A_THREAD if beside_readers else "",
        )
    if outcome.exception is not None:
        raise BuildError(f"dbt could not build: {_one_line(outcome.exception)}", f"see {_logs(settings)}/dbt.log")
    return _with_samples(results, outcome.result, lock)


def describe(
    prepared: Prepared, settings: Settings, transform_url: str, colour: Colour
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What dbt's documentation shows: its manifest, with marts under the names that readers know, and its catalogue.

    Args:
        prepared: the project.
        settings: where logs and dbt's own files go.
        transform_url: login of `ladder_transform`.
        colour: the published one.

    Raises:
        BuildError: dbt could not run.
    """
    manifest = _published_manifest(prepared.project, prepared.folder, settings, transform_url, colour)
    _target(settings, colour).mkdir(parents=True, exist_ok=True)
    arguments = ["docs", "generate", "--no-compile"]
    outcome = _invoke(prepared.project, arguments, settings, transform_url, colour, manifest=manifest)
    if not outcome.success:
        raise BuildError(f"dbt could not document: {_one_line(outcome.exception)}", f"see {_logs(settings)}/dbt.log")
    return manifest.writable_manifest().to_dict(), outcome.result.to_dict()


def write_published_manifest(
    path: Path, project: Path, folder: Path, settings: Settings, transform_url: str, colour: Colour
) -> None:
    """Write dbt's manifest of a colour as a file, with marts under the names that readers know.

    Args:
        path: the file, replaced whole.
        project: where the project lies, which is parsed unless the folder holds the colour.
        folder: of a prepared state of the project.
        settings: where logs and dbt's own files go.
        transform_url: login of `ladder_transform`.
        colour: the published one.

    Raises:
        BuildError: the project cannot be parsed.
    """
    manifest = _published_manifest(project, folder, settings, transform_url, colour)
    # With a manifest it parses nothing, but sets the flags of dbt that its writer reads.
    _invoke(project, ["parse"], settings, transform_url, colour, manifest=manifest)
    fresh = path.with_suffix(f".{os.getpid()}")
    manifest.writable_manifest().write(str(fresh))
    fresh.replace(path)


def _published_manifest(project: Path, folder: Path, settings: Settings, transform_url: str, colour: Colour) -> Any:
    manifest = _decode(_manifest(project, folder, settings, transform_url, colour))
    for node in manifest.nodes.values():
        if node.schema == f"marts_{colour}":
            node.schema = "marts"
            node.relation_name = node.relation_name and node.relation_name.replace(f'"marts_{colour}"', '"marts"')
    for unit_test in manifest.unit_tests.values():
        if unit_test.schema == f"marts_{colour}":
            unit_test.schema = "marts"
    _move(manifest, parameters(transform_url)["dbname"])
    return manifest


def _with_samples(results: Sequence[NodeResult], outcome: Any, connection: psycopg.Connection) -> list[NodeResult]:
    """Results with the first rows of tests that failed or warned; of a few, since each takes time."""
    nodes = {one.node.unique_id: one.node for one in outcome.results}
    failed = [result for result in results if result.status == "fail"]
    warned = [result for result in results if result.status == "warn"]
    sampled = {
        result.unique_id: replace(result, sample=first_rows(connection, nodes[result.unique_id].compiled_code))
        for result in [*failed, *warned][:_SAMPLED]
    }
    return [sampled.get(result.unique_id, result) for result in results]


def _standing(graph: Graph) -> list[NodeResult]:
    """Views and seeds, which another state of the project would change, and such a state is built in full."""
    return [
        NodeResult(model.unique_id, model.name, "reused", "as it stands", 0, 0.0)
        for model in graph.models
        if model.materialized in ("view", "seed")
    ]


@contextmanager
def _environment(database_url: str, variables: Mapping[str, str], server_options: str) -> Iterator[None]:
    """Where dbt's profile connects, with options for the server, and variables of models and profile.

    A developer's own settings of dbt (`DBT_DEFER`, `DBT_EMPTY`, ...) are for their own schema.
    """
    names: dict[str, str | None] = {name: None for name in os.environ if name.startswith("DBT_")}
    names |= {**libpq_environment(database_url), **variables, "DO_NOT_TRACK": "1"}
    if server_options:
        names["PGOPTIONS"] = f"{names.get('PGOPTIONS') or ''} {server_options}".strip()
    before = {name: os.environ.get(name) for name in names}
    _set_variables(names)
    try:
        yield
    finally:
        _set_variables(before)


def _set_variables(names: Mapping[str, str | None]) -> None:
    for name, value in names.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _invoke(
    project: Path,
    command: Sequence[str],
    settings: Settings,
    database_url: str,
    colour: str,
    *,
    manifest: Any = None,
    watch: Callable[[Any], None] = lambda event: None,
    registration: str = "none",
    server_options: str = "",
) -> Any:
    """Run a dbt command; dbt's result, which holds any error but an interrupt.

    Raises:
        KeyboardInterrupt, SystemExit: a signal interrupted it.
    """
    # A library of dbt's gives the root logger a handler on import: a program with a log would write it twice.
    handlers = logging.root.handlers[:]
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 -- seconds, and only a build or a parse needs it

    logging.root.handlers[:] = handlers
    logs = _logs(settings)
    logs.mkdir(parents=True, exist_ok=True)
    options = ["--no-send-anonymous-usage-stats", "--no-write-json", "--no-use-colors", "--no-partial-parse"]
    options += ["--log-level", "none", "--log-level-file", "none", "--log-path", str(logs), "--no-version-check"]
    place = ["--project-dir", str(project), "--profiles-dir", str(project), "--target", colour]
    place += ["--target-path", str(_target(settings, colour))]
    session = session_name()
    variables = {**model_variables(settings), "LADDER_BUILD": registration, "LADDER_DBT_SESSION": session}
    with (
        _ONE_AT_A_TIME,
        _environment(database_url, variables, server_options),
        _logged(logs / "dbt.log") as write,
        ended_when_interrupted(database_url, session) as end_sessions,
        raised_at_the_end(end_sessions),
    ):
        return dbtRunner(manifest=manifest, callbacks=[watch, write]).invoke([*options, *command, *place])


@contextmanager
def _logged(path: Path) -> Iterator[Callable[[Any], None]]:
    """What writes events to a log. dbt's own writer first makes a line of each of thousands that it leaves out."""
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_KEPT_LOGS, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(threadName)s %(message)s"))

    def write(event: Any) -> None:
        level = _LOGGED.get(event.info.level)
        if level is not None:
            handler.handle(logging.LogRecord("dbt", level, "", 0, "%s", (event.info.msg,), None))

    try:
        yield write
    finally:
        handler.close()


def _manifest(project: Path, folder: Path, settings: Settings, database_url: str, colour: str) -> bytes:
    """The packed manifest of a colour, parsed when it is needed first."""
    path = folder / f"{colour}.msgpack"
    if path.exists():
        return path.read_bytes()
    outcome = _invoke(project, ["parse"], settings, database_url, colour)
    if not outcome.success:
        raise BuildError(f"dbt cannot read the project: {_one_line(outcome.exception)}", f"correct {project}")
    packed = _encode(outcome.result)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, packed)
    # Last, since it says that the folder can be used.
    Graph.from_manifest(outcome.result).write(folder)
    _forget_old_states(folder.parent)
    return packed


def _forget_old_states(parent: Path) -> None:
    """Keep the newest few, and what another process may be about to use."""
    states = sorted(parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in states[_KEPT_STATES:]:
        if time.time() - path.stat().st_mtime > 3600:
            shutil.rmtree(path, ignore_errors=True)


def _encode(manifest: Any) -> bytes:
    from dbt.parser.manifest import extended_mashumaro_encoder  # noqa: PLC0415 -- as above

    packed: bytes = manifest.to_msgpack(extended_mashumaro_encoder)
    return packed


def _decode(packed: bytes) -> Any:
    from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415 -- as above
    from dbt.parser.manifest import extended_mashumuro_decoder  # noqa: PLC0415

    return Manifest.from_msgpack(packed, decoder=extended_mashumuro_decoder)


def _move(manifest: Any, database: str) -> None:
    """Have every table in a database, whichever the project was parsed for; the rest of a manifest names none."""
    for node in (*manifest.nodes.values(), *manifest.sources.values()):
        if node.relation_name:
            node.relation_name = node.relation_name.replace(f'"{node.database}".', f'"{database}".', 1)
        node.database = database
    manifest.build_flat_graph()


def _refuse_other_colours(manifest: Any, colour: Target) -> None:
    """A manifest prepared for one colour builds there whatever target is named; never build what readers see."""
    for node in manifest.nodes.values():
        is_in_colour = node.schema == f"marts_{colour}" or node.alias.endswith(f"_{colour}")
        if (node.schema.startswith("marts") or node.config.materialized == "incremental") and not is_in_colour:
            raise BuildError(
                f"{node.name} would be built as {node.schema}.{node.alias}, not in {colour}",
                "remove the folder dbt under LADDER_HOME and run again; the macro generate_schema_name chooses it",
            )


@cache
def _statuses() -> dict[str, Status]:
    return {
        "success": "success",
        "pass": "pass",
        "warn": "warn",
        "fail": "fail",
        "skipped": "skipped",
        "no-op": "success",
    }


def _from_event(data: Any, rows_written: int | None) -> NodeResult:
    result = data.run_result
    message = " ".join((result.message or "").split())
    return NodeResult(
        unique_id=data.node_info.unique_id,
        name=data.node_info.node_name,
        status=_statuses().get(result.status.lower(), "error"),
        message=message,
        failures=int(result.num_failures or 0),
        duration_s=float(result.execution_time or 0.0),
        rows_written=rows_written,
    )


def _target(settings: Settings, colour: str) -> Path:
    return settings.home / "dbt" / "target" / colour


def _logs(settings: Settings) -> Path:
    return settings.home / "logs"


def _one_line(error: BaseException | None) -> str:
    return " ".join(str(error).split())[:300] if error is not None else "unknown error"
