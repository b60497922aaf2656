"""Builds of the project without dbt: what it executed once is executed again, in states that it never saw.

dbt asks the database a few questions about a model (how far it has read its facts, whether its reference data
changed), writes SQL by the answers, and executes that in one transaction. Here the same questions are asked, and what
dbt executed after such answers is replayed, with the positions that hold now in place of those that held then.
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
from tests import kept
from tests.dbt.project import Project
from warehouse.publication.feed import trim_feeds

__all__ = ["Builds", "Interruption"]

_INCREMENTAL = ["--select", "config.materialized:incremental"]
_ROLE = "ladder_marts_owner"
_COMMIT = "COMMIT"

_DBT_COMMENT = re.compile(r"\A\s*/\*.*?\*/\s*", re.DOTALL)
#: Questions on which it hangs what dbt executes, and what they are about.
_QUESTIONS = {
    "position": re.compile(r"select read_up_to from \S+watermarks\W.* and relation = '(\w+)' and epoch = ", re.DOTALL),
    "batches": re.compile(r"select relation, read_up_to from \S+watermarks\W.* like '(\w+)%'\Z", re.DOTALL),
    "reference": re.compile(r"select count\(\*\) from \S+model_references\W.* model = '(\w+)'", re.DOTALL),
    "date": re.compile(r"select \(select coalesce\(.*\) is distinct from \(.* model = '(\w+)'", re.DOTALL),
}
#: What dbt looks up for itself, and what changes no row: descriptions, the check of a contract, the need of statistics.
_PASSED_OVER = re.compile(
    r"select\s+column_name,.*information_schema|select \* from \(.*where false\s+limit 0\Z|comment on |"
    r"select 1 from prep\.\w+__feed_\w+ where _change_id = .* limit 1\Z|select 1 from \w+__refill limit 1\Z|"
    r"select pg_stat_get_xact_",
    re.DOTALL | re.IGNORECASE,
)
_READING_FEED = re.compile(r"(?<= from )prep\.(\w+)__feed_(?:blue|green) where _change_id > (\d+)")
_READING_BATCHES = re.compile(r"(?<=where batch_id > )(case staging_table(?: when '[^']+' then \d+)+ else -1 end|-1\b)")
_LITERAL = re.compile(r"(_change_id|\bbatch_id) > -?(\d|case)")


@dataclass(frozen=True)
class Interruption:
    """A build is killed: of some models nothing is left, nor of any that hangs on them; the others are committed.

    Attributes:
        models: names.
        statements: how many statements of each were executed before.
    """

    models: Collection[str]
    statements: int


@dataclass(frozen=True)
class _Model:
    """What dbt executed for a model.

    Attributes:
        name: of the model.
        questions: what it asked: queries, by what kind of question they are and what they are about.
        statements: what it wrote, transactions ending with `COMMIT`; positions are replaced by `_placeholder`.
    """

    name: str
    questions: Mapping[tuple[str, str], str]
    statements: Sequence[str]


@dataclass(frozen=True)
class _Recorded:
    """Models by their unique ids: as they read changes, as they are computed whole, as they are built from nothing, and
    as they are rebuilt beside."""

    recordings: Sequence[dict[str, _Model]]

    @classmethod
    def read(cls, place: Path) -> _Recorded:
        """What `write` left in a folder."""
        found: _Recorded = pickle.loads((place / "recorded").read_bytes())
        return found

    def write(self, place: Path) -> None:
        """Leave it in a folder."""
        (place / "recorded").write_bytes(pickle.dumps(self))


class Builds:
    """Builds of blue, and rebuilds to compare with, as dbt executed them.

    Args:
        project: built in blue, and kept so; it is built some more and restored.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        project.parse("scratch")
        if project.state:
            place = kept.kept("recordings", project.state, lambda fresh: self._record_all().write(fresh))
            recorded = _Recorded.read(place)
        else:
            recorded = self._record_all()
        self._changing, self._whole, self._anew, self._scratch = recorded.recordings
        nodes = project.manifests["blue"].nodes
        project.restore()
        project.execute(f"CREATE SCHEMA IF NOT EXISTS marts_scratch AUTHORIZATION {_ROLE}")
        project.keep()
        order = TopologicalSorter({id_: node.depends_on_nodes for id_, node in nodes.items()}).static_order()
        #: Names of models, each after what it reads.
        self.models = [nodes[id_].name for id_ in order if id_ in self._changing]
        self.with_feed = [self._anew[id_].name for id_ in self._anew]
        self._ids = {nodes[id_].name: id_ for id_ in self._changing}
        self._parents = {id_: set(node.depends_on_nodes) for id_, node in nodes.items()}
        self._tables = self._compared_tables()
        self._graph = Graph.from_manifest(project.manifests["blue"])
        for id_, model in self._changing.items():
            _assert_understood(nodes[id_], model, self._whole[id_])

    def build(self, interruption: Interruption | None = None) -> None:
        """Build every stale model, as `ladder` does, or until the interruption."""
        lost: set[str] = set()
        with self._connect() as connection:
            staleness = self._begin(connection)
            for name in self.models:
                id_ = self._ids[name]
                if lost & self._ancestors(id_) or not (staleness is None or staleness.is_stale(id_)):
                    continue
                statements = self._statements(connection, id_)
                if interruption and name in interruption.models:
                    lost.add(id_)
                    _execute_and_lose(connection, statements[: interruption.statements])
                    continue
                rows_written = _execute(connection, statements, self._tables[name][0])
                if staleness is not None:
                    staleness.record(id_, rows_written)
            if not lost:
                self._end(connection)

    def build_anew(self, name: str) -> None:
        """Build what a model hangs on, and itself from nothing, as with `--full-refresh`."""
        id_ = self._ids[name]
        ancestors = self._ancestors(id_)
        with self._connect() as connection:
            self._begin(connection)
            for model in self.models:
                if self._ids[model] in ancestors:
                    _execute(connection, self._statements(connection, self._ids[model]))
            _execute(connection, self._anew[id_].statements)

    def publish(self) -> None:
        """Forget the old images of staging rows, as after a whole build: both colours are said to have read them."""
        self._project.execute(
            "INSERT INTO ops.build_state (colour, head_batch_id, inputs_digest, models_digest, built_at) "
            "SELECT colour, (SELECT max(batch_id) FROM ops.batches), '', '', now() "
            "FROM unnest(ARRAY['blue', 'green']) AS colour "
            "ON CONFLICT (colour) DO UPDATE SET head_batch_id = excluded.head_batch_id"
        )
        with psycopg.connect(self._project.database.url("transform"), autocommit=True) as connection:
            trim_feeds(connection)

    def differences(self) -> dict[str, list[tuple[Any, ...]]]:
        """Rows that blue has beside a rebuild, or lacks, by table; nothing where all is the same."""
        found: dict[str, list[tuple[Any, ...]]] = {}
        with self._connect() as connection:
            for name in self.models:
                for statement in self._scratch[self._ids[name]].statements:
                    if statement != _COMMIT:
                        connection.execute(statement)
            for name, (built, rebuilt) in self._tables.items():
                rows = connection.execute(
                    f"SELECT 'only built on', t.* FROM (TABLE {built} EXCEPT ALL TABLE {rebuilt}) AS t UNION ALL "
                    f"SELECT 'only rebuilt', t.* FROM (TABLE {rebuilt} EXCEPT ALL TABLE {built}) AS t "
                    "ORDER BY 2, 3 LIMIT 8"
                ).fetchall()
                if rows:
                    found[name] = rows
            connection.rollback()
        return found

    def written(self) -> list[tuple[Any, ...]]:
        """Where each row of each table, of feeds and of the books of builds stands, and which transaction wrote it."""
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
        """What decides which models are built: none where the last build was not finished, nor in the kept state.

        What a build has read is noted in its comment on a schema, which is restored with everything else.
        """
        (noted,) = connection.execute("SELECT obj_description('prep'::regnamespace)").fetchone() or (None,)
        self._note(connection, None)
        if noted is None:
            return None
        since, tracked = noted.split("|", 1)
        changed = changed_sources(
            connection,
            self._graph.sources,
            since_batch_id=int(since),
            with_inputs=tracked != self._inputs(connection),
        )
        return Staleness(self._graph, changed)

    def _end(self, connection: psycopg.Connection) -> None:
        (head,) = connection.execute("SELECT coalesce(max(batch_id), 0) FROM ops.batches").fetchone() or (0,)
        self._note(connection, f"{head}|{self._inputs(connection)}")

    def _inputs(self, connection: psycopg.Connection) -> str:
        """What is tracked, and the date that was set."""
        query = "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM ops.tracked AS t WHERE removed_at IS NULL"
        dates = "SELECT as_of_date::text FROM ops.build_inputs WHERE colour = 'blue'"
        return f"{connection.execute(query).fetchall()}{connection.execute(dates).fetchall()}"

    def _note(self, connection: psycopg.Connection, note: str | None) -> None:
        text = "NULL" if note is None else "'" + note.replace("'", "''") + "'"
        connection.execute(f"COMMENT ON SCHEMA prep IS {text}".encode())
        connection.commit()

    def _record_all(self) -> _Recorded:
        """Have dbt execute what is replayed later."""
        project = self._project
        project.restore()
        changing = self._record("run", *_INCREMENTAL)
        # No position belongs to what stands, no reference data is known: all is computed whole.
        project.execute("UPDATE ops.watermarks SET epoch = -1 WHERE epoch <> 0; DELETE FROM ops.model_references")
        whole = self._record("run", *_INCREMENTAL)
        anew = self._record("run", "--full-refresh", "--select", *_with_feed(project.manifests["blue"].nodes))
        scratch = self._record("run", *_INCREMENTAL, colour="scratch")
        return _Recorded((changing, whole, anew, scratch))

    def _record(self, *command: str, colour: str = "blue") -> dict[str, _Model]:
        """Models by their unique ids, in the order of their execution."""
        executed: dict[str, list[str]] = {}
        for id_, statement in self._project.statements(command, colour):
            executed.setdefault(id_, []).append(_DBT_COMMENT.sub("", statement).strip())
        nodes = self._project.manifests[colour].nodes
        return {id_: _read(nodes[id_].name, statements) for id_, statements in executed.items()}

    def _statements(self, connection: psycopg.Connection, id_: str) -> list[str]:
        """What dbt would execute for a model now."""
        asked = self._changing[id_]
        answers = {about: connection.execute(query).fetchall() for about, query in asked.questions.items()}
        if not all(_lets_read_changes(kind, rows) for (kind, _), rows in answers.items()):
            return list(self._whole[id_].statements)
        return [_filled(statement, answers) for statement in asked.statements]

    def _ancestors(self, id_: str) -> set[str]:
        found: set[str] = set()
        waiting = [id_]
        while waiting:
            parents = self._parents.get(waiting.pop(), set()) - found
            found |= parents
            waiting += parents
        return found

    def _compared_tables(self) -> dict[str, tuple[str, str]]:
        """By model its tables in blue and as rebuilt."""
        tables = {}
        for name, id_ in self._ids.items():
            blue, scratch = (self._project.manifests[colour].nodes[id_] for colour in ("blue", "scratch"))
            tables[name] = (f"{blue.schema}.{blue.alias}", f"{scratch.schema}.{scratch.alias}")
        return tables

    @contextmanager
    def _connect(self) -> Iterator[psycopg.Connection]:
        """A connection as dbt makes one."""
        with psycopg.connect(self._project.database.url("transform")) as connection:
            connection.execute(f"SET ROLE {_ROLE}")
            connection.commit()
            yield connection


