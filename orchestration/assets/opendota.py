"""OpenDota's staging tables: one step a pass, `opendota/<table>` for each table that it fills."""

from collections.abc import Iterator

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

from ingestion.opendota.passes import PASSES
from ingestion.opendota.source import SOURCE
from ingestion.passes import PassDefinition
from orchestration.interrupts import plain_failures
from orchestration.opendota_session import PassOutcome
from warehouse.tables import Table

__all__ = ["CHECK", "POOL", "STAGING_ASSETS", "keys_of", "staging_key"]

#: Steps of this pool ask OpenDota, whose limits hold for an address whatever the number of runs.
POOL = "opendota"
#: The check of each pass: whether everything that was due has been read.
CHECK = "everything_read"

#: Passes that choose from what others loaded in the same run.
_AFTER = {
    "player_matches": ("players",),
    "player_ratings": ("player_matches",),
    "player_heroes": ("player_matches",),
    "team_matches": ("teams",),
    "league_matches": ("leagues",),
    "matches": ("player_matches", "pro_matches", "team_matches", "league_matches"),
}


def staging_key(table: str) -> AssetKey:
    """Asset of a staging table of OpenDota."""
    return AssetKey([SOURCE.name, table])


def keys_of(*passes: str) -> list[AssetKey]:
    """Assets that passes fill."""
    return [staging_key(table.name) for name in passes for table in _TABLES[name]]


def _tables_by_pass() -> dict[str, tuple[Table, ...]]:
    """A table is an asset of the first pass that is named for it, or else of the first that fills it."""
    names = {definition.name for definition in PASSES}
    owned: set[str] = set()
    found: dict[str, tuple[Table, ...]] = {}
    for definition in PASSES:
        filled = [table for name in definition.endpoints for table in SOURCE.endpoints[name].tables]
        own = tuple(
            table
            for table in filled
            if table.name == definition.name or (table.name not in names and table.name not in owned)
        )
        owned |= {table.name for table in own}
        found[definition.name] = own
    return found


_TABLES = _tables_by_pass()


def _assets_of(place: int, definition: PassDefinition) -> AssetsDefinition:
    """The step of a pass."""
    keys = keys_of(definition.name)
    upstream = [staging_key(name) for name in _AFTER.get(definition.name, ())]
    specs = [
        AssetSpec(key, description=table.description, deps=upstream, group_name=SOURCE.name, kinds={"postgres"})
        for key, table in zip(keys, _TABLES[definition.name], strict=True)
    ]

    @multi_asset(
        name=f"{SOURCE.name}_{definition.name}",
        specs=specs,
        check_specs=[AssetCheckSpec(CHECK, asset=keys[0], description="Everything that was due has been read.")],
        required_resource_keys={"opendota"},
        # Among steps that may run, the order of a run's passes decides.
        op_tags={"dagster/priority": str(-place)},
        retry_policy=RetryPolicy(max_retries=2, delay=10, backoff=Backoff.EXPONENTIAL),
        pool=POOL,
    )
    def fetch(context: OpExecutionContext) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
        with plain_failures():
            outcome = context.resources.opendota.run(definition)
        for key in keys:
            yield MaterializeResult(asset_key=key, metadata=_metadata(outcome))
        yield AssetCheckResult(
            asset_key=keys[0],
            check_name=CHECK,
            passed=not outcome.failures,
            severity=AssetCheckSeverity.ERROR,
            metadata={"failures": MetadataValue.md("\n".join(f"- {line}" for line in outcome.failures))},
        )

    return fetch


def _metadata(outcome: PassOutcome) -> dict[str, MetadataValue]:
    """Counts and window of a pass."""
    report, loaded = outcome.report, outcome.loaded
    counts = {
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


#: One definition a pass, in the order of a run.
STAGING_ASSETS = [_assets_of(place, definition) for place, definition in enumerate(PASSES)]
