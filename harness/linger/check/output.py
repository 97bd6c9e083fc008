"""What a check run tells: its table, a paragraph for each defect, JSON, JUnit and KTAP."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Iterable, TextIO

from linger.check import finding
from linger.check.battery import CHECKS, Check
from linger.check.finding import LEAK, STARVE
from linger.check.request import Request
from linger.check.server.target import words_of
from linger.check.server.trial import Wish
from linger.lab import files
from linger.lab.errors import CannotRun
from linger.lab.foreign import printable, printable_all, printable_lines
from linger.run import printer, results, tap

SCHEMA = 1  # see schema/check.schema.json
LADDER = 20  # lines of a ladder
HEAD = ["check", "verdict", "measured", "seconds"]


def explain(checks: Iterable[Check]) -> None:
    """Print every check: what the clients do, which mistake it finds, what shows it."""
    for check in checks:
        print(f"{check.id}{' (slow)' if check.slow else ''}")
        print(printer.wrapped(f"The clients {check.peer}. {check.mistake}"))
        print(printer.wrapped(f"It rests on {check.clause}"))
        print(printer.wrapped(f"Scenarios: {', '.join(check.scenarios)}."), end="\n\n")
    print("Verdicts")
    for word, meaning in finding.MEANING.items():
        print(f"  {word:7} {meaning}")


class Console:
    """What is printed while the checks run, and at the end."""

    def __init__(self, out: TextIO, wish: Wish, chosen: list[Check], quiet: bool) -> None:
        """out: where to; quiet: KTAP only, instead of lines and a table for people."""
        self._out, self._quiet, self._count = out, quiet, len(chosen)
        self._began = time.monotonic()
        self._say(f"check: {words_of(wish.plan.command)}, port {wish.plan.port}")

    def _say(self, line: str) -> None:
        if not self._quiet:
            printer.say(line, self._out)

    def _step(self, line: str) -> None:
        self._say(f"{time.monotonic() - self._began:8.3f} s  {line}")

    def begun(self, request: Request) -> None:
        """The server listens, and this is how it is asked."""
        checks = f"{self._count} check{'s' if self._count > 1 else ''}"
        self._step(f"it listens; {request.source}; {checks}")

    def ended(self, result: dict[str, Any]) -> None:
        """A check has ended."""
        self._step(f"{result['id']}: {result['verdict']}")

    def conclude(self, summary: dict[str, Any]) -> None:
        """Print the table and the paragraphs, or KTAP."""
        if self._quiet:
            printer.say("\n".join(map(printable, _tap(summary))), self._out)
            return
        rows = [
            [one["id"], one["verdict"], one["measured"], f"{one['seconds']:.1f}"]
            for one in summary["results"]
        ]
        self._say("")
        printer.print_table(HEAD, rows, self._out)
        for result in summary["results"]:
            if result["verdict"] in finding.BAD:
                self._say("\n" + _explained(result, Path(summary["evidence"])))
        if summary["wrong"]:
            self._say("\nwrong:")
        for line in summary["wrong"]:
            self._say(printer.wrapped(line))
        folder = Path(summary["evidence"])
        self._say(f"\nreport: build/linger report {results.shortest(folder.parent)}")
        self._say(f"evidence: {results.shortest(folder)}")
        self._say(f"{_counted(summary)} in {time.monotonic() - self._began:.1f} s")


def _counted(summary: dict[str, Any]) -> str:
    verdicts = [result["verdict"] for result in summary["results"]]
    words = [word for word in finding.WORDS if word in verdicts]
    return ", ".join(f"{verdicts.count(word)} {word}" for word in words)


def _explained(result: dict[str, Any], evidence: Path) -> str:
    """The paragraph of a defect."""
    check = CHECKS[result["id"]]
    shown = ", ".join(f"make scenario-{name}" for name in check.scenarios)
    lines = [
        f"{check.id}: {result['verdict']} ({finding.MEANING[result['verdict']]})",
        printer.wrapped(
            f"The clients {check.peer}. {result['measured'][:1].upper()}"
            f"{result['measured'][1:]}."
        ),
        *(f"    {line}" for line in result["held"]),
        *_ladder(evidence / check.id, result["verdict"]),
        printer.wrapped(f"What does this: {check.mistake}"),
        printer.wrapped(f"It rests on {check.clause}"),
        printer.wrapped(f"Shown, with its repair, by {shown}."),
        f"  Evidence: {results.shortest(evidence / check.id)}",
    ]
    return "\n".join(lines)


def _ladder(folder: Path, verdict: str) -> list[str]:
    """One connection, segment by segment, that shows what was found: of its kind most went so."""
    try:
        groups = json.loads((folder / "ladder.json").read_text())["groups"]
    except FileNotFoundError:
        return []
    groups.sort(key=lambda group: -group["connections"])
    shown = _telling([group["ladder"] for group in groups], verdict)
    if not shown:
        return []
    lines = list(shown["text"])
    left_out = len(lines) - LADDER
    if left_out > 1:
        lines[LADDER - 1 : -1] = [f"  ... {left_out} segments more ..."]
    same = next(group["connections"] for group in groups if group["ladder"] is shown) - 1
    return [*lines, *([f"  {same} further connection{'s' * (same > 1)} like this"] if same else [])]


def _telling(ladders: list[dict[str, Any]], verdict: str) -> dict[str, Any] | None:
    """The ladder that shows best what was found, of clients that got through, None if none did.

    Those that go the same way most often come first. What is held the server has not ended.
    """
    ours = [
        ladder
        for ladder in ladders
        if ladder["client"]["host"] == "client"
        and any(segment["server"] == "ESTABLISHED" for segment in ladder["segments"])
    ]
    held = [ladder for ladder in ours if not _ended_by_server(ladder)]
    return next(iter((verdict in (LEAK, STARVE) and held) or ours), None)


def _ended_by_server(ladder: dict[str, Any]) -> bool:
    """Whether the server's end sent a FIN or a RST before the verdict."""
    return any(
        segment["from"] == "server"
        and {"FIN", "RST"} & {*segment["flags"]}
        and segment["sent"] is not None
        and segment["sent"] <= ladder["verdict"]
        for segment in ladder["segments"]
    )


