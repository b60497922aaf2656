"""Incremental builds without dbt: SQL that dbt executed once is replayed on other data.

For each model dbt runs a few probe queries (how far the model has read its facts, whether its reference data changed),
generates SQL from the results and executes it in one transaction. `ReplayedBuilds` runs the same probes and replays the
SQL that dbt generated for such results, with the current watermarks in place of the recorded ones. A build takes
milliseconds instead of seconds, so that hundreds of random event sequences can be tested.
"""

from __future__ import annotations

import itertools
import pickle
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import psycopg

from orchestration.dbt.graph import Graph
from orchestration.dbt.staleness import Staleness
from orchestration.pipeline.changes import changed_sources
from tests import build_cache
from tests.dbt.project import Project
from warehouse.publication.feed import trim_feeds

__all__ = ["Interruption", "ReplayedBuilds"]

_INCREMENTAL = ["--select", "config.materialized:incremental"]
_ROLE = "ladder_marts_owner"
_COMMIT = "COMMIT"
#: Prefix of the comment on the schema `prep` that holds the state of the last build.
_STATE = "built: "

_DBT_COMMENT = re.compile(r"\A\s*/\*.*?\*/\s*", re.DOTALL)
#: Probe queries whose results decide which SQL dbt generates; the group captures what the probe is about.
_PROBES = {
    "position": re.compile(r"select read_up_to from \S+watermarks\W.* and relation = '(\w+)' and epoch = ", re.DOTALL),
    "batches": re.compile(r"select relation, read_up_to from \S+watermarks\W.* like '(\w+)%'\Z", re.DOTALL),
    "reference": re.compile(r"select count\(\*\) from \S+model_references\W.* model = '(\w+)'", re.DOTALL),
    "date": re.compile(r"select \(select coalesce\(.*\) is distinct from \(.* model = '(\w+)'", re.DOTALL),
}
#: Statements that change no row: comments, the check of the contract, the check whether to run ANALYZE.
_IGNORED = re.compile(
    r"select\s+column_name,.*information_schema|select \* from \(.*where false\s+limit 0\Z|comment on |"
    r"select 1 from prep\.\w+__feed_\w+ where _change_id = .* limit 1\Z|select 1 from \w+__recompute limit 1\Z|"
    r"select pg_stat_get_xact_",
    re.DOTALL | re.IGNORECASE,
)
_READING_FEED = re.compile(r"(?<= from )prep\.(\w+)__feed_(?:blue|green) where _change_id > (\d+)")
_READING_BATCHES = re.compile(r"(?<=where batch_id > )(case staging_table(?: when '[^']+' then \d+)+ else -1 end|-1\b)")
_LITERAL = re.compile(r"(_change_id|\bbatch_id) > -?(\d|case)")


@dataclass(frozen=True)
class Interruption:
    """A build is killed: some models are rolled back, their descendants are not built, all others are committed.

    Attributes:
        models: names of the models that are rolled back.
        statements: number of statements of each that run before the rollback.
    """

    models: Collection[str]
    statements: int


@dataclass(frozen=True)
class _Model:
    """The statements that dbt executed for a model.

    Attributes:
        name: name of the model.
        probes: probe queries by kind and subject, for example `("position", "fct_player_matches")`.
        statements: writing statements, each transaction ending with `COMMIT`; watermarks are placeholders.
    """

    name: str
    probes: Mapping[tuple[str, str], str]
    statements: Sequence[str]


@dataclass(frozen=True)
class _Recorded:
    """Recordings by dbt's unique id, in this order: incremental builds that read changes, incremental builds that
    recompute the whole table, full refreshes, and builds of the target `scratch`."""

    recordings: Sequence[dict[str, _Model]]

    @classmethod
    def read(cls, place: Path) -> _Recorded:
        """Read the recordings from a folder."""
        found: _Recorded = pickle.loads((place / "recorded").read_bytes())
        return found

    def write(self, place: Path) -> None:
        """Write the recordings to a folder."""
        (place / "recorded").write_bytes(pickle.dumps(self))


