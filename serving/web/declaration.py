"""What a page is: an address, its parameters, and a view that reads what the template of the same name shows."""

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
"""Parameters of a page after validation; None where a filter is not set."""

View = Callable[[EndpointReader, Values], Awaitable[dict[str, Any]]]
"""Reads through the cache, and returns what the template needs."""

_INTEGER = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the site.

    Args:
        name: its template is `templates/<name>.html`.
        path: with its parameters in braces.
        view: what it reads.
        parameters: in the path or the query; what else a query has is passed over.
        max_age_s: seconds that it may be kept, here and by browsers.
        tells_age: says how old something is, so that it is made anew for each request and kept by nobody.
    """

    name: str
    path: str
    view: View
    parameters: tuple[Parameter, ...] = ()
    max_age_s: int = 5 * 60
    has_live_age: bool = False

    def values(self, path: Mapping[str, str], query: Mapping[str, str]) -> dict[str, Value]:
        """The parameters of a request; an empty field of a form is one that was left out.

        Raises:
            Refusal: 404 for a path, 422 for a filter that cannot be.
        """
        values: dict[str, Value] = {}
        for parameter in self.parameters:
            text = (path if parameter.in_path else query).get(parameter.name) or None
            values[parameter.name] = parameter.default if text is None else _parse_value(parameter, text)
        return values

    def target(self, values: Values) -> str:
        """The one spelling of a request's path and query."""
        return href(
            self.path.format_map({name: quote(str(value), safe="") for name, value in values.items()}),
            **{parameter.name: values[parameter.name] for parameter in self.parameters if not parameter.in_path},
        )


def href(path: str, **query: Value) -> str:
    """A link below this site; filters that are not set are left out."""
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
    hint = f"it is one of {known}" if known else "it has characters or a form that no such thing has"
    raise ApiError(422, "invalid_parameter", f"“{text[:64]}” is no {parameter.name.replace('_', ' ')}: {hint}")
