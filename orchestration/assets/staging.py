"""Staging tables of a source: one step per stream, one asset `<source>/<table>` per table, and their sync jobs."""

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
from ingestion.sync.connector import SourceConnector
from ingestion.sync.streams import Stream
from orchestration.assets.selection import selected_assets, selected_checks
from orchestration.engine.interrupts import expected_errors_as_failures
from orchestration.pipeline.sync import SyncOutcome

__all__ = ["AFTER_ALL_STREAMS", "EXTRACTION_COMPLETE", "StagingAssets", "SyncJob", "staging_assets"]

#: The check of each stream: whether all due work items were extracted.
EXTRACTION_COMPLETE = "extraction_complete"
#: An upper bound, which orders all streams of a source before those of the next source.
_MAX_STREAMS = 1000
#: Dagster's priority of steps that run after the streams of all sources.
AFTER_ALL_STREAMS = -_MAX_STREAMS * len(NAMES)


@dataclass(frozen=True)
class SyncJob:
    """A job that only syncs streams, and its schedule.

    Args:
        name: its name, different from those of all other jobs and steps (`<source>_<stream>`).
        description: the data that it syncs.
        schedule: name of its schedule.
        cron: cron expression of the schedule.
        streams: names of the streams.
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
        depends_on: by stream, the streams whose tables it selects work items from.
        jobs: scheduled syncs.
    """

    def __init__(
        self, reader: SourceConnector, *, depends_on: Mapping[str, Sequence[str]], jobs: Sequence[SyncJob]
    ) -> None:
        self.reader = reader
        self.name = reader.source.name
        self.jobs = jobs
        self._depends_on = depends_on
        self._tables = reader.tables_by_stream()
        #: One definition per stream, in the order of a run.
        self.assets = [self._assets_of(definition) for definition in reader.streams]

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the streams, in the order of a run."""
        return tuple(self._tables)

    def key(self, table: str) -> AssetKey:
        """Asset of a staging table."""
        return AssetKey([self.name, table])

    def keys_of(self, *streams: str) -> list[AssetKey]:
        """Assets that streams load."""
        return [self.key(table.name) for name in streams for table in self._tables[name]]

    def _assets_of(self, definition: Stream) -> AssetsDefinition:
        """The step of a stream."""
        name = self.name
        position = NAMES.index(name) * _MAX_STREAMS + self.streams.index(definition.name)
        keys = self.keys_of(definition.name)
        upstream = [self.key(table) for table in self._depends_on.get(definition.name, ())]
        specs = [
            AssetSpec(key, description=table.description, deps=upstream, group_name=name, kinds={"postgres"})
            for key, table in zip(keys, self._tables[definition.name], strict=True)
        ]

        @multi_asset(
            name=f"{name}_{definition.name}",
            specs=specs,
            check_specs=[
                AssetCheckSpec(EXTRACTION_COMPLETE, asset=keys[0], description="All due work items were extracted.")
            ],
            required_resource_keys={name},
            # Steps that are ready run in the order of the streams.
            op_tags={"dagster/priority": str(-position)},
            retry_policy=RetryPolicy(max_retries=2, delay=10, backoff=Backoff.EXPONENTIAL),
            # One step per source at a time, across runs: rate limits apply to an address or a key.
            pool=name,
            # A sync loads all tables of the stream, whichever of them are selected.
            can_subset=True,
        )
        def sync(context: OpExecutionContext) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
            with expected_errors_as_failures():
                outcome = getattr(context.resources, name).run(definition)
                changed = {self.key(table): rows for table, rows in outcome.loaded.changed.items()}
                # A load includes all pending files of the source, also those of other streams.
                loaded = [
                    MaterializeResult[None](asset_key=key, metadata=_metadata(outcome, changed.get(key, 0)))
                    for key in dict.fromkeys([*keys, *changed])
                ]
                yield from selected_assets(context, loaded, changed=changed, has_downstream=True)
                checked = AssetCheckResult(
                    asset_key=keys[0],
                    check_name=EXTRACTION_COMPLETE,
                    passed=not outcome.failures,
                    severity=AssetCheckSeverity.ERROR,
                    metadata={"failures": MetadataValue.md("\n".join(f"- {line}" for line in outcome.failures))},
                )
                yield from selected_checks(context, [checked], is_logged=True)

        return sync


def staging_assets() -> dict[str, StagingAssets]:
    """The staging tables of every source, by its name."""
    return {name: importlib.import_module(f"orchestration.assets.{name}").STAGING for name in NAMES}


def _metadata(outcome: SyncOutcome, changed: int) -> dict[str, MetadataValue]:
    """Changed rows of a table, and counts and time window of the sync."""
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
        **{name: MetadataValue.timestamp(timestamp) for name, timestamp in window.items()},
    }
