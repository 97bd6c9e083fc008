"""What a person sees: the story, progress while it runs, the table, the cure.

On a terminal by rich, otherwise plain lines. NO_COLOR (https://no-color.org) is respected.
"""

from __future__ import annotations

import os
import sys
import textwrap
import time
from pathlib import Path
from typing import Any, Sequence, TextIO

import pytest

from linger import pairs, results, story
from linger.census import STATES
from linger.errors import Broken, complain

Row = Sequence[str]
STYLE = {
    "PASS": "green",
    "TOLD APART": "green",
    "FAIL": "red",
    "BROKEN": "red",
    "CANNOT RUN": "yellow",
}


def is_terminal(out: TextIO | None = None) -> bool:
    """Whether out (standard output) is a terminal on which lines can be drawn again."""
    return (out or sys.stdout).isatty() and os.environ.get("TERM", "dumb") != "dumb"


def say(line: str = "") -> None:
    """Print a line at once; when nobody reads any more (`| head`), the run goes on unheard."""
    try:
        print(line, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Console:
    """A pytest plugin that takes the place of pytest's own terminal output for `linger run`."""

    def __init__(
        self, run: Path, names: Sequence[str], verbose: bool, live: bool, cure: bool
    ) -> None:
        """run: the run's directory; verbose: every step; live: progress in place, by rich;
        cure: end with the story and what makes the difference."""
        self.run = run
        self.names = names
        self.verbose = verbose
        self.cure = cure
        self.done = 0
        self.total = 0
        self.complaints: dict[str, str] = {}  # of each test the first, which is the cause
        self._started = time.monotonic()
        self._progress = Progress() if live else None

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Take the place of pytest's own reporter, whose options stay."""
        config.pluginmanager.unregister(name="terminalreporter")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.total = len(session.items)
        present = {story.name_of(item.fspath) for item in session.items}
        for name in self.names:
            if name not in present and not session.testsfailed:
                raise pytest.UsageError(f"{story.path_of(name).name} holds no scenario")
        if len(self.names) == 1:
            say(f"{self.names[0]}: {story.title(self.names[0])}")

    @property
    def _step_by_step(self) -> bool:
        """Whether every step gets a line: for one scenario, unless it is shown in place."""
        return self.verbose or not self._progress and self.total <= len(story.PAIR)

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
            self.complaints.setdefault(who, "skipped, which is not passed")
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
        """Print the tables, the complaints, the cure and where the evidence lies."""
        if self._progress:
            self._progress.stop()
        measured = list(results.read_results(self.run))
        for name in self.names:
            mine = [result for result in measured if result["scenario"] == name]
            if mine:
                say(f"\n{name}: {story.title(name)}" if len(self.names) > 1 else "")
                colour = self._progress is not None
                print_table(*table(mine), colour)
                for outcomes in mine[0]["tables"]:
                    say(f"\n  {outcomes['title']}")
                    print_table(*grid(outcomes), colour)
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
    """One line a running test, redrawn in place."""

    def __init__(self) -> None:
        from rich.console import Console as Terminal
        from rich.status import Status

        self._steps: dict[str, str] = {}
        self._status = Status("starting", console=Terminal())
        self._status.start()

    def show(self, labels: Sequence[str], step: str) -> None:
        self._steps["/".join(labels)] = step
        self._status.update("\n  ".join(f"{who}: {what}" for who, what in self._steps.items()))

    def stop(self) -> None:
        self._status.stop()


MOST_COLUMNS = 3  # of expectations side by side; more are listed one below the other


def table(found: Sequence[dict[str, Any]]) -> tuple[Row, list[Row]]:
    """The head and the rows of a scenario's table, repetitions summed up."""
    several = len({row["host"] for result in found for row in result["expectations"]}) > 1
    for result in found:
        rows = result["expectations"]
        for row, name in zip(rows, results.labels(rows)):
            row["label"] = f"{row['host']} {name}" if several else name
    columns = list(
        dict.fromkeys(row["label"] for result in found for row in result["expectations"])
    )
    variants = list(dict.fromkeys(result["variant"] for result in found))
    same = [[result for result in found if result["variant"] == variant] for variant in variants]
    if len(columns) > MOST_COLUMNS:
        return _tall(columns, same)
    return ["variant", *columns, *SUMMARY], [
        [variant, *(_cells(results, columns)), *_summary(results)]
        for variant, results in zip(variants, same)
    ]


SUMMARY = ("owner", "seconds", "expected", "verdict")


def _tall(columns: Sequence[str], same: list[list[dict[str, Any]]]) -> tuple[Row, list[Row]]:
    """A row an expectation, two columns a variant: what was measured, and what was expected."""
    head, rows = [""], [[name] for name in (*columns, "owner", "seconds", "verdict")]
    for repetitions in same:
        head += [repetitions[0]["variant"], "expected"]
        shown = _representative(repetitions)["expectations"]
        expected = {row["label"]: row["expected"].replace("== ", "") for row in shown}
        owner, seconds, _, verdict = _summary(repetitions)
        cells = [*_cells(repetitions, columns), owner, seconds, verdict]
        wanted = [*(expected.get(column, "-") for column in columns), "", "", ""]
        for row, pair in zip(rows, zip(cells, wanted)):
            row += pair
    return head, rows


def _representative(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Of the repetitions of a variant one that failed, if any did."""
    return next((result for result in results if result["verdict"] != "pass"), results[-1])


def _cells(results: list[dict[str, Any]], columns: Sequence[str]) -> list[str]:
    cells = {row["label"]: _measured(row) for row in _representative(results)["expectations"]}
    return [cells.get(column, "-") for column in columns]


def _summary(results: list[dict[str, Any]]) -> list[str]:
    shown = _representative(results)
    passed = sum(result["verdict"] == "pass" for result in results)
    expected = ", ".join(f"{row['label']} {row['expected']}" for row in shown["expectations"])
    return [
        _owners(shown),
        f"{max(result['seconds'] for result in results):.2f}",
        expected.replace("== ", "") or "-",
        shown["verdict"].upper() if len(results) == 1 else f"{passed} of {len(results)} pass",
    ]


def grid(outcomes: dict[str, Any]) -> tuple[Row, list[Row]]:
    """The head and the rows of a table of outcomes; what differs from the expected says so."""
    columns = list(dict.fromkeys(cell["column"] for cell in outcomes["cells"]))
    rows: dict[str, dict[str, str]] = {}
    for cell in outcomes["cells"]:
        wrong = f" (expected {cell['expected']})" if cell["held"] is False else ""
        rows.setdefault(cell["row"], {})[cell["column"]] = cell["measured"] + wrong
    return ["", *columns], [
        [name, *(cells.get(column, "-") for column in columns)] for name, cells in rows.items()
    ]


def _measured(row: dict[str, Any]) -> str:
    """What was counted; of a state also the highest count there ever was."""
    measured = str(row["measured"])
    return f"{measured} (peak {row['peak']})" if row["name"] in STATES else measured


def _owners(result: dict[str, Any]) -> str:
    """Who holds the connections that the scenario counted."""
    hosts = {row["host"] for row in result["expectations"]}
    owners = [owner for host in hosts for owner in result["owners"].get(host, ())]
    names = dict.fromkeys(f"{owner['process']}, pid {owner['pid']}" for owner in owners)
    return "; ".join(names) or "-"


def print_table(head: Row, rows: list[Row], colour: bool) -> None:
    """Print aligned columns; on a terminal as a rich table, which wraps and colours."""
    if colour:
        from rich.console import Console as Terminal
        from rich.table import Table

        shown = Table(*head)
        for row in rows:
            shown.add_row(*(f"[{STYLE[cell]}]{cell}" if cell in STYLE else cell for cell in row))
        Terminal().print(shown)
        return
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        say("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def print_cure(name: str) -> None:
    """Print the story of a scenario, what helps and what does not, and, for a pair, the lines that
    make the difference."""
    say("\n" + textwrap.indent(story.docstring(name).partition("\n")[2].strip("\n"), "  "))
    try:
        answers = story.answers(name)
        _print_answers("What helps", answers.helps)
        _print_answers("What does not help", answers.does_not_help)
    except Broken as missing:  # of a scenario in the making
        say(f"\n  ({missing})")
    if pair := pairs.pair_of(name):
        say(f"\nthe cure: diff {results.shortest(pair[0])} {results.shortest(pair[1])}")
        for line in pairs.lesson(*pair, context=2)[3:]:
            say("  " + line.expandtabs(4))


def _print_answers(heading: str, sentences: Sequence[str]) -> None:
    say(f"\n  {heading}:")
    for sentence in sentences:
        say(
            textwrap.fill(
                sentence,
                98,
                initial_indent="  - ",
                subsequent_indent="    ",
                break_on_hyphens=False,
            )
        )
