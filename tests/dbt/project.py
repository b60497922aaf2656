"""The dbt project on a test database: rows are loaded by the product's loader, dbt runs in this process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumaro_encoder, extended_mashumuro_decoder
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ingestion.sources.opendota.source import SOURCE
from orchestration.dbt.graph import COLOURS
from orchestration.dbt.manifests import prepare, warm_up
from tests.conftest import Database
from warehouse.core.files import write_atomically
from warehouse.database.connections import libpq_environment
from warehouse.database.locks import registered_build
from warehouse.lake.files import Lake
from warehouse.model.source import Page, Source
from warehouse.publication.plan import build_session
from warehouse.staging.load import LoadReport, load_pending

__all__ = ["START", "Project", "match_details", "match_row"]

_FOLDER = Path(__file__).parents[2] / "dbt_project"
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Project:
    """The project, parsed for both colours.

    Args:
        database: a migrated database.
        manifests: dbt's manifests, by colour.
        state: digest of the cached cluster that the database was copied from; empty for a newly built database.
    """

    database: Database
    manifests: dict[str, Any] = field(default_factory=dict)
    state: str = ""
    _landed: int = 0

    def parse(self, *colours: str) -> None:
        """Load the manifests of colours as the product prepares them; they are prepared once for all test sessions."""
        settings, url = self.database.settings, self.database.url("transform")
        prepared = prepare(settings, url)
        if not set(COLOURS).isdisjoint(colours):
            warm_up(prepared, settings, url)
        for colour in colours:
            path = prepared.folder / f"{colour}.msgpack"
            if not path.exists():
                write_atomically(path, self.parsed(colour).to_msgpack(extended_mashumaro_encoder))
            manifest = Manifest.from_msgpack(path.read_bytes(), decoder=extended_mashumuro_decoder)
            for node in (*manifest.nodes.values(), *manifest.sources.values()):
                # The cached manifest names the database of the session that parsed it.
                if node.relation_name:
                    node.relation_name = node.relation_name.replace(f'"{node.database}".', f'"{self._name}".', 1)
                node.database = self._name
            manifest.build_flat_graph()
            self.manifests[colour] = manifest

    def parsed(self, colour: str) -> Manifest:
        """Parse for a colour; warnings are errors."""
        result = self._invoke(["parse"], colour, ["--warn-error", "--no-partial-parse"])
        assert result.success, result.exception
        manifest: Manifest = result.result
        return manifest

    def dbt(self, command: Sequence[str], colour: str = "blue") -> dict[str, str]:
        """Run a dbt command; returns the status of each node by name."""
        return {result.node.name: result.status.value for result in self._run(command, colour)}

    def statements(self, command: Sequence[str], colour: str = "blue") -> list[tuple[str, str]]:
        """Run a dbt command; returns the executed SQL in order, each with the unique id of its node."""
        executed: list[tuple[str, str]] = []

        def note(event: Any) -> None:
            if event.info.name == "SQLQuery":
                executed.append((event.data.node_info.unique_id, event.data.sql))

        statuses = {result.node.name: result.status.value for result in self._run(command, colour, note)}
        assert set(statuses.values()) == {"success"}, statuses
        return [(node, statement) for node, statement in executed if node and not node.startswith("operation.")]

    def compiled(self, query: str) -> str:
        """Compile an inline query with dbt."""
        (result,) = self._run(["compile", "--inline", query], "blue")
        return str(result.node.compiled_code)

    def build(self, *select: str, colour: str = "blue", full_refresh: bool = False) -> None:
        """Build models (default: all) with their data tests; fails if any node fails."""
        command = ["build", "--exclude-resource-type", "unit_test", "exposure", "--indirect-selection", "cautious"]
        command += ["--select", *select] if select else []
        command += ["--full-refresh"] if full_refresh else []
        fine = ("success", "pass", "warn")
        broken = [f"{r.node.name}: {r.message}" for r in self._run(command, colour) if r.status.value not in fine]
        assert not broken, broken[0]

    def rejection(self, command: Sequence[str], colour: str, registration: str) -> str:
        """Error message of a dbt command that runs with the given registration and is rejected."""
        with self._environment():
            os.environ["LADDER_BUILD"] = registration
            result = self._call(command, colour, [], self.manifests[colour].deepcopy(), [])
        assert not result.success
        return str(result.exception) if result.exception else " ".join(str(r.message) for r in result.result.results)

    def load(self, *pages: Page, source: Source = SOURCE) -> LoadReport:
        """Land and load pages of a source."""
        lake = Lake(self.database.settings.lake_path)
        for page in pages:
            lake.land(source, page.endpoint, [page])
        return load_pending(self.database.url("ingest"), lake, source)

    def page(self, endpoint: str, body: Any, **params: Any) -> Page:
        """A page of an endpoint, observed one minute after the previous page."""
        self._landed += 1
        observed_at = START + timedelta(minutes=self._landed)
        return Page(endpoint, f"/{endpoint}", params, 200, observed_at, msgspec.json.encode(body))

    def history(self, account_id: int, *matches: Mapping[str, Any]) -> Page:
        """A page of a player's match history."""
        return self.page("player_matches", list(matches), account_id=account_id)

    def details(self, match: Mapping[str, Any]) -> Page:
        """A page with the details of a match."""
        return self.page("match", match, match_id=match["match_id"])

    def deletion(self, endpoint: str, table: str, *keys: Mapping[str, Any]) -> Page:
        """A deletion: the observation that these rows no longer exist at the source."""
        return replace(self.page(endpoint, {"table": table, "keys": list(keys)}), kind="deletion")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query, times in UTC."""
        with psycopg.connect(self.database.admin_url, options="-c timezone=UTC") as connection:
            return connection.execute(query, values or None).fetchall()

    def execute(self, statement: str, *values: Any) -> None:
        """Execute a statement as the administrator."""
        with psycopg.connect(self.database.admin_url) as connection:
            connection.execute(statement, values or None)

    @property
    def landed(self) -> int:
        """Number of pages made so far, which is the offset of the next page from `START` in minutes."""
        return self._landed

    def save(self) -> None:
        """Save a copy of the database for `restore`."""
        self._copy(self._name, self._saved_name)

    def restore(self) -> None:
        """Restore the saved copy of the database, and delete the lake."""
        self._copy(self._saved_name, self._name)
        shutil.rmtree(self.database.settings.lake_path, ignore_errors=True)

    def drop_saved(self) -> None:
        """Drop the saved copy."""
        with self._server() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(self._saved_name)))

    @property
    def _name(self) -> str:
        return str(conninfo_to_dict(self.database.admin_url)["dbname"])

    @property
    def _saved_name(self) -> str:
        return f"{self._name}_kept"

    def _server(self) -> psycopg.Connection:
        return psycopg.connect(make_conninfo(self.database.admin_url, dbname="postgres"), autocommit=True)

    def _copy(self, origin: str, copy: str) -> None:
        """Replace a database by a copy of another. FILE_COPY is fastest: the database is small and needs no fsync."""
        names = {"origin": sql.Identifier(origin), "copy": sql.Identifier(copy)}
        with self._server() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {copy} WITH (FORCE)").format(**names))
            connection.execute(sql.SQL("CREATE DATABASE {copy} TEMPLATE {origin} STRATEGY FILE_COPY").format(**names))

    def _run(self, command: Sequence[str], colour: str, *callbacks: Callable[[Any], None]) -> list[Any]:
        result = self._invoke(command, colour, [], self.manifests[colour].deepcopy(), callbacks)
        assert result.exception is None, result.exception
        # Without the on-run-start hook.
        return [found for found in result.result.results if str(found.node.resource_type) != "operation"]

    def _invoke(
        self,
        command: Sequence[str],
        colour: str,
        options: Sequence[str],
        manifest: Any = None,
        callbacks: Sequence[Callable[[Any], None]] = (),
    ) -> Any:
        with self._environment(), self._registered(colour):
            return self._call(command, colour, options, manifest, callbacks)

    def _call(
        self,
        command: Sequence[str],
        colour: str,
        options: Sequence[str],
        manifest: Any,
        callbacks: Sequence[Callable[[Any], None]],
    ) -> Any:
        home = self.database.settings.home
        place = ["--project-dir", str(_FOLDER), "--profiles-dir", str(_FOLDER), "--target", colour]
        place += ["--target-path", str(home / "dbt" / colour)]
        quiet = ["--log-level", "none", "--log-level-file", "none", "--log-path", str(home / "dbt"), "--no-write-json"]
        return dbtRunner(manifest=manifest, callbacks=list(callbacks)).invoke([*quiet, *options, *command, *place])

    @contextmanager
    def _registered(self, colour: str) -> Iterator[None]:
        with build_session(self.database.url("transform")) as lock, registered_build(lock, colour) as registration:
            os.environ["LADDER_BUILD"] = registration
            yield

    @contextmanager
    def _environment(self) -> Iterator[None]:
        before = dict(os.environ)
        os.environ.update(libpq_environment(self.database.url("transform")))
        # Names are compared too; a unit test covers that they are hidden by default.
        os.environ["LADDER_SHOW_PEOPLE"] = "all"
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def match_row(match_id: int, slot: int = 0, **values: Any) -> dict[str, Any]:
    """A row of a player's history: by default a significant win of Radiant with hero 1; the match id sets the day."""
    row = {
        "match_id": match_id,
        "player_slot": slot,
        "radiant_win": True,
        "start_time": int((START + timedelta(days=match_id % 60)).timestamp()),
        "duration": 1800,
        "game_mode": 22,
        "lobby_type": 7,
        "hero_id": 1,
        "kills": 5,
        "deaths": 3,
        "assists": 7,
        "average_rank": 53,
    }
    return row | values


def match_details(match_id: int, accounts: Mapping[int, int | None], **values: Any) -> dict[str, Any]:
    """Details of a match with accounts by slot (None for anonymous players); other values as in `match_row`."""
    row = match_row(match_id)
    match = {
        name: row[name] for name in ("match_id", "radiant_win", "start_time", "duration", "game_mode", "lobby_type")
    }
    players = [
        {"player_slot": slot, "account_id": account, "hero_id": 2 + slot % 50, "kills": 1, "deaths": 1, "assists": 1}
        | {"gold_per_min": 400, "xp_per_min": 500, "last_hits": 100, "hero_damage": 9000}
        for slot, account in accounts.items()
    ]
    return match | {"players": players} | values
