"""Definitions of staging tables, from which decoding, DDL, COPY and merge are derived."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from psycopg import sql

__all__ = [
    "MAX_KEY_BYTES",
    "METADATA_COLUMNS",
    "Column",
    "ColumnType",
    "DocumentField",
    "DocumentFieldType",
    "Privacy",
    "Table",
    "TimestampFormat",
    "document_fields",
]

ColumnType = Literal["bigint", "integer", "boolean", "double precision", "text", "jsonb"]
DocumentFieldType = Literal["integer", "double precision", "boolean"]
Privacy = Literal["public", "pseudonymous"]

#: Bytes of a text in a key or an index: an entry of a PostgreSQL B-tree has 2,700 bytes at most, and no key, here or in
#: marts, has more than six texts.
MAX_KEY_BYTES = 400

#: Columns of every staging table besides the source's own.
#: With the defaults a load can COPY directly into the table; the batch id comes from a setting of the transaction.
METADATA_COLUMNS: tuple[tuple[str, str], ...] = (
    ("_batch_id", "bigint NOT NULL DEFAULT current_setting('ladder.batch_id')::bigint"),
    ("_observed_at", "timestamptz NOT NULL"),
    ("_loaded_at", "timestamptz NOT NULL DEFAULT now()"),
    ("_deleted_at", "timestamptz"),
)


@dataclass(frozen=True, slots=True)
class TimestampFormat:
    """How a source encodes a timestamp as a number.

    Args:
        units_per_second: 1 for seconds, 1000 for milliseconds.
        min_time: Unix time (s) of the earliest valid timestamp.
        is_zero_null: the source sends 0 if there is no timestamp.
    """

    units_per_second: int
    min_time: int
    is_zero_null: bool = False


@dataclass(frozen=True, slots=True)
class DocumentField:
    """A field within a document that models read.

    Args:
        path: keys separated by dots, `[]` for each element of a list: `Kills`, `[].factions.faction1.score`.
        type: the type that it is parsed as.
    """

    path: str
    type: DocumentFieldType

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the path."""
        return tuple(self.path.split("."))


