"""Check the fields within JSON documents that models read: unreadable values are counted like those of columns.

The document itself is stored as it was sent. A set of common values makes the check of a valid document cheap: one
lookup per value.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from warehouse.model.tables import Column, DocumentFieldType
from warehouse.model.values import UnreadableValueError, ValueParser, value_parser

__all__ = ["DocumentCheck", "document_check"]

#: Adds the unreadable values of a document to a mapping of paths to reasons.
DocumentCheck = Callable[[Any, dict[str, str]], None]

#: Largest decimal number in a document, so that models can square and add it.
_DECIMAL = 10**18
_LIMITS = {"double precision": (-_DECIMAL, _DECIMAL)}
#: Common values by the type that they are parsed as. The numbers 0 and 1 are left to the parser, since they equal False
#: and True.
_COUNTS = frozenset((None, *map(str, range(10_000)), *range(2, 1_000)))
_RATES = _COUNTS.union((f"{n / 10:.1f}" for n in range(2_000)), (f"{n / 100:.2f}" for n in range(1_000)))
_COMMON_VALUES: Mapping[str, frozenset[Any]] = {
    "integer": _COUNTS,
    "double precision": _RATES,
    "boolean": frozenset((None, False, True)),
}


@dataclass(frozen=True, slots=True)
class _Group:
    """Fields of one type in the same objects.

    Args:
        parent: keys of the path to the objects; `[]` for each element of a list.
        path: the same path as text, with the column's.
        names: keys of the values.
        common_values: values that need no parsing.
        parse: parses any other value.
    """

    parent: tuple[str, ...]
    path: str
    names: tuple[str, ...]
    common_values: frozenset[Any]
    parse: ValueParser


def document_check(column: Column) -> DocumentCheck | None:
    """The check of a column's documents; None if models read no number or boolean in them."""
    if not column.document_fields:
        return None
    groups = _groups(column)
    root = "$." + ".".join(column.record_path)

    def check(document: Any, field_rejects: dict[str, str]) -> None:
        if column.is_scalar_allowed and not isinstance(document, dict | list):
            return
        for group in groups:
            if not group.parent and type(document) is dict and _are_common(group, map(document.get, group.names)):
                continue
            holders = _objects(document, group.parent, root, field_rejects)
            values = [holder.get(name) for holder in holders for name in group.names]
            if not _are_common(group, values):
                _check_each(group, values, field_rejects)

    return check


@cache
def _common_values(type_: DocumentFieldType, is_lenient: bool) -> frozenset[Any]:
    return _COMMON_VALUES[type_] | {""} if is_lenient else _COMMON_VALUES[type_]


def _groups(column: Column) -> list[_Group]:
    found: dict[tuple[tuple[str, ...], DocumentFieldType], list[str]] = {}
    for document_field in column.document_fields:
        found.setdefault((document_field.keys[:-1], document_field.type), []).append(document_field.keys[-1])
    return [
        _Group(
            parent,
            ".".join(("$", *column.record_path, *parent)).replace(".[]", "[]"),
            tuple(names),
            _common_values(type_, column.is_lenient),
            value_parser(Column(column.name, type_, "", value_range=_LIMITS.get(type_)), is_indexed=False),
        )
        for (parent, type_), names in found.items()
    ]


def _objects(document: Any, keys: tuple[str, ...], path: str, field_rejects: dict[str, str]) -> list[dict[str, Any]]:
    """The objects at the end of a path; a value of another type is added to `field_rejects`."""
    found = [document]
    for key in keys:
        if key == "[]":
            found = [element for elements in _of_type(list, found, path, field_rejects) for element in elements]
            path += "[]"
        else:
            found = [holder.get(key) for holder in _of_type(dict, found, path, field_rejects)]
            path += f".{key}"
    return _of_type(dict, found, path, field_rejects)


def _of_type(kind: type, values: list[Any], path: str, field_rejects: dict[str, str]) -> list[Any]:
    found = [value for value in values if isinstance(value, kind)]
    if len(found) + values.count(None) < len(values):
        field_rejects[path] = "expected a list" if kind is list else "expected an object"
    return found


def _are_common(group: _Group, values: Iterable[Any]) -> bool:
    try:
        return group.common_values.issuperset(values)
    except TypeError:
        return False  # a list or an object is not hashable


def _check_each(group: _Group, values: list[Any], field_rejects: dict[str, str]) -> None:
    for name, value in zip(itertools.cycle(group.names), values, strict=False):
        if not isinstance(value, list | dict) and value in group.common_values:
            continue
        try:
            group.parse(value, 0)
        except UnreadableValueError as error:
            field_rejects[f"{group.path}.{name}"] = error.reason
