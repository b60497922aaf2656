"""Page declarations: a path, its parameters, and a view that reads the data for the template of the same name."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from serving.endpoints import Parameter, Value
from serving.errors import ApiError
from serving.web.endpoint_reader import EndpointReader

__all__ = ["Page", "Values", "View", "href"]

Values = Mapping[str, Value]
"""Parameters of a page after validation; None for a filter that is not set."""

View = Callable[[EndpointReader, Values], Awaitable[dict[str, Any]]]
"""Reads endpoints through the cache and returns the context of the template."""

_INTEGER = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the site.

    Args:
        name: its template is `templates/<name>.html`.
        path: URL path with parameters in braces.
        view: reads its data.
        parameters: parameters of path and query; other parameters of a query are ignored.
        max_age_s: lifetime in seconds, in the page cache and in browsers.
        has_live_age: whether it shows the age of data, so that it is rendered for each request and never cached.
    """

    name: str
    path: str
    view: View
    parameters: tuple[Parameter, ...] = ()
    max_age_s: int = 5 * 60
    has_live_age: bool = False

    def values(self, path: Mapping[str, str], query: Mapping[str, str]) -> dict[str, Value]:
        """The parameters of a request; an empty form field counts as missing.

        Raises:
            ApiError: 404 for an invalid path, 422 for an invalid filter.
        """
        values: dict[str, Value] = {}
        for parameter in self.parameters:
            text = (path if parameter.in_path else query).get(parameter.name) or None
            values[parameter.name] = parameter.default if text is None else _parse_value(parameter, text)
        return values

    def target(self, values: Values) -> str:
        """The canonical path and query of a request."""
        return href(
            self.path.format_map({name: quote(str(value), safe="") for name, value in values.items()}),
            **{parameter.name: values[parameter.name] for parameter in self.parameters if not parameter.in_path},
        )


def href(path: str, **query: Value) -> str:
    """A link within the site; filters that are not set are left out."""
    filters = {name: str(value) for name, value in sorted(query.items()) if value is not None}
    return f"{path}?{urlencode(filters)}" if filters else path


def _parse_value(parameter: Parameter, text: str) -> Value:
    value: Value = text
    is_valid = "\0" not in text
    if parameter.type is int:
        is_valid = bool(_INTEGER.fullmatch(text))
        value = int(text) if is_valid else None
    if is_valid and parameter.choices:
        is_valid = value in parameter.choices
    if is_valid and parameter.pattern is not None:
        is_valid = bool(re.fullmatch(parameter.pattern, text))
    if is_valid:
        return value
    if parameter.in_path:
        raise ApiError(404, "not_found", "there is no such page")
    known = ", ".join(map(str, parameter.choices))
    hint = f"choose one of {known}" if known else "its length or its characters are not allowed"
    raise ApiError(422, "invalid_parameter", f"“{text[:64]}” is not a valid {parameter.name.replace('_', ' ')}: {hint}")