def document_fields(type_: DocumentFieldType, *paths: str) -> tuple[DocumentField, ...]:
    """Fields of one type within a document."""
    return tuple(DocumentField(path, type_) for path in paths)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a staging table, under the source's own name and type.

    Args:
        name: column name; also the key of the value in a record, unless `path` is set.
        type: PostgreSQL type.
        description: the meaning of the value, with its unit.
        path: keys of the path to the value in a record, e.g. `("profile", "account_id")`.
        is_lenient: the source sends this number, or the numbers in this document, also as text, and empty text for
            null.
        is_required: a record is rejected if the value is missing or unreadable. Key columns are always required.
        decides_result: a record is rejected if the value is present but unreadable, since null would have a meaning:
            a match without a winner, or a player without a rank. In any other column an unreadable value becomes null
            and is counted.
        value_range: smallest and largest valid number, if the type allows more.
        time: the value is a timestamp, as a number or, in a column of type text, in ISO 8601; others are unreadable.
        accepted_values: the valid texts, if there are few; any other is unreadable.
        is_identifier: a text that models use in keys, whose length is limited.
        document_fields: fields within a document that models read; unreadable ones are counted.
        is_scalar_allowed: a document that is neither an object nor a list is valid and has no fields.
        from_request: the value comes from the request's parameters, not from the record.
        privacy: `public`, or `pseudonymous` for values that identify a person, who may request their deletion.
    """

    name: str
    type: ColumnType
    description: str
    path: tuple[str, ...] = ()
    is_lenient: bool = False
    is_required: bool = False
    decides_result: bool = False
    value_range: tuple[int, int] | None = None
    time: TimestampFormat | None = None
    accepted_values: frozenset[str] | None = None
    is_identifier: bool = False
    document_fields: tuple[DocumentField, ...] = ()
    is_scalar_allowed: bool = False
    from_request: bool = False
    privacy: Privacy = "public"

    @property
    def record_path(self) -> tuple[str, ...]:
        """Keys of the path to the value in a record."""
        return self.path or (self.name,)


@dataclass(frozen=True)
class Table:
    """A staging table: `staging_<source>.<name>`.

    Args:
        source: name of the source, e.g. `opendota`.
        name: table name, e.g. `player_matches`.
        key: names of the columns that identify a row.
        columns: the source's columns, key columns included.
        description: what one row represents.
        indexes: further lists of columns by which models look up rows.
        ignored: top-level keys of a record that are known and deliberately not stored as columns;
            they stay in the lake and do not count as drift.
    """

    source: str
    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    description: str
    indexes: tuple[tuple[str, ...], ...] = ()
    ignored: frozenset[str] = field(default=frozenset())

    def __post_init__(self) -> None:
        """Check that the key consists of columns."""
        missing = set(self.key) - set(self.column_names)
        if missing:
            raise ValueError(f"{self.source}.{self.name}: key columns {sorted(missing)} are not defined")

    def __hash__(self) -> int:
        """Hash the name only, since caches by table are read for each record."""
        return hash((self.source, self.name))

    @property
    def schema(self) -> str:
        """Schema of the table."""
        return f"staging_{self.source}"

    @property
    def feed_name(self) -> str:
        """Name of the change feed, a table in the same schema with the old images of changed rows."""
        return f"{self.name}__feed"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the source's columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def content_names(self) -> tuple[str, ...]:
        """Names of the columns that are not in the key."""
        return tuple(name for name in self.column_names if name not in self.key)

    @property
    def identifier(self) -> sql.Identifier:
        """Qualified name for SQL."""
        return sql.Identifier(self.schema, self.name)

    @property
    def feed_identifier(self) -> sql.Identifier:
        """Qualified name of the feed for SQL."""
        return sql.Identifier(self.schema, self.feed_name)

    def __str__(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}"

    def create_statements(self) -> list[sql.Composed]:
        """Idempotent DDL of the table and its feed."""
        columns = [
            sql.SQL("{} {}{}").format(
                sql.Identifier(column.name),
                sql.SQL(column.type),
                sql.SQL(" NOT NULL" if column.name in self.key else ""),
            )
            for column in self.columns
        ]
        metadata = [sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in METADATA_COLUMNS]
        feed_metadata = [
            sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t.split(" ")[0])) for n, t in METADATA_COLUMNS
        ]
        comma = sql.SQL(", ")
        return [
            sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({}))").format(
                self.identifier,
                comma.join(columns + metadata),
                comma.join(map(sql.Identifier, self.key)),
            ),
            # A batch's rows are adjacent on disk, so a block-range index finds them and costs almost nothing per row.
            sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} USING brin (_batch_id) WITH (pages_per_range = 16)").format(
                sql.Identifier(f"{self.name}__batch"), self.identifier
            ),
            *self.index_statements().values(),
            sql.SQL(
                "CREATE TABLE IF NOT EXISTS {} (_feed_batch_id bigint NOT NULL, _operation text NOT NULL, {})"
            ).format(self.feed_identifier, comma.join(columns + feed_metadata)),
            sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} USING brin (_feed_batch_id)").format(
                sql.Identifier(f"{self.feed_name}__batch"), self.feed_identifier
            ),
            sql.SQL("COMMENT ON TABLE {} IS {}").format(self.identifier, sql.Literal(self.description)),
            *(
                sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(
                    self.identifier, sql.Identifier(column.name), sql.Literal(column.description)
                )
                for column in self.columns
            ),
        ]

    def index_statements(self) -> dict[str, sql.Composed]:
        """DDL of the indexes for lookups by models, by index name."""
        columns = {f"{self.name}__{'_'.join(names)}": names for names in self.indexes}
        return {
            name: sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} ({})").format(
                sql.Identifier(name), self.identifier, sql.SQL(", ").join(map(sql.Identifier, names))
            )
            for name, names in columns.items()
        }
