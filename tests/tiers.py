"""Test tiers: which tests run, how long each tier took, which services are here.

A test carries its tier as a mark (``stores``, ``services``, ``readme``, ``slow``, ``nightly``);
without one it is a unit test.  ``slow`` and ``nightly`` run only with ``--tiers all`` or an ``-m``
expression.  With ``CI=true`` a tier that passes its budget fails the session.
"""

from __future__ import annotations

import functools
import os
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

TIERS = ("unit", "readme", "services", "stores", "slow", "nightly")
EXTENDED = {"slow", "nightly"}
BUDGETS = {"unit": 360.0, "readme": 60.0, "stores": 180.0, "services": 360.0}
"""Seconds on two cores; the tests of a tier, shared among the workers.

``readme`` is what the tests of the README's two commands may take of that tier's four minutes; the
rest is that of the step in ``.ci/run``.
"""

SERVICES = Path(__file__).with_name("services.txt")


@dataclass(frozen=True)
class Service:
    """A service that tests use: its Debian packages, and a command that proves it is here."""

    name: str
    packages: str
    command: str

    @functools.cached_property
    def here(self) -> bool:
        """Try the command for real."""
        tried = subprocess.run(
            ["sh", "-c", self.command], capture_output=True, stdin=subprocess.DEVNULL, check=False
        )
        return tried.returncode == 0


@functools.cache
def services(path: Path = SERVICES) -> dict[str, Service]:
    """Read the list of services, by name."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    rows = [Service(*(part.strip() for part in line.split("|", 2))) for line in lines]
    return {row.name: row for row in rows}


def missing_services(item: pytest.Item) -> list[Service]:
    """Services that a test asks for and that are not here."""
    mark = item.get_closest_marker("services")
    if mark is None:
        return []
    unknown = [name for name in mark.args if name not in services()]
    if unknown or not mark.args:
        raise pytest.UsageError(f"{item.nodeid}: services {unknown} are not in {SERVICES.name}")
    return [services()[name] for name in mark.args if not services()[name].here]


def tier_of(item: pytest.Item) -> str:
    """The tier that a test is marked with; the heaviest if there are several."""
    return next((t for t in reversed(TIERS) if item.get_closest_marker(t)), "unit")


@dataclass(eq=False)
class Tiers:
    """Time and count of each tier in this session."""

    in_ci: bool
    workers: int
    budgets: dict[str, float]
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    tests: Counter[str] = field(default_factory=Counter)
    lacking: dict[str, str] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up the time of set-up, test and tear-down."""
        properties = dict(report.user_properties)
        tier = str(properties.get("tier", "unit"))
        self.seconds[tier] += report.duration / self.workers
        self.tests[tier] += report.when == "call"
        if report.when == "setup" and "lacking" in properties:
            self.lacking[report.nodeid] = str(properties["lacking"])

    def over_budget(self) -> list[str]:
        """Tiers that took longer than their budget."""
        return [t for t, limit in self.budgets.items() if self.seconds[t] > limit]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the session in CI when a tier passed its budget."""
        if self.in_ci and self.over_budget() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print one line a tier, and what did not run."""
        terminalreporter.section("tiers", sep="-")
        for tier in TIERS:
            if self.tests[tier]:
                terminalreporter.write_line(self._line(tier))
        for nodeid, lacking in self.lacking.items():
            terminalreporter.write_line(f"not run, no {lacking} here (make services): {nodeid}")

    def _line(self, tier: str) -> str:
        text = f"{tier:<9}{self.tests[tier]:>6} tests {self.seconds[tier]:>8.1f} s"
        if tier not in self.budgets:
            return text
        verdict = "  OVER BUDGET" if tier in self.over_budget() else ""
        return f"{text} of {self.budgets[tier]:.0f} s{verdict}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the tiers."""
    group = parser.getgroup("tiers")
    group.addoption("--tiers", choices=["default", "all"], default="default", help="all: slow too")
    group.addoption(
        "--tier-budget", action="append", default=[], metavar="TIER=SECONDS", help="other budget"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Measure the tiers where the reports come together."""
    if hasattr(config, "workerinput"):
        return
    given = dict(item.split("=", 1) for item in config.getoption("tier_budget"))
    budgets = BUDGETS | {tier: float(seconds) for tier, seconds in given.items()}
    workers = len(config.getoption("tx", None) or []) or 1
    in_ci = os.environ.get("CI") == "true"
    config.pluginmanager.register(Tiers(in_ci, workers, budgets), "mx2-tiers")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every test with its tier; leave out the long ones unless they are asked for."""
    for item in items:
        tier = tier_of(item)
        item.user_properties.append(("tier", tier))
        if tier == "unit":
            item.add_marker("unit")
    if config.getoption("tiers") == "all" or config.getoption("markexpr"):
        return
    left_out = [item for item in items if tier_of(item) in EXTENDED]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if tier_of(item) not in EXTENDED]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or with MX2_REQUIRE_SERVICES=1 fail, a test whose services are not here."""
    lacking = missing_services(item)
    if not lacking:
        return
    names = ", ".join(service.name for service in lacking)
    if os.environ.get("MX2_REQUIRE_SERVICES") == "1":
        pytest.fail(f"service {names} is not here; run make services", pytrace=False)
    item.user_properties.append(("lacking", names))
    pytest.skip(f"service {names} is not here")
