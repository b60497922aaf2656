"""CPU cost of the test suite by file: printed at the end of each run, and compared with `budget.toml`.

Costs are CPU seconds of the process that runs the tests, of its children and of the session's servers. Elapsed time is
also shown but not compared, since it depends on the load of the machine.
"""

from __future__ import annotations

import os
import time
import tomllib
from collections import defaultdict
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

__all__ = ["Budget", "Cost", "Costs"]

_BUDGET = Path(__file__).with_name("budget.toml")
#: Cheaper files are summed up in one line of the report.
_SHOWN_FROM_S = 4.0


@dataclass
class Cost:
    """Cost of a file, or of a fixture of the session.

    Args:
        tests: number of tests.
        elapsed_s: elapsed seconds.
        cpu_s: CPU seconds.
    """

    tests: int = 0
    elapsed_s: float = 0.0
    cpu_s: float = 0.0

    def __iadd__(self, other: Cost) -> Cost:
        self.tests += other.tests
        self.elapsed_s += other.elapsed_s
        self.cpu_s += other.cpu_s
        return self


@dataclass(frozen=True)
class Budget:
    """Budget of the suite in CPU seconds.

    Args:
        total_s: budget of the whole suite.
        file_s: budget of a file without an entry.
        files: budgets by file, or by fixture of the session.
        tolerance: factor by which a cost may exceed its budget: the same instructions take longer if other programs
            share caches and cores.
    """

    total_s: float
    file_s: float
    files: Mapping[str, float]
    tolerance: float

    @classmethod
    def read(cls, path: Path = _BUDGET) -> Budget:
        """Read the budget from its file."""
        kept = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls(kept["total_cpu_s"], kept["file_cpu_s"], kept["files"], kept["tolerance"])

    def exceeded_by(self, costs: Mapping[str, Cost]) -> list[str]:
        """One line for each budget that was exceeded."""
        found = [
            f"{name} took {cost.cpu_s:.0f} CPU seconds; its budget is {self.files.get(name, self.file_s):.0f}"
            for name, cost in costs.items()
            if cost.cpu_s > self.files.get(name, self.file_s) * self.tolerance
        ]
        total = sum(cost.cpu_s for cost in costs.values())
        if total > self.total_s * self.tolerance:
            found.append(f"the suite took {total:.0f} CPU seconds; its budget is {self.total_s:.0f}")
        return found


@dataclass(eq=False)  # pytest keeps its plugins in sets
class Costs:
    """Costs of one process that runs tests, or of all of them."""

    by_name: defaultdict[str, Cost] = field(default_factory=lambda: defaultdict(Cost))
    _current: str = ""
    _seen_s: dict[psutil.Process, float] = field(default_factory=dict)
    _cpu_s: float = 0.0

    def watch(self, server: psutil.Process) -> None:
        """Count a server, which is not a child of this process, from its start on."""
        self._seen_s[server] = 0.0

    def enter(self, name: str) -> str:
        """Add the CPU time since the last call to the current name, and make `name` current; returns the former one."""
        self._seen_s.setdefault(psutil.Process(), 0.0)
        for root, seen_s in self._seen_s.items():
            # A process that has ended keeps its last observed cost.
            self._seen_s[root] = max(seen_s, _cpu_s(root))
        now, before = sum(self._seen_s.values()), self._current
        if before:
            self.by_name[before] += Cost(cpu_s=now - self._cpu_s)
        self._cpu_s, self._current = now, name
        return before

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        name = item.location[0]
        if name != self._current:
            self.enter(name)
        begun = time.perf_counter()
        result = yield
        self.by_name[name] += Cost(1, time.perf_counter() - begun)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Count fixtures of the session separately from the file that uses them first."""
        if fixturedef.scope != "session" or not self._current:
            return (yield)
        name = f"fixture {fixturedef.argname}"
        before, begun = self.enter(name), time.perf_counter()
        try:
            return (yield)
        finally:
            elapsed_s = time.perf_counter() - begun
            self.enter(before)
            self.by_name[name] += Cost(elapsed_s=elapsed_s)
            self.by_name[before] += Cost(elapsed_s=-elapsed_s)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, Any]:
        if self._current:
            self.enter("")
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["costs"] = {name: vars(cost) for name, cost in self.by_name.items()}
        elif os.environ.get("CI") and self.exceeded and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for name, cost in getattr(node, "workeroutput", {}).get("costs", {}).items():
            self.by_name[name] += Cost(**cost)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.by_name:
            return
        total, others = Cost(), Cost()
        terminalreporter.section("cost by file", sep="=")
        terminalreporter.line(f"{'CPU s':>8}  {'elapsed s':>9}  {'tests':>5}")
        for name, cost in sorted(self.by_name.items(), key=lambda each: -each[1].cpu_s):
            total += cost
            if cost.cpu_s >= _SHOWN_FROM_S or cost.elapsed_s >= _SHOWN_FROM_S:
                terminalreporter.line(_line(cost, name))
            else:
                others += cost
        terminalreporter.line(_line(others, "all others"))
        terminalreporter.line(_line(total, "total"))
        for line in self.exceeded:
            terminalreporter.line(f"over budget: {line}", red=True)

    @property
    def exceeded(self) -> list[str]:
        """Budgets that were exceeded."""
        return Budget.read().exceeded_by(self.by_name)


def _line(cost: Cost, name: str) -> str:
    return f"{cost.cpu_s:8.1f}  {cost.elapsed_s:9.1f}  {cost.tests:5d}  {name}"


def _cpu_s(root: psutil.Process) -> float:
    """CPU seconds of a process and of all its children, including those that have ended; 0 if the process has ended."""
    seconds = 0.0
    try:
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                seconds += sum(process.cpu_times()[:4])
    except psutil.NoSuchProcess:
        return 0.0
    return seconds
