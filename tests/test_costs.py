"""Costs of the test suite, and its budget."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.costs import Budget, Cost, Costs

_SPEND = "import time\nwhile time.process_time() < 0.7: pass"
#: It closes its output, so that no process waits for it.
_SPEND_AND_STAY = f"import os\nos.close(1)\n{_SPEND}\ntime.sleep(60)"


def test_the_cpu_time_of_a_file_its_children_and_servers_is_added_to_the_file() -> None:
    costs = Costs()
    costs.enter("own")
    ends_at = time.process_time() + 0.5
    while time.process_time() < ends_at:
        pass
    costs.enter("of a child")
    subprocess.run([sys.executable, "-c", _SPEND], check=True)
    costs.enter("of a server")
    starting = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {_SPEND_AND_STAY!r}]).pid)"
    started = subprocess.run([sys.executable, "-c", starting], check=True, stdout=subprocess.PIPE)
    server = psutil.Process(int(started.stdout))
    costs.watch(server)
    while sum(server.cpu_times()[:2]) < 0.5:
        time.sleep(0.01)
    costs.enter("idle")
    server.kill()
    costs.enter("")
    assert all(costs.by_name[name].cpu_s >= 0.45 for name in ("own", "of a child", "of a server"))
    assert costs.by_name["idle"].cpu_s < 0.45


def test_files_and_suites_that_exceed_their_budget_by_more_than_the_tolerance_are_named() -> None:
    budget = Budget(total_s=100, file_s=10, files={"tests/long.py": 50}, tolerance=1.5)
    within = {"tests/a.py": Cost(1, 99, 15), "tests/long.py": Cost(1, 99, 75)}
    assert budget.exceeded_by(within) == []
    beyond = {"tests/a.py": Cost(1, 0, 15.1), "tests/long.py": Cost(1, 0, 75.1), "fixture all": Cost(0, 0, 14)}
    assert [line.split(" took ")[0] for line in budget.exceeded_by(beyond)] == ["tests/a.py", "tests/long.py"]
    many = {f"tests/{number}.py": Cost(1, 0, 10) for number in range(16)}
    assert budget.exceeded_by(many) == ["the suite took 160 CPU seconds; its budget is 100"]


def test_every_budget_belongs_to_an_existing_file() -> None:
    files = [name for name in Budget.read().files if not name.startswith("fixture ")]
    assert [name for name in files if not (Path(__file__).parents[1] / name).exists()] == []