class ReplayedBuilds:
    """Replays builds of the colour blue, and full rebuilds to compare with.

    Args:
        project: a project that is built in blue and saved; recording changes it, then restores it.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        project.parse("scratch")
        if project.state:
            place = build_cache.cached_folder(
                "recordings", project.state, lambda fresh: self._record_all().write(fresh)
            )
            recorded = _Recorded.read(place)
        else:
            recorded = self._record_all()
        self._incremental, self._recomputed, self._full_refresh, self._scratch = recorded.recordings
        nodes = project.manifests["blue"].nodes
        project.restore()
        project.execute(f"CREATE SCHEMA IF NOT EXISTS marts_scratch AUTHORIZATION {_ROLE}")
        project.save()
        order = TopologicalSorter({id_: node.depends_on_nodes for id_, node in nodes.items()}).static_order()
        #: Names of models in build order.
        self.models = [nodes[id_].name for id_ in order if id_ in self._incremental]
        self.with_feed = [self._full_refresh[id_].name for id_ in self._full_refresh]
        self._ids = {nodes[id_].name: id_ for id_ in self._incremental}
        self._parents = {id_: set(node.depends_on_nodes) for id_, node in nodes.items()}
        self._tables = self._compared_tables()
        self._graph = Graph.from_manifest(project.manifests["blue"])
        for id_, model in self._incremental.items():
            _assert_recorded_fully(nodes[id_], model, self._recomputed[id_])

    def build(self, interruption: Interruption | None = None) -> None:
        """Build stale models, as `ladder` does, except those that the interruption rolls back and their descendants."""
        failed: set[str] = set()
        with self._connect() as connection:
            staleness = self._begin(connection)
            for name in self.models:
                id_ = self._ids[name]
                is_reused = staleness is not None and not staleness.is_stale(id_)
                if is_reused or failed & self._ancestors(id_):
                    continue
                statements = self._statements(connection, id_)
                if interruption and name in interruption.models:
                    failed.add(id_)
                    _execute_and_roll_back(connection, statements[: interruption.statements])
                    continue
                rows_written = _execute(connection, statements, self._tables[name][0])
                if staleness is not None:
                    staleness.record(id_, rows_written)
            if not failed:
                self._end(connection)

    def full_refresh(self, name: str) -> None:
        """Build the ancestors of a model incrementally, and the model itself as with `--full-refresh`."""
        id_ = self._ids[name]
        ancestors = self._ancestors(id_)
        with self._connect() as connection:
            self._begin(connection)
            for model in self.models:
                if self._ids[model] in ancestors:
                    _execute(connection, self._statements(connection, self._ids[model]))
            _execute(connection, self._full_refresh[id_].statements)

    def publish(self) -> None:
        """Trim the change feeds of staging tables as a publication does, as if both colours had read them."""
        self._project.execute(
            "INSERT INTO ops.build_state (colour, head_batch_id, inputs_digest, models_digest, built_at) "
            "SELECT colour, (SELECT max(batch_id) FROM ops.batches), '', '', now() "
            "FROM unnest(ARRAY['blue', 'green']) AS colour "
            "ON CONFLICT (colour) DO UPDATE SET head_batch_id = excluded.head_batch_id"
        )
        with psycopg.connect(self._project.database.url("transform"), autocommit=True) as connection:
            trim_feeds(connection)

    def differences(self) -> dict[str, list[tuple[Any, ...]]]:
        """Rows that differ between blue and a rebuild, by model; empty if all tables are equal."""
        found: dict[str, list[tuple[Any, ...]]] = {}
        with self._connect() as connection:
            for name in self.models:
                for statement in self._scratch[self._ids[name]].statements:
                    if statement != _COMMIT:
                        connection.execute(statement)
            for name, (built, rebuilt) in self._tables.items():
                rows = connection.execute(
                    f"SELECT 'only in the incremental build', t.* FROM (TABLE {built} EXCEPT ALL TABLE {rebuilt}) AS t "
                    f"UNION ALL SELECT 'only in the rebuild', t.* FROM (TABLE {rebuilt} EXCEPT ALL TABLE {built}) AS t "
                    "ORDER BY 2, 3 LIMIT 8"
                ).fetchall()
                if rows:
                    found[name] = rows
            connection.rollback()
        return found

    def row_versions(self) -> list[tuple[Any, ...]]:
        """Row count and a digest of `ctid` and `xmin` of each table, feed and watermark table: any write changes it."""
        tables = [built for built, _ in self._tables.values()]
        tables += [f"prep.{name}__feed_blue" for name in self.with_feed]
        tables += ["ops.watermarks", "ops.model_references"]
        return self._project.rows(
            " UNION ALL ".join(
                f"SELECT '{table}', count(*), md5(string_agg(t.ctid || ' ' || t.xmin, ',' ORDER BY t.ctid)) "
                f"FROM {table} AS t"
                for table in tables
            )
        )

    def _begin(self, connection: psycopg.Connection) -> Staleness | None:
        """Staleness since the last complete build; None after an interruption, and in the saved state.

        The state of a build is a comment on a schema, which is restored together with the database.
        """
        (state,) = connection.execute("SELECT obj_description('prep'::regnamespace)").fetchone() or (None,)
        self._set_state(connection, None)
        if state is None or not state.startswith(_STATE):
            return None
        since, inputs = state.removeprefix(_STATE).split("|", 1)
        changed = changed_sources(
            connection,
            self._graph.sources,
            since_batch_id=int(since),
            with_inputs=inputs != self._inputs(connection),
        )
        return Staleness(self._graph, changed)

    def _end(self, connection: psycopg.Connection) -> None:
        (head,) = connection.execute("SELECT coalesce(max(batch_id), 0) FROM ops.batches").fetchone() or (0,)
        self._set_state(connection, f"{_STATE}{head}|{self._inputs(connection)}")

    def _inputs(self, connection: psycopg.Connection) -> str:
        """The tracked entities, and the configured anchor date."""
        query = "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM ops.tracked AS t WHERE removed_at IS NULL"
        dates = "SELECT as_of_date::text FROM ops.build_inputs WHERE colour = 'blue'"
        return f"{connection.execute(query).fetchall()}{connection.execute(dates).fetchall()}"

    def _set_state(self, connection: psycopg.Connection, state: str | None) -> None:
        text = "NULL" if state is None else "'" + state.replace("'", "''") + "'"
        connection.execute(f"COMMENT ON SCHEMA prep IS {text}".encode())
        connection.commit()

    def _record_all(self) -> _Recorded:
        """Let dbt execute each kind of build once, and record the statements."""
        project = self._project
        project.restore()
        incremental = self._record("run", *_INCREMENTAL)
        # Without valid watermarks and fingerprints every model is recomputed.
        project.execute("UPDATE ops.watermarks SET epoch = -1 WHERE epoch <> 0; DELETE FROM ops.model_references")
        recomputed = self._record("run", *_INCREMENTAL)
        full_refresh = self._record("run", "--full-refresh", "--select", *_with_feed(project.manifests["blue"].nodes))
        scratch = self._record("run", *_INCREMENTAL, colour="scratch")
        return _Recorded((incremental, recomputed, full_refresh, scratch))

    def _record(self, *command: str, colour: str = "blue") -> dict[str, _Model]:
        """Run a dbt command; recordings by unique id, in order of execution."""
        executed: dict[str, list[str]] = {}
        for id_, statement in self._project.statements(command, colour):
            executed.setdefault(id_, []).append(_DBT_COMMENT.sub("", statement).strip())
        nodes = self._project.manifests[colour].nodes
        return {id_: _read(nodes[id_].name, statements) for id_, statements in executed.items()}

    def _statements(self, connection: psycopg.Connection, id_: str) -> list[str]:
        """The statements that dbt would execute for a model in the current state."""
        recorded = self._incremental[id_]
        results = {about: connection.execute(query).fetchall() for about, query in recorded.probes.items()}
        if not all(_allows_deltas(kind, rows) for (kind, _), rows in results.items()):
            return list(self._recomputed[id_].statements)
        return [_with_positions(statement, results) for statement in recorded.statements]

    def _ancestors(self, id_: str) -> set[str]:
        found: set[str] = set()
        waiting = [id_]
        while waiting:
            parents = self._parents.get(waiting.pop(), set()) - found
            found |= parents
            waiting += parents
        return found

    def _compared_tables(self) -> dict[str, tuple[str, str]]:
        """Tables of each model: in blue and in `scratch`."""
        tables = {}
        for name, id_ in self._ids.items():
            blue, scratch = (self._project.manifests[colour].nodes[id_] for colour in ("blue", "scratch"))
            tables[name] = (f"{blue.schema}.{blue.alias}", f"{scratch.schema}.{scratch.alias}")
        return tables

    @contextmanager
    def _connect(self) -> Iterator[psycopg.Connection]:
        """A connection with the login and role that dbt uses."""
        with psycopg.connect(self._project.database.url("transform")) as connection:
            connection.execute(f"SET ROLE {_ROLE}")
            connection.commit()
            yield connection


def _with_feed(nodes: Mapping[str, Any]) -> list[str]:
    return [node.name for node in nodes.values() if node.config.meta.get("has_feed")]


def _execute(connection: psycopg.Connection, statements: Sequence[str], table: str | None = None) -> int:
    """Execute statements, and count the rows that they write into a table."""
    written = 0
    for statement in statements:
        if statement == _COMMIT:
            written += _rows_written(connection, table) if table else 0
            connection.commit()
        else:
            connection.execute(statement)
    return written


def _rows_written(connection: psycopg.Connection, table: str) -> int:
    """Rows that the open transaction has written into a table, counted as in the macro `report_rows_written`."""
    (written,) = connection.execute(
        "SELECT pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid) "
        "+ pg_stat_get_xact_tuples_deleted(oid) FROM (SELECT %s::regclass AS oid) AS built",
        [table],
    ).fetchone() or (0,)
    return int(written)


def _execute_and_roll_back(connection: psycopg.Connection, statements: Sequence[str]) -> None:
    """Execute the statements of the first transaction, then roll back."""
    for statement in itertools.takewhile(lambda statement: statement != _COMMIT, statements):
        connection.execute(statement)
    connection.rollback()


def _read(name: str, executed: Sequence[str]) -> _Model:
    """Separate probes from statements, and replace watermarks in the statements by placeholders."""
    probes: dict[tuple[str, str], str] = {}
    statements: list[str] = []
    for text in executed:
        probing = [(kind, found) for kind, pattern in _PROBES.items() if (found := pattern.match(text))]
        if probing:
            ((kind, found),) = probing
            probes[kind, found[1]] = text
        elif not _IGNORED.match(text):
            assert not text.startswith("select") or "set_config(" in text, f"{name} runs an unknown query: {text}"
            marked = _READING_FEED.sub(lambda found: found[0][: -len(found[2])] + _placeholder(found[1]), text)
            statements.append(_READING_BATCHES.sub(_placeholder("staging_"), marked))
    assert statements[-1] == _COMMIT or _COMMIT in statements, f"{name} is not committed"
    return _Model(name, probes, statements)


def _placeholder(about: str) -> str:
    return f"<position in {about}>"


def _with_positions(statement: str, results: Mapping[tuple[str, str], Sequence[Any]]) -> str:
    for (kind, about), rows in results.items():
        if kind == "position":
            statement = statement.replace(_placeholder(about), str(rows[0][0]))
        elif kind == "batches":
            cases = " ".join(f"when '{table}' then {batch_id}" for table, batch_id in rows)
            statement = statement.replace(
                _placeholder(about), f"case staging_table {cases} else -1 end" if rows else "-1"
            )
    return statement


def _allows_deltas(kind: str, rows: Sequence[Any]) -> bool:
    """Whether the result of a probe allows the model to read changes only, as the macro `reads_deltas` decides."""
    match kind:
        case "position":
            return bool(rows)
        case "reference":
            return bool(rows[0][0] > 0)
        case "date":
            return not rows[0][0]
        case _:
            return True


def _assert_recorded_fully(node: Any, incremental: _Model, recomputed: _Model) -> None:
    """Check that a recording reads the changes that the model's config names, and contains no literal watermark."""
    meta = node.config.meta
    text, recomputed_text = "\n".join(incremental.statements), "\n".join(recomputed.statements)
    facts = {about for kind, about in incremental.probes if kind == "position"}
    kinds = {kind for kind, _ in incremental.probes}
    assert facts == set(meta.get("facts", [])), node.name
    for fact in facts:
        assert _placeholder(fact) in text, f"{node.name} does not read the changes of {fact}"
    assert ("reference" in kinds) == ("reference" in meta), node.name
    assert ("date" in kinds) == bool(meta.get("depends_on_as_of_date")), node.name
    assert text.count(_placeholder("staging_")) == ("changes" in meta), node.name
    assert ("batches" in kinds) == ("changes" in meta), node.name
    assert not _LITERAL.search(text), f"{node.name} contains a watermark that was not replaced"
    # A model that reads staging alone is recomputed only by a full refresh.
    if kinds - {"batches"}:
        assert "<position in" not in recomputed_text, f"{node.name} reads changes where it should recompute"
        assert not _LITERAL.search(recomputed_text), node.name
    for each in (incremental, recomputed):
        _assert_one_transaction(each)


def _assert_one_transaction(model: _Model) -> None:
    """Check that data and watermarks of a model are committed in one transaction."""
    after = model.statements[model.statements.index(_COMMIT) + 1 :]
    assert all(statement == _COMMIT or statement.startswith("drop table if exists") for statement in after), after
