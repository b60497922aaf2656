"""The same dbt project under dagster-dbt, as its documentation has it: what `benchmarks.noop` compares with.

The manifest is prepared beforehand, dbt's partial parse is kept from run to run, tests are asset checks, and as with
ours dbt's unit tests are left out, since they promise something of the code and not of the data.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetSelection,
    Definitions,
    define_asset_job,
    definitions,
    in_process_executor,
)
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, DbtProject, dbt_assets

__all__ = ["COLOUR", "JOB", "PROJECT_VARIABLE", "build_definitions", "load", "project_at"]

#: Where the code server finds the project.
PROJECT_VARIABLE = "PEER_DBT_PROJECT"
#: It builds where nobody reads, as ours does.
COLOUR = "green"
#: Its one job.
JOB = "build"


def project_at(folder: Path) -> DbtProject:
    """The project in a folder; `preparer.prepare` parses it."""
    return DbtProject(folder, target=COLOUR)


def build_definitions(project: DbtProject) -> Definitions:
    """One step that runs `dbt build`, in the run's own process: Dagster's default executor would start another."""
    translator = DagsterDbtTranslator(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))

    @dbt_assets(manifest=project.manifest_path, project=project, dagster_dbt_translator=translator)
    def build_marts(context: AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
        arguments = ["build", "--exclude-resource-type", "unit_test"]
        # A folder of its own for each run would be the default; this one keeps what dbt has parsed.
        kept = project.project_dir / project.target_path
        yield from dbt.cli(arguments, context=context, target_path=kept).stream()

    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return Definitions(
        assets=[build_marts],
        jobs=[define_asset_job(JOB, selection=AssetSelection.all(), config=quiet, executor_def=in_process_executor)],
        resources={"dbt": DbtCliResource(project_dir=project)},
    )


@definitions
def load() -> Definitions:
    """What a code server loads."""
    return build_definitions(project_at(Path(os.environ[PROJECT_VARIABLE])))
