"""`python -m benchmarks`: all benchmarks, one after the other, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

ALL = ("ingest", "noop", "marts", "serving")


def main() -> int:
    """Run all of them, whatever becomes of one; 1 when one failed."""
    failed = [
        name for name in ALL if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    ]
    for name in failed:
        print(f"error: benchmark {name} failed; see the lines above", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
