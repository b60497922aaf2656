"""Contracts of Dagster's private names that orchestration imports: each exists and behaves as expected.

Dagster does not keep them stable. A version that changes one fails here, by its name, before it fails in a run.
"""

from __future__ import annotations

import ast
import inspect
import os
import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterEventType, DagsterRun, JobDefinition, graph

import orchestration

_PACKAGE = Path(orchestration.__file__).parent


@graph
def _nothing() -> None:
    """A job without steps."""


def _parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def _is_error(found: Any) -> bool:
    return issubclass(found, BaseException)


def _interrupts_are_raised_as_given(found: Any) -> bool:
    class Given(BaseException):
        pass

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGTERM):
        with pytest.raises(Given), found(Given):
            os.kill(os.getpid(), number)
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
        signal.signal(number, handler)
    return True


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda found: all(hasattr(found, name) for name in names)


def _takes(method: str, *names: str) -> Callable[[Any], bool]:
    """A method of a class has these parameters, in this order."""
    return lambda found: tuple(_parameters(getattr(found, method)))[: len(names) + 1] == ("self", *names)


_CONTRACTS: dict[tuple[str, str], Callable[[Any], bool]] = {
    ("dagster._config.config_schema", "UserConfigSchema"): lambda found: found is not None,
    ("dagster._core.definitions.asset_checks.asset_check_evaluation", "AssetCheckEvaluationPlanned"): _has(
        "asset_key", "check_name"
    ),
    ("dagster._core.definitions.assets.job.asset_job", "is_reserved_asset_job_name"): lambda found: (
        found("__ASSET_JOB") and not found("run")
    ),
    ("dagster._core.definitions.data_version", "DATA_VERSION_TAG"): lambda found: found == "dagster/data_version",
    ("dagster._core.definitions.job_base", "InMemoryJob"): lambda found: (
        found(_nothing.to_job()).get_definition().name == "_nothing"
        and {"asset_selection", "asset_check_selection"} <= set(_parameters(found.get_subset))
    ),
    ("dagster._core.definitions.metadata", "RawMetadataValue"): lambda found: found is not None,
    ("dagster._core.definitions.source_asset", "SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION"): lambda found: (
        found == "__source_asset_observation__"
    ),
    ("dagster._core.definitions.unresolved_asset_job_definition", "UnresolvedAssetJobDefinition"): _has("name"),
    ("dagster._core.errors", "DagsterExecutionInterruptedError"): lambda found: (
        _is_error(found) and not issubclass(found, Exception)
    ),
    ("dagster._core.errors", "DagsterLaunchFailedError"): _is_error,
    ("dagster._core.events", "ASSET_CHECK_EVENTS"): lambda found: (
        {
            DagsterEventType.ASSET_CHECK_EVALUATION,
            DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
        }
        <= set(found)
    ),
    ("dagster._core.events", "ASSET_EVENTS"): lambda found: (
        {
            DagsterEventType.ASSET_MATERIALIZATION,
            DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        }
        <= set(found)
    ),
    ("dagster._core.events", "DagsterEvent"): _has("is_step_failure", "is_run_failure", "job_failure_data"),
    ("dagster._core.events", "DagsterEventType"): lambda found: found is DagsterEventType,
    ("dagster._core.events", "RunFailureReason"): _has("UNEXPECTED_TERMINATION"),
    ("dagster._core.execution.api", "create_execution_plan"): lambda found: (
        {"job", "run_config", "tags"} <= set(_parameters(found))
    ),
    ("dagster._core.execution.api", "execute_run_iterator"): lambda found: (
        _parameters(found)[:3] == ["job", "dagster_run", "instance"]
    ),
    ("dagster._core.launcher.base", "CheckRunHealthResult"): lambda found: (
        found(import_module("dagster._core.launcher.base").WorkerStatus.RUNNING).msg is None
    ),
    ("dagster._core.launcher.base", "LaunchRunContext"): _has("dagster_run", "workspace"),
    ("dagster._core.launcher.base", "RunLauncher"): lambda found: (
        _takes("launch_run", "context")(found)
        and _takes("terminate", "run_id")(found)
        and _takes("check_run_worker_health", "run")(found)
        and _has("dispose", "supports_check_run_worker_health", "register_instance")(found)
    ),
    ("dagster._core.launcher.base", "WorkerStatus"): _has("RUNNING", "NOT_FOUND", "UNKNOWN"),
    ("dagster._core.run_coordinator.base", "SubmitRunContext"): _has("dagster_run", "workspace"),
    ("dagster._core.run_coordinator.queued_run_coordinator", "QueuedRunCoordinator"): _takes("submit_run", "context"),
    ("dagster._core.snap", "snapshot_from_execution_plan"): lambda found: len(_parameters(found)) == 2,
    ("dagster._core.storage.base_storage", "DagsterStorage"): lambda found: (
        found.__abstractmethods__ == {"event_log_storage", "run_storage", "schedule_storage"}
    ),
    ("dagster._core.storage.event_log.base", "AssetRecord"): lambda found: found is not None,
    ("dagster._core.storage.event_log.schema", "AssetCheckExecutionsTable"): lambda found: (
        {"run_id", "asset_key", "check_name"} <= set(found.c.keys())
    ),
    ("dagster._core.storage.event_log.schema", "SqlEventLogStorageTable"): lambda found: "id" in found.c,
    ("dagster._core.storage.tags", "MAX_RETRIES_TAG"): lambda found: found == "dagster/max_retries",
    ("dagster._core.workspace.context", "WorkspaceProcessContext"): lambda found: (
        _takes("__init__", "instance", "workspace_load_target", "version")(found) and _has("__enter__")(found)
    ),
    ("dagster._core.workspace.context", "WorkspaceRequestContext"): lambda found: found is not None,
    ("dagster._core.workspace.load_target", "WorkspaceFileTarget"): lambda found: found(paths=["a"]).paths == ["a"],
    ("dagster._serdes", "ConfigurableClass"): _has("inst_data", "config_type", "from_config_value"),
    ("dagster._serdes.config_class", "ConfigurableClassData"): lambda found: (
        found("module", "name", "{}").config_dict == {}
    ),
    ("dagster._utils.interrupts", "raise_interrupts_as"): _interrupts_are_raised_as_given,
}