def _with_feed(nodes: Mapping[str, Any]) -> list[str]:
    return [node.name for node in nodes.values() if node.config.meta.get("has_feed")]


def _execute(connection: psycopg.Connection, statements: Sequence[str], table: str | None = None) -> int:
    """Rows of a table that were written."""
    written = 0
    for statement in statements:
        if statement == _COMMIT:
            written += _rows_written(connection, table) if table else 0
            connection.commit()
        else:
            connection.execute(statement)
    return written


def _rows_written(connection: psycopg.Connection, table: str) -> int:
    """Rows written into a table by the open transaction, as the macro `report_rows_written` counts them."""
    (written,) = connection.execute(
        "SELECT pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid) "
        "+ pg_stat_get_xact_tuples_deleted(oid) FROM (SELECT %s::regclass AS oid) AS built",
        [table],
    ).fetchone() or (0,)
    return int(written)


def _execute_and_lose(connection: psycopg.Connection, statements: Sequence[str]) -> None:
    """Execute statements of a transaction that is never committed."""
    for statement in itertools.takewhile(lambda statement: statement != _COMMIT, statements):
        connection.execute(statement)
    connection.rollback()


def _read(name: str, executed: Sequence[str]) -> _Model:
    """Tell questions from statements, and note where positions stand in these."""
    questions: dict[tuple[str, str], str] = {}
    statements: list[str] = []
    for text in executed:
        asked = [(kind, found) for kind, pattern in _QUESTIONS.items() if (found := pattern.match(text))]
        if asked:
            ((kind, found),) = asked
            questions[kind, found[1]] = text
        elif not _PASSED_OVER.match(text):
            assert not text.startswith("select") or "set_config(" in text, f"{name} asks what is not understood: {text}"
            marked = _READING_FEED.sub(lambda found: found[0][: -len(found[2])] + _placeholder(found[1]), text)
            statements.append(_READING_BATCHES.sub(_placeholder("staging_"), marked))
    assert statements[-1] == _COMMIT or _COMMIT in statements, f"{name} is not committed"
    return _Model(name, questions, statements)


