"""A process that syncs streams as a run does and writes the failures: `python -m ... DATABASE_URL STREAM...`."""

from __future__ import annotations

import asyncio
import sys

from ingestion.sources.faceit.connector import CONNECTOR, STREAMS
from ingestion.sync.execution import sync_stream
from warehouse.core.settings import load_settings
from warehouse.lake.files import Lake


async def sync(database_url: str, names: list[str]) -> list[str]:
    settings = load_settings()
    lines = []
    async with CONNECTOR.open_context(settings, database_url, Lake(settings.lake_path)) as context:
        for stream in (one for one in STREAMS if one.name in names):
            report = await sync_stream(context, stream)
            lines += [failure.message for failure in report.failures]
            lines += [report.stop.message] if report.stop else []
    return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(asyncio.run(sync(sys.argv[1], sys.argv[2:]))))
