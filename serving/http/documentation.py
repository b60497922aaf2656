"""`/docs`: the OpenAPI document as one HTML page without scripts and external resources."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Any

__all__ = ["POLICY", "documentation_page"]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #2563eb; }
@media (prefers-color-scheme: dark) { :root { --accent: #7aa7ff; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem 1rem 4rem; }
h1 { margin-bottom: 0; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
a { color: var(--accent); }
code { font: 0.9em ui-monospace, monospace; background: var(--soft); padding: 0.1em 0.3em; border-radius: 4px; }
details { border: 1px solid var(--line); border-radius: 8px; margin: 0.6rem 0; padding: 0 0.8rem; }
summary { cursor: pointer; padding: 0.6rem 0; overflow-wrap: anywhere; }
summary span { opacity: 0.75; margin-left: 0.5rem; }
.table { overflow-x: auto; margin-bottom: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.8rem 0.25rem 0; border-top: 1px solid var(--line); }
th { border-top: 0; }
"""

POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the page: it loads nothing, and allows its own style only."""


def documentation_page(document: Mapping[str, Any]) -> str:
    """Render an OpenAPI document as HTML."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = operation.get("tags", ["other"])[0]
            groups.setdefault(tag, []).append(_operation(path, method, operation))
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(items)}" for tag, items in groups.items())
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])}</h1><p>{escape(info.get('description', ''))}</p>"
        '<p>Machine-readable: <a href="/openapi.json">openapi.json</a></p>'
        f"<main>{sections}</main></body></html>"
    )


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    parameters = _table(
        ("parameter", "in", "type", "meaning"),
        [
            (
                _code(parameter["name"]),
                escape(parameter["in"]),
                escape(_type(parameter["schema"])),
                escape(parameter.get("description", "")),
            )
            for parameter in operation.get("parameters", [])
        ],
    )
    fields = _table(
        ("field of data", "type", "meaning"),
        [
            (_code(name), escape(_type(schema)), escape(schema.get("description", "")))
            for name, schema in _fields(operation).items()
        ],
    )
    statuses = _table(
        ("status", "meaning"),
        [(_code(status), escape(response["description"])) for status, response in operation["responses"].items()],
    )
    return (
        f"<details><summary><code>{escape(method.upper())} {escape(path)}</code>"
        f"<span>{escape(operation.get('summary', ''))}</span></summary>{parameters}{fields}{statuses}</details>"
    )


def _fields(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    data = content.get("schema", {}).get("properties", {}).get("data", {})
    fields: Mapping[str, Any] = data.get("items", data).get("properties", {})
    return fields


def _type(schema: Mapping[str, Any]) -> str:
    """A schema as short text: type, choices, bounds and default."""
    kinds = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    words = []
    for kind in kinds:
        named = kind.get("type", "any")
        word = " or ".join(named) if isinstance(named, list) else str(named)
        word = kind.get("format", word) if named == "string" else word
        if "enum" in kind:
            word = ", ".join(map(str, kind["enum"]))
        elif "const" in kind:
            word = str(kind["const"])
        elif "minimum" in kind or "maximum" in kind:
            word += f" from {kind.get('minimum', '')} to {kind.get('maximum', '')}"
        words.append(word)
    if schema.get("default") is not None:
        words.append(f"(default {schema['default']})")
    return " ".join(words)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    header = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="table"><table><tr>{header}</tr>{body}</table></div>'


def _code(text: str) -> str:
    return f"<code>{escape(str(text))}</code>"
