"""Staging tables as data: one definition drives decoding, DDL, COPY and merge."""

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

#: Bytes of a text in a key or an index: PostgreSQL's B-trees hold some 2,700 bytes an entry, and no key has more than
#: six texts, here and in marts.
MAX_KEY_BYTES = 400

#: Columns that every staging table carries besides the source's own.
#: The defaults let a load COPY straight into the table, which knows its batch from the transaction's settings.
METADATA_COLUMNS: tuple[tuple[str, str], ...] = (
    ("_batch_id", "bigint NOT NULL DEFAULT current_setting('ladder.batch_id')::bigint"),
    ("_observed_at", "timestamptz NOT NULL"),
    ("_loaded_at", "timestamptz NOT NULL DEFAULT now()"),
    ("_deleted_at", "timestamptz"),
)


@dataclass(frozen=True, slots=True)
class TimestampFormat:
    """What a number can be that names a time.

    Args:
        per_second: what the source counts in a second: 1, or 1000 for milliseconds.
        earliest: Unix time (s) before which the source has no times.
        zero_is_none: 0 is how the source writes that there is no time.
    """

    units_per_second: int
    min_time: int
    is_zero_null: bool = False


@dataclass(frozen=True, slots=True)
class DocumentField:
    """A value within a document that models read.

    Args:
        path: keys that lead to it, `[]` for each element of a list: `Kills`, `[].factions.faction1.score`.
        type: what it is read as.
    """

    path: str
    type: DocumentFieldType

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the path."""
        return tuple(self.path.split("."))


def document_fields(type_: DocumentFieldType, *paths: str) -> tuple[DocumentField, ...]:
    """Values of one type within a document."""
    return tuple(DocumentField(path, type_) for path in paths)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a staging table, under the source's own name and type.

    Args:
        name: column name; also where the value stands in a record, unless `path` says otherwise.
        type: PostgreSQL type.
        description: what it holds, with its unit.
        path: keys that lead to the value inside a record, e.g. `("profile", "account_id")`.
        is_lenient: the source has sent this number, or the numbers in this document, as text, and empty text for none.
        is_required: a record without it, or with one that cannot be read, is a reject. Key columns always are.
        decides_result: a record in which it is there and cannot be read is a reject, since null would say something:
            that a match has no winner, that a rank is gone. In any other column an unreadable value becomes null and is
            counted.
        limits: least and greatest value of a number, where the type holds more than can be meant.
        time: the value names a time, in a number or, of type text, in ISO 8601; what cannot be one is unreadable.
        spellings: the texts that can be meant, where there are few; any other is unreadable.
        is_identifier: a text by which models key their rows, and which cannot be long.
        parts: values within a document that models read; one that cannot be read is counted.
        has_other_forms: a document of texts or numbers alone is none of those that have the parts.
        from_request: the value comes from the request's parameters, not from the record.
        privacy: `public`, or `pseudonymous` for what identifies a person who may ask to be forgotten.
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
        """Keys that lead to the value inside a record."""
        return self.path or (self.name,)


@dataclass(frozen=True)
class Table:
    """A staging table: `staging_<source>.<name>`.

    Args:
        source: name of the source, e.g. `opendota`.
        name: table name, e.g. `player_matches`.
        key: names of the columns that identify a row.
        columns: the source's columns, key columns included.
        description: what one row is.
        indexes: further lists of columns by which models look rows up.
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
        """Refuse a key that is not a column."""
        missing = set(self.key) - set(self.column_names)
        if missing:
            raise ValueError(f"{self.source}.{self.name}: key columns {sorted(missing)} are not defined")

    def __hash__(self) -> int:
        """By the name alone: what is cached by table is looked up for each record."""
        return hash((self.source, self.name))

    @property
    def schema(self) -> str:
        """Schema of the table."""
        return f"staging_{self.source}"

    @property
    def feed_name(self) -> str:
        """Name of the table, in the same schema, that holds old images of changed rows."""
        return f"{self.name}__feed"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the source's columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def content_names(self) -> tuple[str, ...]:
        """Names of the columns outside the key."""
        return tuple(name for name in self.column_names if name not in self.key)

    @property
    def identifier(self) -> sql.Identifier:
        """Qualified name for use in a query."""
        return sql.Identifier(self.schema, self.name)

    @property
    def feed_identifier(self) -> sql.Identifier:
        """Qualified name of the feed for use in a query."""
        return sql.Identifier(self.schema, self.feed_name)

    def __str__(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}"

    def create_statements(self) -> list[sql.Composed]:
        """DDL of the table and its feed; running it again changes nothing."""
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
            # A batch's rows stand together on disk, so a block-range index finds them at next to no cost a row.
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
        """DDL of the indexes by which models look rows up, by their names."""
        columns = {f"{self.name}__{'_'.join(names)}": names for names in self.indexes}
        return {
            name: sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} ({})").format(
                sql.Identifier(name), self.identifier, sql.SQL(", ").join(map(sql.Identifier, names))
            )
            for name, names in columns.items()
        }
