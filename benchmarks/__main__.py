"""`python -m benchmarks`: run all benchmarks sequentially, each in its own process."""

from __future__ import annotations

import subprocess
import sys

ALL = ("ingest", "noop", "marts", "serving")


def main() -> int:
    """Run all benchmarks, even if one fails; returns 1 if any failed."""
    failed = [
        name for name in ALL if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    ]
    for name in failed:
        print(f"error: benchmark {name} failed; see the lines above", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
