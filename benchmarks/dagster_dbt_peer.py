"""The same dbt project under dagster-dbt, set up as in its documentation: the peer of `benchmarks.noop`.

The manifest is prepared beforehand, dbt's partial parse is kept between runs, tests are asset checks, and dbt's unit
tests are excluded as in our builds, since they test the code and not the data.
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

#: Environment variable with the project's folder, for the code server.
PROJECT_VARIABLE = "PEER_DBT_PROJECT"
#: The idle colour, as in our builds.
COLOUR = "green"
#: Name of its job.
JOB = "build"


def project_at(folder: Path) -> DbtProject:
    """The dbt project in a folder; `preparer.prepare` parses it."""
    return DbtProject(folder, target=COLOUR)


def build_definitions(project: DbtProject) -> Definitions:
    """One step that runs `dbt build` in the run's own process; Dagster's default executor would start another one."""
    translator = DagsterDbtTranslator(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))

    @dbt_assets(manifest=project.manifest_path, project=project, dagster_dbt_translator=translator)
    def build_marts(context: AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
        arguments = ["build", "--exclude-resource-type", "unit_test"]
        # The default is a new folder for each run; this one keeps dbt's partial parse.
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
    """The definitions that a code server loads."""
    return build_definitions(project_at(Path(os.environ[PROJECT_VARIABLE])))
