"""One run of checks on any kind of program: from the options to the exit code.

A battery's own options are handled in its room (server/command.py).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any, Mapping

from linger.check import finding, known, output, reports, schedule
from linger.check.battery import Battery
from linger.check.record import Result
from linger.lab import files
from linger.lab.errors import CANNOT_RUN, HELD, NOT_HELD, LingerError, TargetDied, Usage, os_sentence
from linger.run import printer, results


def only_lists(battery: Battery, options: argparse.Namespace) -> bool:
    """Load the checks of a battery; with --list, explain them. Returns whether nothing else is to be done."""
    battery.load(options.checks)
    if options.list:
        output.explain(battery.checks.values())
    return bool(options.list)


class Course:
    """One run of chosen checks of a battery."""

    def __init__(self, battery: Battery, options: argparse.Namespace) -> None:
        """options: those that all batteries share (linger.cli.checking). Errors: Usage."""
        self._options, self._battery, self._checks = options, battery, battery.checks
        self.command = tuple(options.command)
        if not self.command:
            raise Usage("no command to check; put it last, after --")
        for name, value in (("-n", options.n), ("--jobs", options.jobs)):
            if value < 1:
                raise Usage(f"{name} takes a whole number, 1 or more, not {value}")
        if not 0 < options.patience < 1e6:
            raise Usage(f"--patience takes seconds, more than 0, not {options.patience:g}")
        for path in filter(None, (options.json, options.junit, options.write_expected)):
            _must_be_writable(path)
        self.chosen = battery.choose(options.only, options.quick, options.tls)
        self._expected: dict[str, list[str]] = {}
        if options.expected:
            self._expected = known.read(options.expected, battery)
        if options.write_expected and options.write_expected.is_file():
            known.read(options.write_expected, battery)  # any other file is left unchanged

    def begin(self, head: str) -> Path:
        """Make the folder of the run and print its first line; returns the folder for evidence."""
        self._began = time.time()
        self._folder = results.begin(self._options.results)
        self._environment = results.Environment()
        self.console = output.Console(sys.stdout, head, self._checks, quiet=self._options.tap)
        return self._folder / "check"

    def first(self, child: schedule.Child) -> Any:
        """What was found when the program was first started. Errors: those of the child, also reported as JUnit."""
        try:
            return child.result()
        except LingerError as error:
            if isinstance(error, TargetDied) and "\n" in str(error):  # with the end of its output
                error.args = (f"{error}\n  evidence: {results.shortest(self._folder / 'check/start')}",)
            if junit := self._options.junit:
                reports.write_junit_error(junit, self._battery.tool, self.command, error, self._began)
            raise

    def starts(self, found: str) -> None:
        """Print what was found then, and how many checks follow."""
        count = len(self.chosen)
        self.console.step(f"{found}; {count} check{'s' * (count > 1)}")

    def run(self, attempt: schedule.Attempt, about: Mapping[str, Any]) -> int:
        """Run the checks and report them; returns the exit code.

        attempt: as for schedule.run(); about: as for reports.summary(), except the tool. Errors: those that
        kept a trial from running.
        """
        folder, options = self._folder / "check", self._options

        def on_end(result: Result) -> None:
            self.console.step(f"{result['id']}: {result['verdict']}")

        found = schedule.run(self.chosen, attempt, folder, options.jobs, on_end)
        records = options.write_expected and not options.expected  # what is recorded is not judged
        wrong = {} if records else known.judge(found, self._expected, options.strict)
        code = _code(found, wrong)
        about = {"tool": self._battery.tool, "program": self._battery.program, **about}
        summary = reports.summary(
            about, found, wrong, self._expected, options.expected, code, self._folder
        )
        files.write_json(folder / "check.json", summary)
        self._environment.write(self._folder)
        self.console.conclude(summary)
        if options.tap:
            printer.say(reports.ktap(summary))
        if options.json:
            reports.write_json(options.json, summary)
        if options.write_expected:
            reports.write_expected(options.write_expected, summary, self._battery)
            self.console.wrote(options.write_expected, summary)
        if options.junit:
            reports.write_junit(options.junit, summary, self._checks, self._began)
        return code


def _must_be_writable(path: Path) -> None:
    """Refuse a file that cannot be written now, not after a minute of checks; make its folder. Errors: Usage."""
    if os.path.isdir(path):
        raise Usage(f"cannot write the report: {path}: Is a directory")
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Usage(f"cannot write the report: {os_sentence(error)}") from None
    if not os.access(path if os.path.exists(path) else path.absolute().parent, os.W_OK):
        raise Usage(f"cannot write the report: {path}: not writable")


def _code(found: list[Result], wrong: dict[str, str]) -> int:
    if wrong:
        return NOT_HELD
    if all(result["verdict"] == finding.NOT_TESTED for result in found):
        return CANNOT_RUN  # a run that tested nothing is never green
    return HELD
