"""Generator of the API's column declarations from the contracts of the marts in dbt's YAML: `make contracts`.

Games and modes are generated from the seeds in the same way. The result is committed, so that serving needs neither dbt
nor the project's files; a test keeps it up to date. The exposures of the dbt project, one per endpoint with the marts
that it reads, are generated from the API.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml  # type: ignore[import-untyped]  # its stubs are a package of their own

from orchestration.dbt.graph import PROJECT

__all__ = [
    "COLUMNS_FILE",
    "EXPOSURES_FILE",
    "FORMULAS_FILE",
    "Contract",
    "ContractColumn",
    "columns_module",
    "contracts",
    "exposures",
    "formulas_module",
]

_MARTS = PROJECT / "models" / "marts"
COLUMNS_FILE = PROJECT.parent / "serving" / "endpoints" / "contracts.py"
FORMULAS_FILE = COLUMNS_FILE.with_name("formulas.py")
EXPOSURES_FILE = _MARTS / "_api_exposures.yml"

_TYPES = {
    "text": "text",
    "integer": "integer",
    "bigint": "integer",
    "numeric": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp with time zone": "timestamp",
}
"""Types in API responses, by type in PostgreSQL without precision."""

_FORMULAS = {
    "win_rate": "share('wins', 'matches')",
    "win_rate_low": "wilson_low('wins', 'matches')",
    "win_rate_high": "wilson_high('wins', 'matches')",
    "share_of_picks": "share('picks', 'all_picks')",
}
"""Formulas that the API applies to its own sums: a call of a dbt macro with the names of the columns."""
_FORMULA_MACROS = ("ratios.sql", "wilson.sql")


@dataclass(frozen=True, slots=True)
class ContractColumn:
    """A column under contract.

    Args:
        name: its name.
        data_type: its type in PostgreSQL.
        description: its description.
        is_required: whether it is never null.
    """

    name: str
    data_type: str
    description: str
    is_required: bool

    @property
    def response_type(self) -> str | None:
        """Its type in responses; None if responses have no such type."""
        return _TYPES.get(self.data_type.partition("(")[0])


@dataclass(frozen=True, slots=True)
class Contract:
    """A mart under contract.

    Args:
        name: its name.
        key: columns of the primary key.
        columns: its columns, in the order of the contract.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[ContractColumn, ...]


def contracts(folder: Path = _MARTS) -> list[Contract]:
    """The contracts of all marts, sorted by name."""
    models = [model for path in folder.rglob("*.yml") for model in yaml.safe_load(path.read_text()).get("models", ())]
    return sorted((_contract(model) for model in models), key=lambda contract: contract.name)


def columns_module(marts: list[Contract]) -> str:
    """Source of the module with columns, games and modes for serving, without columns whose type responses lack."""
    modes = dict.fromkeys(row["mode"] for row in _seed("modes"))
    lines = [
        '"""Columns of the marts under their contracts. `make contracts` writes this; do not edit."""',
        "",
        "# ruff: noqa: E501",
        "# fmt: off",
        "from serving.endpoints.declaration import Column",
        "",
        '__all__ = ["GAME_NAMES", "MARTS", "MODES"]',
        "",
        "GAME_NAMES = {",
        *(f'    "{row["game"]}": "{row["game_name"]}",' for row in _seed("games")),
        "}",
        f"MODES = ({', '.join(f'{chr(34)}{mode}{chr(34)}' for mode in modes)})",
        "",
        "MARTS: dict[str, dict[str, Column]] = {",
    ]
    for mart in marts:
        lines.append(f'    "{mart.name}": {{')
        for column in mart.columns:
            if column.response_type is not None:
                description = json.dumps(column.description, ensure_ascii=False)
                nullable = "" if column.is_required else ", nullable=True"
                arguments = f'"{column.name}", "{column.response_type}", {description}{nullable}'
                lines.append(f'        "{column.name}": Column({arguments}),')
        lines.append("    },")
    return "\n".join([*lines, "}", ""])


def formulas_module() -> str:
    """The module of SQL formulas for the API's queries, rendered from the dbt macros, so that each is defined once."""
    macros = "".join((PROJECT / "macros" / "metrics" / name).read_text() for name in _FORMULA_MACROS)
    lines = [
        '"""SQL formulas of the marts, rendered from dbt macros. `make contracts` writes this; do not edit."""',
        "",
        "# ruff: noqa: E501",
        "# fmt: off",
        '__all__ = ["FORMULAS"]',
        "",
        "FORMULAS = {",
    ]
    for name, call in _FORMULAS.items():
        rendered = jinja2.Template(f"{macros}{{{{ {call} }}}}").render()
        lines.append(f'    "{name}": "{" ".join(rendered.split())}",')
    return "\n".join([*lines, "}", ""])


def exposures() -> str:
    """YAML of the exposures: one per endpoint, with the marts that it reads."""
    from serving.endpoints import ENDPOINTS  # noqa: PLC0415 -- imports the module that `main` may just have written

    lines = ["# `make contracts` writes this; do not edit.", "version: 2", "", "exposures:"]
    for endpoint in ENDPOINTS:
        marts = ", ".join(f"ref('{name}')" for name in endpoint.reads)
        lines += [
            f"  - name: api_{endpoint.name}",
            f"    label: GET /api/v1{endpoint.path}",
            "    type: application",
            "    maturity: high",
            f"    description: {json.dumps(endpoint.summary)}",
            f"    depends_on: [{marts}]",
            "    owner: {name: serving, email: ladderhouse@localhost}",
            "",
        ]
    return "\n".join(lines)


def _seed(name: str) -> list[dict[str, str]]:
    """Rows of a seed, in order."""
    with (PROJECT.parent / "seeds" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def main() -> None:
    """Write all generated files."""
    COLUMNS_FILE.write_text(columns_module(contracts()))
    FORMULAS_FILE.write_text(formulas_module())
    EXPOSURES_FILE.write_text(exposures())


def _contract(model: dict[str, Any]) -> Contract:
    (key,) = (tuple(one["columns"]) for one in model["constraints"] if one["type"] == "primary_key")
    columns = tuple(
        ContractColumn(
            name=column["name"],
            data_type=column["data_type"],
            description=column["description"],
            is_required=column["name"] in key or {"type": "not_null"} in column.get("constraints", []),
        )
        for column in model["columns"]
    )
    return Contract(model["name"], key, columns)


if __name__ == "__main__":
    main()
