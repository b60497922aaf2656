"""Documents: every path that they name exists, and the table of variables is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from warehouse.core.settings import Settings

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_readme_documents_every_variable_and_its_default() -> None:
    rows = re.findall(r"^\| `(LADDER_\w+)` \| (?:`([^`]*)`)? ?\| (.+) \|$", (ROOT / "README.md").read_text(), re.M)
    expected = [
        (f"LADDER_{name.upper()}", "" if field.default is None else str(field.default), field.description)
        for name, field in Settings.model_fields.items()
    ]
    assert rows == expected


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_and_folder_in_a_document_exists(document: Path) -> None:
    text = document.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if not link.startswith("http")]
    missing = [link for link in links if not (document.parent / link).exists()]
    folders = re.findall(
        r"`((?:ingestion|warehouse|dbt_project|orchestration|serving|sandbox|tests|seeds|docs)/[\w/.]*)`", text
    )
    missing += [folder for folder in folders if not (ROOT / folder).exists()]
    assert missing == []


def test_no_document_or_lock_names_a_package_index() -> None:
    for path in [*DOCUMENTS, *(ROOT / "requirements").iterdir()]:
        assert not re.search(
            r"--(extra-)?index-url|--find-links", path.read_text().replace("--no-emit-index-url", "")
        ), path
