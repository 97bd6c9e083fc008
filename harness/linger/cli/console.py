"""Shows the title, progress while it runs, the table and the cure.

It uses rich on a terminal, otherwise plain lines. NO_COLOR (https://no-color.org) is respected.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Sequence

import pytest

from linger.lab.errors import Broken, complain
from linger.lab.foreign import printable
from linger.run import pairs, results, scenarios
from linger.run.printer import paragraphs, print_table, say, wrapped
from linger.run.tables import grid, table


class Console:
    """A pytest plugin that replaces pytest's terminal output for `linger run`."""

    def __init__(
        self, run: Path, names: Sequence[str], verbose: bool, live: bool, cure: bool
    ) -> None:
        """run: the run's directory; verbose: every step; live: progress in place, by rich;
        cure: end with the explanation and what makes the difference."""
        self.run = run
        self.names = names
        self.verbose = verbose
        self.cure = cure
        self.done = 0
        self.total = 0
        self.complaints: dict[str, str] = {}  # the first of each test, which is the cause
        self._started = time.monotonic()
        self._progress = Progress() if live else None

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Replace pytest's own reporter, but keep its options."""
        config.pluginmanager.unregister(name="terminalreporter")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.total = len(session.items)
        present = {scenarios.name_of(item.fspath) for item in session.items}
        for name in self.names:
            if name not in present and not session.testsfailed:
                raise pytest.UsageError(f"{scenarios.path_of(name).name} contains no scenario")
        if len(self.names) == 1:
            say(f"{self.names[0]}: {scenarios.title(self.names[0])}")

    @property
    def _step_by_step(self) -> bool:
        """Whether every step gets a line: for a single scenario, unless it is shown in place."""
        return self.verbose or not self._progress and self.total <= len(scenarios.PAIR)

    def on_step(self, labels: Sequence[str], step: str) -> None:
        """Show a step of a test."""
        if self._progress:
            self._progress.show(labels, step)
        if self._step_by_step:
            seconds = time.monotonic() - self._started
            say(f"  {seconds:6.3f} s  {'/'.join(labels)}: {step}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        who = dict(report.user_properties).get("lab", report.nodeid)
        if report.skipped:
            self.complaints.setdefault(who, "skipped, which does not count as passed")
        if report.failed:
            self.complaints.setdefault(who, report.longreprtext)
        if report.when == "teardown":
            self.done += 1
            if not self._progress and not self._step_by_step:
                say(f"  [{self.done}/{self.total}] {who}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.complaints[report.nodeid] = report.longreprtext

    def conclude(self) -> None:
        """Print the tables, the complaints, the cure and where the evidence is."""
        if self._progress:
            self._progress.stop()
        measured = list(results.read_results(self.run))
        for name in self.names:
            mine = [result for result in measured if result["scenario"] == name]
            if mine:
                say(f"\n{name}: {scenarios.title(name)}" if len(self.names) > 1 else "")
                print_table(*table(mine))
                for outcomes in mine[0]["tables"]:
                    say(f"\n  {outcomes['title']}")
                    print_table(*grid(outcomes))
        for who, complaint in self.complaints.items():
            complain(f"\n{who}: {complaint}")
        if self.cure and self.done == self.total > 0 and not self.complaints:
            print_cure(self.names[0])
        failed = len(self.complaints)
        seconds = time.monotonic() - self._started
        page = self.run / "index.html"
        say(f"\nreport: {results.shortest(page) if page.exists() else 'make report'}")
        say(f"evidence: {results.shortest(self.run)}")
        say(f"{max(0, self.done - failed)} passed, {failed} failed in {seconds:.1f} s")


class Progress:
    """One line for each running test, redrawn in place."""

    def __init__(self) -> None:
        from rich.console import Console as Terminal
        from rich.status import Status
        from rich.text import Text

        self._as_it_is = Text  # a plain string would be parsed as markup
        self._steps: dict[str, str] = {}
        self._status = Status("starting", console=Terminal())
        self._status.start()

    def show(self, labels: Sequence[str], step: str) -> None:
        self._steps["/".join(labels)] = step
        lines = (printable(f"{who}: {what}") for who, what in self._steps.items())
        self._status.update(self._as_it_is("\n  ".join(lines)))

    def stop(self) -> None:
        self._status.stop()


def print_cure(name: str) -> None:
    """Print what happens in a scenario, what helps and what does not and, for a pair, the lines
    that differ."""
    say("\n" + paragraphs(scenarios.docstring(name).partition("\n")[2]))
    try:
        answers = scenarios.answers(name)
        _print_answers("What helps", answers.helps)
        _print_answers("What does not help", answers.does_not_help)
    except Broken as missing:  # a scenario under development
        say(f"\n  ({missing})")
    if pair := pairs.pair_of(name):
        say(f"\nthe cure: diff {results.shortest(pair[0])} {results.shortest(pair[1])}")
        for line in pairs.lesson(*pair, context=2)[3:]:
            say("  " + line.expandtabs(4))


def _print_answers(heading: str, sentences: Sequence[str]) -> None:
    say(f"\n  {heading}:")
    for sentence in sentences:
        say(wrapped(sentence, "  - ", "    "))
