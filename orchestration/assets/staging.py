"""Staging tables of a source: one step a pass, `<source>/<table>` for each table it fills, and when these are read."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    Backoff,
    MaterializeResult,
    MetadataValue,
    OpExecutionContext,
    RetryPolicy,
    multi_asset,
)

from ingestion.registry import NAMES
from ingestion.sync.connector import Reader
from ingestion.sync.streams import PassDefinition
from orchestration.assets.selection import selected_assets, selected_checks
from orchestration.engine.interrupts import expected_errors_as_failures
from orchestration.pipeline.sync import SyncOutcome

__all__ = ["EXTRACTION_COMPLETE", "StagingAssets", "SyncJob", "staging_assets"]

#: The check of each pass: whether everything that was due has been read.
EXTRACTION_COMPLETE = "extraction_complete"
#: More passes than a source has: those of one source come before those of the next.
_PLACES = 1000


@dataclass(frozen=True)
class SyncJob:
    """A job that only fetches, and when it runs.

    Args:
        name: its name, different from that of every other job and every step (`<source>_<pass>`).
        description: what it reads.
        schedule: name of its schedule.
        cron: when it runs.
        passes: names of the passes that it does.
    """

    name: str
    description: str
    schedule: str
    cron: str
    streams: tuple[str, ...]


class StagingAssets:
    """The staging tables of a source as assets.

    Args:
        reader: the source.
        after: passes that choose from what others loaded in the same run, and these others, by name.
        jobs: what is fetched on a schedule.
    """

    def __init__(self, reader: Reader, *, after: Mapping[str, Sequence[str]], jobs: Sequence[SyncJob]) -> None:
        self.reader = reader
        self.name = reader.source.name
        self.jobs = jobs
        self._after = after
        self._tables = reader.tables_by_pass()
        #: One definition a pass, in the order of a run.
        self.assets = [self._assets_of(definition) for definition in reader.passes]

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the passes, in the order of a run."""
        return tuple(self._tables)

    def key(self, table: str) -> AssetKey:
        """Asset of a staging table."""
        return AssetKey([self.name, table])

    def keys_of(self, *streams: str) -> list[AssetKey]:
        """Assets that passes fill."""
        return [self.key(table.name) for name in streams for table in self._tables[name]]

    def _assets_of(self, definition: PassDefinition) -> AssetsDefinition:
        """The step of a pass."""
        name = self.name
        place = NAMES.index(name) * _PLACES + self.streams.index(definition.name)
        keys = self.keys_of(definition.name)
        upstream = [self.key(table) for table in self._after.get(definition.name, ())]
        specs = [
            AssetSpec(key, description=table.description, deps=upstream, group_name=name, kinds={"postgres"})
            for key, table in zip(keys, self._tables[definition.name], strict=True)
        ]

        @multi_asset(
            name=f"{name}_{definition.name}",
            specs=specs,
            check_specs=[
                AssetCheckSpec(EXTRACTION_COMPLETE, asset=keys[0], description="Everything that was due has been read.")
            ],
            required_resource_keys={name},
            # Among steps that may run, the order of a run's passes decides.
            op_tags={"dagster/priority": str(-place)},
            retry_policy=RetryPolicy(max_retries=2, delay=10, backoff=Backoff.EXPONENTIAL),
            # One step of a source at a time, whatever the number of runs: its limits hold for an address or a key.
            pool=name,
            # A pass fills its tables together, whichever of them is selected.
            can_subset=True,
        )
        def fetch(context: OpExecutionContext) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
            with expected_errors_as_failures():
                outcome = getattr(context.resources, name).run(definition)
                changed = {self.key(table): rows for table, rows in outcome.loaded.changed.items()}
                # A load takes whatever is landed of the source, also for tables of other passes.
                loaded = [
                    MaterializeResult[None](asset_key=key, metadata=_metadata(outcome, changed.get(key, 0)))
                    for key in dict.fromkeys([*keys, *changed])
                ]
                yield from selected_assets(context, loaded, changed=changed, is_read=True)
                checked = AssetCheckResult(
                    asset_key=keys[0],
                    check_name=EXTRACTION_COMPLETE,
                    passed=not outcome.failures,
                    severity=AssetCheckSeverity.ERROR,
                    metadata={"failures": MetadataValue.md("\n".join(f"- {line}" for line in outcome.failures))},
                )
                yield from selected_checks(context, [checked], is_logged=True)

        return fetch


def staging_assets() -> dict[str, StagingAssets]:
    """The staging tables of every source, by its name."""
    return {name: importlib.import_module(f"orchestration.assets.{name}").STAGING for name in NAMES}


def _metadata(outcome: SyncOutcome, changed: int) -> dict[str, MetadataValue]:
    """Rows of a table that were changed, and counts and window of the pass."""
    report, loaded = outcome.report, outcome.loaded
    counts = {
        "rows changed": changed,
        "requests": report.requests,
        "pages": report.pages,
        "records": report.records,
        "rejected": report.rejected,
        "not due": report.skipped,
        "inserted": loaded.inserted,
        "updated": loaded.updated,
        "deleted": loaded.deleted,
        "seen again": loaded.reobserved,
    }
    window = {"observed from": outcome.started_at, "observed to": outcome.ended_at}
    return {
        **{name: MetadataValue.int(count) for name, count in counts.items()},
        **{name: MetadataValue.timestamp(moment) for name, moment in window.items()},
    }
