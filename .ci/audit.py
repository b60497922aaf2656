"""Known weaknesses in what a running product needs, by pip-audit, where its data can be had.

Ends with 1 when a locked version has one, with 0 when none has; where the advisories cannot be reached (a mirror has
packages alone) it says so and ends with 0, or with 2 with `--required`.
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
    """A line for each weakness, and how many packages were looked at and could not be."""
    lines, looked_at, skipped = [], 0, 0
    for package in report["dependencies"]:
        if "skip_reason" in package:
            skipped += 1
            continue
        looked_at += 1
        for found in package["vulns"]:
            mended = ", ".join(found["fix_versions"]) or "no version yet"
            lines.append(f"{package['name']} {package['version']}: {found['id']}, mended in {mended}")
    return lines, looked_at, skipped


def verdict(name: str, report: dict[str, Any] | None, *, is_required: bool) -> tuple[str, int]:
    """What to say of a lock, and the exit code."""
    lines, looked_at, skipped = findings(report) if report else ([], 0, 0)
    if not looked_at:
        return f"{name}: not audited, the advisories cannot be reached from here", 2 if is_required else 0
    if lines:
        return f"{name}: " + "\n".join(lines), 1
    return f"{name}: no known weakness in {looked_at} packages, {skipped} could not be looked up", 0


def main() -> None:
    """Audit each lock."""
    codes = []
    for name in _LOCKS:
        text, code = verdict(name, _audit(ROOT / "requirements" / name), is_required="--required" in sys.argv)
        sys.stdout.write(f"{text}\n")
        codes.append(code)
    sys.exit(max(codes))


def _audit(lock: Path) -> dict[str, Any] | None:
    """pip-audit's report; None where it has no data."""
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
