"""Dependencies: exactly the imported packages, with locked versions, known licences and checked advisories."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
_RUNNING = ("ingestion", "warehouse", "orchestration", "serving")
#: Needed without an import: a module that is started, and an adapter that dbt loads by name.
_STARTED = {"dagster-webserver", "dbt-postgres"}


def _script(name: str) -> ModuleType:
    spec = spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w-]", one)[0].lower() for one in requirements}


def _imported(*folders: str) -> set[str]:
    found = set()
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {".".join(name.split(".")[:depth]) for name in found for depth in (1, 2)}


def _modules_of(package: str) -> set[str]:
    """Top-level modules of a package; for a namespace package such as dbt-core, the modules below the namespace."""
    files = metadata.files(package) or []
    parts = [path.parts for path in files if path.suffix in (".py", ".so") and ".dist-info" not in path.parts[0]]
    return {part[0].removesuffix(".py").split(".")[0] for part in parts}


def test_every_declared_dependency_is_imported() -> None:
    imported = _imported(*_RUNNING)
    unused = {name for name in _names(PROJECT["dependencies"]) if not _modules_of(name) & imported}
    assert unused - _STARTED == set()


def test_the_product_imports_no_package_of_an_extra() -> None:
    for module in ("duckdb", "dlt", "pytest", "dagster_dbt"):
        assert module not in _imported(*_RUNNING)


def _locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))


def test_the_run_lock_has_the_tested_versions_and_no_development_tools() -> None:
    running, whole, embedded = _locked("run.lock"), _locked("dev.lock"), PROJECT["optional-dependencies"]["embedded"]
    assert running.items() < whole.items()
    assert _names([*PROJECT["dependencies"], *embedded]) <= running.keys()
    tools = ("pytest", "mypy", "ruff", "deptry", "duckdb", "dlt", "playwright", "hypothesis", "sqlfluff")
    assert not set(tools) & running.keys()


@pytest.mark.parametrize("lock", ["run.lock", "dev.lock", "bench.lock", "audit.lock", "uv.lock"])
def test_every_locked_version_has_a_hash(lock: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements" / lock).read_text())
    assert [block.splitlines()[0] for block in blocks if "==" in block and "--hash=sha256:" not in block] == []


def test_the_page_of_licences_matches_the_locked_packages() -> None:
    ended = subprocess.run([sys.executable, ROOT / ".ci" / "licences.py", "--check"], capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("expression", "known"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("", False),
        ("Artistic-1.0-Perl OR GPL-2.0-or-later", True),
        ("MIT AND AGPL-3.0-only", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("MPL-2.0 AND (AGPL-3.0-only OR GPL-2.0-only)", False),
    ],
)
def test_a_licence_with_further_obligations_is_rejected(expression: str, known: bool) -> None:
    assert _script("licences").is_known(expression) is known


def test_an_audit_exits_with_1_on_a_vulnerability_and_reports_missing_data() -> None:
    audit = _script("audit")
    weak = {"name": "x", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
    sound = {"name": "y", "version": "1", "vulns": []}
    skipped = {"name": "z", "skip_reason": "not found"}
    assert audit.verdict("run.lock", {"dependencies": [weak, sound]}, is_required=False) == (
        "run.lock: x 1: PYSEC-1, fixed in 2",
        1,
    )
    assert audit.verdict("run.lock", {"dependencies": [sound, skipped]}, is_required=True)[1] == 0
    for nothing in (None, {"dependencies": [skipped]}):
        line, code = audit.verdict("run.lock", nothing, is_required=False)
        assert (code, "not audited" in line) == (0, True)
        assert audit.verdict("run.lock", nothing, is_required=True)[1] == 2
