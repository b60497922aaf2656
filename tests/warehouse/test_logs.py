"""Logs are JSON objects, one per line, with their context, in a file and nowhere else."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

from warehouse.core.logs import EscapingFormatter

_SCRIPT = """
import logging, sys
from pathlib import Path
from warehouse.core.logs import configure_logging, log_context
from warehouse.core.settings import Settings
configure_logging(Settings(home=Path(sys.argv[1]), log_level="INFO"), "probe")
log = logging.getLogger("ladder.probe")
with log_context(run_id="r1"):
    log.info("fetched %s pages", 3, extra={"source": "opendota"})
log.debug("not logged at this level")
try:
    raise ValueError("broken")
except ValueError:
    log.exception("failed")
"""


def test_lines_are_json_with_their_context_and_are_written_only_to_the_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
    lines = [json.loads(line) for line in (tmp_path / "logs" / "probe.log").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["fetched 3 pages", "failed"]
    assert (lines[0]["run_id"], lines[0]["source"], lines[0]["level"]) == ("r1", "opendota", "info")
    assert "run_id" not in lines[1]
    assert "ValueError: broken" in lines[1]["exception"]


def test_control_characters_are_escaped_in_json_and_text_logs(tmp_path: Path) -> None:
    script = _SCRIPT.replace('log.exception("failed")', r'log.exception("failed \x1b[2J\x9b2J\u202e")')
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, timeout=60, check=True)
    written = (tmp_path / "logs" / "probe.log").read_text()
    assert r"failed \u001b[2J\u009b2J\u202e" in written
    record = logging.makeLogRecord({"msg": "failed \x1b[2J\x9b2J\u202e\n"})
    assert EscapingFormatter().format(record) == "failed \\x1b[2J\\x9b2J\\u202e\n"