#: Methods of dagster-postgres that `BatchingEventLogStorage` overrides or calls.
_EVENT_LOG = {
    "_connect": [],
    "_has_asset_key_col_on_connection": ["conn", "column_name"],
    "_store_asset_event": ["conn", "event", "event_id"],
    "_store_asset_event_tags": ["conn", "events", "event_ids"],
    "_store_runless_asset_check_evaluation": ["event", "event_id"],
    "dispose": [],
    "get_asset_records": ["asset_keys"],
    "has_table": ["table_name"],
    "index_transaction": [],
    "optimize_for_webserver": ["statement_timeout", "pool_recycle", "max_overflow"],
    "prepare_insert_event_batch": ["events"],
    "store_asset_check_event": ["event", "event_id"],
    "store_event": ["event"],
}


def _imported() -> set[tuple[str, str]]:
    found = set()
    for path in _PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dagster._"):
                found |= {(str(node.module), alias.name) for alias in node.names}
    return found


def test_every_private_name_of_dagster_has_a_contract_here() -> None:
    assert _imported() == _CONTRACTS.keys()


@pytest.mark.parametrize(("module", "name"), _CONTRACTS, ids=str)
def test_a_private_name_of_dagster_behaves_as_expected(module: str, name: str) -> None:
    assert _CONTRACTS[module, name](getattr(import_module(module), name))


@pytest.mark.parametrize("method", _EVENT_LOG)
def test_a_method_of_dagsters_event_log_that_is_overridden_or_called_has_the_same_parameters(method: str) -> None:
    storage = import_module("dagster_postgres.event_log.event_log").PostgresEventLogStorage
    assert _parameters(getattr(storage, method)) == ["self", *_EVENT_LOG[method]]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("dagster_postgres.run_storage", "PostgresRunStorage"),
        ("dagster_postgres.schedule_storage", "PostgresScheduleStorage"),
    ],
)
def test_a_storage_creates_its_engine_in_the_overridden_method(module: str, name: str) -> None:
    storage = getattr(import_module(module), name)
    assert _parameters(storage.optimize_for_webserver) == ["self", *_EVENT_LOG["optimize_for_webserver"]]
    assert "self._engine = create_pg_engine" in inspect.getsource(storage.optimize_for_webserver)


def test_a_run_has_the_attributes_that_the_launcher_reads() -> None:
    run = DagsterRun(job_name="job", tags={"key": "value"})
    assert (run.tags, run.is_finished, run.asset_selection) == ({"key": "value"}, False, None)
    assert isinstance(_nothing.to_job(), JobDefinition)
