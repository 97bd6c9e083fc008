"""The run as KTAP, version 1 (Linux: Documentation/dev-tools/ktap.rst), for test harnesses.

A test file is a test, and its contents are the subtests: for a scenario, the variants, with the
measurements in diagnostic lines. A test appears when its last subtest has ended. Anything skipped, crashed,
unreadable or never run is "not ok".
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Iterator, TextIO

import pytest

from linger.lab.foreign import printable
from linger.run import scenarios
from linger.run.results import labels

VERSION = "KTAP version 1"


class Tap:
    """A pytest plugin that writes what pytest reports to a stream."""

    def __init__(self, run: Path, out: TextIO) -> None:
        """run: the run's directory, with the results of scenarios; out: where to write."""
        self.run = run
        self.out = out
        self._tests: dict[str, str] = {}  # the test of each subtest, by node id
        self._waiting: dict[str, list[str]] = {}  # the subtests of each test
        self._names: dict[str, str] = {}  # of each subtest, once known
        self._complaints: dict[str, str] = {}
        self._ended: set[str] = set()
        self._unreadable: dict[str, str] = {}
        self._planned = False
        self._number = 0

    # What pytest reports.

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            name = _test(report.nodeid) or "collection"  # outside the project it has no name
            self._unreadable.setdefault(name, report.longreprtext)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._plan({item.nodeid: scenarios.name_of(item.fspath) for item in session.items})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        node = report.nodeid
        scenario, _, variant = dict(report.user_properties).get("lab", "").partition("/")
        if scenario == self._tests[node]:
            self._names[node] = variant
        if report.skipped:
            self._complaints.setdefault(node, "skipped, which does not count as passed")
        if report.failed:
            self._complaints.setdefault(node, report.longreprtext)
        if report.when == "teardown":
            self._end(node)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._end(nodeid)

    # What is written.

    def _plan(self, tests: dict[str, str]) -> None:
        """Write the plan; tests: the test of each subtest, by node id."""
        if self._planned or not tests:
            return
        self._planned, self._tests = True, tests
        for node, test in tests.items():
            self._waiting.setdefault(test, []).append(node)
        self._write(VERSION)
        self._write(f"1..{len(self._waiting.keys() | self._unreadable.keys())}")

    def _end(self, node: str) -> None:
        self._ended.add(node)
        test = self._tests[node]
        if test in self._waiting and self._ended.issuperset(self._waiting[test]):
            self._report(test, self._waiting.pop(test))

    def conclude(self) -> None:
        """Write what never ran or could not be read; after this the plan is fulfilled."""
        if not self._planned:
            self._write(VERSION)
            self._write(f"1..{len(self._unreadable)}")
        for test, nodes in list(self._waiting.items()):
            self._report(test, nodes)
        for test, complaint in self._unreadable.items():
            if test not in self._waiting:
                self._number += 1
                self._write(*_diagnostics(complaint))
                self._write(f"not ok {self._number} {_words(test)}")

    def _report(self, test: str, nodes: list[str]) -> None:
        self._number += 1
        self._write(f"  {VERSION}", f"  # Subtest: {_words(test)}", f"  1..{len(nodes)}")
        held = True
        for number, node in enumerate(nodes, 1):
            name = self._names.get(node, node.partition("::")[2])
            complaint = self._complaints.get(node)
            if node not in self._ended:
                complaint = "did not run to its end"
            held = held and complaint is None
            lines = [*self._measured(test, name), *_diagnostics(complaint or "")]
            self._write(*(f"  {line}" for line in lines))
            self._write(f"  {'not ok' if complaint else 'ok'} {number} {_words(name)}")
        self._write(f"{'ok' if held else 'not ok'} {self._number} {_words(test)}")

    def _measured(self, test: str, name: str) -> Iterator[str]:
        """For a variant of a scenario: what was measured, and what was expected."""
        file = self.run / test / name / "result.json"
        if not file.is_file():
            return
        result = json.loads(file.read_text())
        for where in ("struck", "expectations"):
            for row, label in zip(result[where], labels(result[where])):
                yield (
                    f"# {row['subject']} {label}: measured {row['measured']}, "
                    f"expected {row['expected']}"
                )
        for table in result["tables"]:
            for cell in table["cells"]:
                yield (
                    f"# {table['title']}, {cell['row']} / {cell['column']}: "
                    f"measured {cell['measured']}, expected {cell['expected']}"
                )

    def _write(self, *lines: str) -> None:
        """Write lines at once; if nobody reads any more, the run goes on silently."""
        try:
            shown = map(printable, lines)
            print(*shown, sep="\n", end="\n" if lines else "", file=self.out, flush=True)
        except OSError:
            self.out = open(os.devnull, "w")


def _test(node: str) -> str:
    """The test that a node id belongs to, named after its file."""
    return scenarios.name_of(node.partition("::")[0])


def _words(text: str) -> str:
    """A description: a line without "#", which would begin a directive."""
    return " ".join(text.replace("#", "_").split())


def _diagnostics(text: str) -> Iterator[str]:
    return (f"# {line}".rstrip() for line in text.splitlines())
