"""Known vulnerabilities of locked packages, from pip-audit.

Exits with 1 if a locked version has a vulnerability, and with 0 if none has. If the advisories cannot be reached (a
mirror has only packages), it reports this and exits with 0, or with 2 with `--required`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_ENVIRONMENT = ROOT / "build" / "audit"
_LOCKS = ("run.lock", "dev.lock")
_TIMEOUT_S = 600


def findings(report: dict[str, Any]) -> tuple[list[str], int, int]:
    """One line per vulnerability, and the numbers of audited and skipped packages."""
    lines, audited, skipped = [], 0, 0
    for package in report["dependencies"]:
        if "skip_reason" in package:
            skipped += 1
            continue
        audited += 1
        for found in package["vulns"]:
            fixed_in = ", ".join(found["fix_versions"]) or "no version yet"
            lines.append(f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed_in}")
    return lines, audited, skipped


def verdict(name: str, report: dict[str, Any] | None, *, is_required: bool) -> tuple[str, int]:
    """Message about a lock, and the exit code."""
    lines, audited, skipped = findings(report) if report else ([], 0, 0)
    if not audited:
        return f"{name}: not audited, the advisories cannot be reached from here", 2 if is_required else 0
    if lines:
        return f"{name}: " + "\n".join(lines), 1
    return f"{name}: no known vulnerability in {audited} packages, {skipped} could not be audited", 0


def main() -> None:
    """Audit each lock."""
    codes = []
    for name in _LOCKS:
        text, code = verdict(name, _audit(ROOT / "requirements" / name), is_required="--required" in sys.argv)
        sys.stdout.write(f"{text}\n")
        codes.append(code)
    sys.exit(max(codes))


def _audit(lock: Path) -> dict[str, Any] | None:
    """pip-audit's report; None if it has no advisories."""
    uv, python = ROOT / ".venv" / "bin" / "uv", _ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, _ENVIRONMENT], check=True)
    needed = ROOT / "requirements" / "audit.lock"
    install = [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", needed]
    subprocess.run(install, check=True)
    command = [_ENVIRONMENT / "bin" / "pip-audit", "-r", lock, "--require-hashes", "--disable-pip"]
    command += ["--progress-spinner", "off", "--format", "json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    try:
        report: dict[str, Any] = json.loads(ended.stdout)
    except ValueError:
        sys.stderr.write(ended.stderr[-2000:])
        return None
    return report


if __name__ == "__main__":
    main()