def summary(
    wish: Wish,
    found: list[dict[str, Any]],
    wrong: dict[str, str],
    expected: dict[str, list[str]],
    code: int,
    folder: Path,
) -> dict[str, Any]:
    """The whole run, as check.json has it (schema/check.schema.json)."""
    assert wish.request
    return {
        "schema": SCHEMA,
        "command": list(wish.plan.command),
        "port": wish.plan.port,
        "request": wish.request.source,
        "clients": wish.connections,
        "results": [
            {
                **{name: one[name] for name in ("id", "verdict", "measured", "held", "seconds")},
                "expected": expected.get(one["id"]),
                "wrong": wrong.get(one["id"]),
            }
            for one in found
        ],
        "wrong": list(wrong.values()),
        "exit": code,
        "evidence": str(folder / "check"),
    }


def _write(path: Path, text: str) -> None:
    """Write a report where the caller wants it, who may mean a device: so not by renaming."""
    try:
        with files.writing(path, "choose another file"):
            path.write_text(text)
    except CannotRun:
        if path.is_file():
            path.unlink()  # half of it looks like a report, too
        raise


def write_json(path: Path, summary: dict[str, Any]) -> None:
    """Write the summary as JSON. Errors: CannotRun when the file cannot be written."""
    _write(path, json.dumps(printable_all(summary), indent=2) + "\n")


def write_junit(path: Path, summary: dict[str, Any]) -> None:
    """Write the summary as JUnit XML: what is wrong is a failure, N/A is skipped."""
    cases = []
    for one in summary["results"]:
        case = ElementTree.Element(
            "testcase", classname="linger.check", name=one["id"], time=str(one["seconds"])
        )
        if one["wrong"]:
            failure = ElementTree.SubElement(case, "failure", message=one["measured"])
            failure.set("type", one["verdict"])
            failure.text = _explained(one, Path(summary["evidence"]))
        elif one["verdict"] == finding.NOT_TESTED:
            ElementTree.SubElement(case, "skipped", message=one["measured"])
        ElementTree.SubElement(case, "system-out").text = f"{one['verdict']}: {one['measured']}"
        cases.append(case)
    suite = ElementTree.Element(
        "testsuite",
        name=f"linger check {words_of(tuple(summary['command']))}",
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors="0",
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
    )
    suite.extend(cases)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    for element in root.iter():
        element.text = printable_lines(element.text or "") or None
        element.attrib.update({name: printable(said) for name, said in element.attrib.items()})
    _write(path, ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n")


def _tap(summary: dict[str, Any]) -> list[str]:
    """The lines of the summary as KTAP, as `linger run --tap` writes it (tap.py)."""
    lines = [tap.VERSION, f"1..{len(summary['results'])}"]
    for number, one in enumerate(summary["results"], 1):
        wrong, known = one["wrong"], one["verdict"] in finding.BAD
        lines += [f"# {one['verdict']}: {one['measured']}"]
        lines += [f"# {text}" for text in one["held"]]
        line = f"{'not ok' if wrong or known else 'ok'} {number} {one['id']}"
        if one["verdict"] == finding.NOT_TESTED and not wrong:
            line += " # SKIP not tested"
        elif known and not wrong:
            line += " # TODO known"
        lines.append(line)
    return lines