def _placeholder(about: str) -> str:
    return f"<position in {about}>"


def _filled(statement: str, answers: Mapping[tuple[str, str], Sequence[Any]]) -> str:
    for (kind, about), rows in answers.items():
        if kind == "position":
            statement = statement.replace(_placeholder(about), str(rows[0][0]))
        elif kind == "batches":
            cases = " ".join(f"when '{table}' then {batch_id}" for table, batch_id in rows)
            statement = statement.replace(
                _placeholder(about), f"case staging_table {cases} else -1 end" if rows else "-1"
            )
    return statement


def _lets_read_changes(kind: str, rows: Sequence[Any]) -> bool:
    """Whether an answer lets a model read only what changed, as the macro `reads_deltas` has it."""
    match kind:
        case "position":
            return bool(rows)
        case "reference":
            return bool(rows[0][0] > 0)
        case "date":
            return not rows[0][0]
        case _:
            return True


def _assert_understood(node: Any, changing: _Model, whole: _Model) -> None:
    """What was recorded reads changes where the model's config says so, and every position in it was found."""
    meta = node.config.meta
    text, whole_text = "\n".join(changing.statements), "\n".join(whole.statements)
    facts = {about for kind, about in changing.questions if kind == "position"}
    kinds = {kind for kind, _ in changing.questions}
    assert facts == set(meta.get("facts", [])), node.name
    for fact in facts:
        assert _placeholder(fact) in text, f"{node.name} does not read the changes of {fact}"
    assert ("reference" in kinds) == ("reference" in meta), node.name
    assert ("date" in kinds) == bool(meta.get("hangs_on_date")), node.name
    assert text.count(_placeholder("staging_")) == ("changes" in meta), node.name
    assert ("batches" in kinds) == ("changes" in meta), node.name
    assert not _LITERAL.search(text), f"{node.name} has a position that was not found"
    # A model that reads staging alone is never computed whole while it stands.
    if kinds - {"batches"}:
        assert "<position in" not in whole_text, f"{node.name} reads changes where it should be computed whole"
        assert not _LITERAL.search(whole_text), node.name
    for each in (changing, whole):
        _assert_written_at_once(each)


def _assert_written_at_once(model: _Model) -> None:
    """All that a model writes, data and positions, is committed together: what is killed before is lost whole."""
    after = model.statements[model.statements.index(_COMMIT) + 1 :]
    assert all(statement == _COMMIT or statement.startswith("drop table if exists") for statement in after), after
