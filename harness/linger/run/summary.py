"""The outcome of each test of a run: run.json, and the output of `linger run --json`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linger.lab.errors import NOT_HELD
from linger.lab.files import MOST_EVIDENCE, read_regular, write_json
from linger.lab.foreign import printable_lines
from linger.run import results, scenarios

if TYPE_CHECKING:  # reading a run's outcome needs no pytest
    import pytest

SCHEMA = 1  # of run.json (schema/run.schema.json)
NAME = "run.json"


class Summary:
    """A pytest plugin that collects what pytest reports."""

    def __init__(self, run: Path) -> None:
        """run: the run's directory."""
        self.run = run
        self._began = time.monotonic()
        self._tests: dict[str, dict[str, Any]] = {}  # by node id
        self._labels: dict[str, tuple[str, ...]] = {}
        self._scenarios = {*scenarios.names()}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Learn the scenario of each test: one that crashes cannot tell."""
        for item in session.items:
            if item.get_closest_marker("scenario"):
                self._labels[item.nodeid] = scenarios.labels_of(item)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._failed(report.nodeid or "collection", "broken", report.longreprtext)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = self._test(report.nodeid)
        test["seconds"] += report.duration
        properties = dict(report.user_properties)
        labels = properties.get("lab", "").split("/")  # tests of the harness have labs too
        if labels[0] in self._scenarios:
            self._labels[report.nodeid] = tuple(labels)
        if report.failed:
            held = properties.get("exit") == NOT_HELD
            self._failed(report.nodeid, "fail" if held else "broken", report.longreprtext)
        elif report.skipped:
            self._failed(report.nodeid, "broken", "skipped, which does not count as passed")

    def _test(self, node: str) -> dict[str, Any]:
        return self._tests.setdefault(node, {"verdict": "pass", "message": None, "seconds": 0.0})

    def _failed(self, node: str, verdict: str, message: str) -> None:
        """Note why a test did not pass; the first reason is the cause."""
        test = self._test(node)
        if test["message"] is None:
            test.update(verdict=verdict, message=printable_lines(message))

    def document(self, code: int) -> dict[str, Any]:
        """The whole run. code: its exit code."""
        return {
            "schema": SCHEMA,
            "run": str(self.run),
            "exit": code,
            "seconds": round(time.monotonic() - self._began, 3),
            "tests": [self._record(node, test) for node, test in self._tests.items()],
        }

    def _record(self, node: str, test: dict[str, Any]) -> dict[str, Any]:
        """One test; for a scenario, with its lab's results, if there are any."""
        labels = self._labels.get(node, ())
        scenario, variant, repetition = (*labels, None, None, None)[:3]
        folder = self.run.joinpath(*labels) if labels else None
        record = {
            "test": node,
            "scenario": scenario,
            "variant": variant,
            "repetition": int(repetition or 1) if labels else None,
            "folder": "/".join(labels) or None,
            "failures": [],
            **test,
            "seconds": round(test["seconds"], 4),
        }
        try:
            result = results.read_result(folder / "result.json") if folder else None
        except (OSError, ValueError):
            return record
        if result:
            record["failures"] = result["failures"]
            if test["verdict"] == "pass" or result["verdict"] not in results.GOOD:
                record["verdict"] = result["verdict"]
        return record

    def write(self, code: int) -> None:
        """Write run.json beside the evidence."""
        write_json(self.run / NAME, self.document(code))


def text(run: Path) -> str:
    """The text of a run's run.json; "" if the run did not end properly."""
    try:
        return read_regular(run / NAME, MOST_EVIDENCE).decode(errors="replace")
    except FileNotFoundError:
        return ""


def read(run: Path) -> dict[str, Any] | None:
    """The run.json of a run; None if the run did not end properly."""
    try:
        return json.loads(text(run))
    except ValueError:
        return None


def complaints(document: dict[str, Any]) -> str:
    """Why tests of a run did not pass, one paragraph each; "" if all did."""
    bad = [test for test in document["tests"] if not good(test)]
    return "\n\n".join(f"{name_of(test)}: {test['message'] or test['verdict']}" for test in bad)


def name_of(test: dict[str, Any]) -> str:
    """The name of a test for people: its scenario and variant, else its node id."""
    return f"{test['scenario']}/{test['variant']}" if test["scenario"] else test["test"]


def good(test: dict[str, Any]) -> bool:
    """Whether a test in a document behaved as it should."""
    return test["verdict"] in results.GOOD
