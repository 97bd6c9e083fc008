"""What a run of checks prints: its steps, a table, and a paragraph for each defect."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Iterable, Mapping, TextIO

from linger.check import finding, known
from linger.check.battery import Check
from linger.check.finding import LEAK, STARVE, Held
from linger.run import printer, results

LADDER, ENDING = 20, 8  # lines of a ladder, and how many of them at its end
HEAD = ["check", "verdict", "measured", "seconds"]


def explain(checks: Iterable[Check]) -> None:
    """Print every check: what the clients do, which mistake it finds, which scenarios show it."""
    for check in checks:
        print(f"{check.id}{' (slow)' if check.slow else ''}")
        print(printer.wrapped(f"{check.happens} {check.mistake}"))
        print(printer.wrapped(f"Basis: {check.clause}"))
        print(printer.wrapped(f"Scenarios: {', '.join(check.scenarios)}."), end="\n\n")
    print("Verdicts")
    for word, meaning in finding.MEANING.items():
        print(f"  {word:7} {meaning}")


class Console:
    """What is printed while the checks run, and at the end."""

    def __init__(self, out: TextIO, head: str, checks: Mapping[str, Check], quiet: bool) -> None:
        """out: where to; head: the first line; checks: by id; quiet: print nothing, because KTAP follows."""
        self._out, self._checks, self._quiet = out, checks, quiet
        self._began = time.monotonic()
        self._say(head)

    def _say(self, line: str) -> None:
        if not self._quiet:
            printer.say(line, self._out)

    def step(self, line: str) -> None:
        """Report a step."""
        self._say(f"{time.monotonic() - self._began:8.3f} s  {line}")

    def conclude(self, summary: dict[str, Any]) -> None:
        """Print the table and the paragraphs."""
        if self._quiet:
            return
        rows = [
            [one["id"], one["verdict"], one["measured"], f"{one['seconds']:.1f}"]
            for one in summary["results"]
        ]
        self._say("")
        printer.print_table(HEAD, rows, self._out)
        for result in summary["results"]:
            as_known = result["expected"] and not result["wrong"]
            if result["verdict"] in (*finding.BAD, finding.WARN) and not as_known:
                check = self._checks[result["id"]]
                self._say("\n" + explained(check, result, Path(summary["evidence"])))
        file = summary["known_in"]
        self._list(f"worse than {file}, or different:" if file else "wrong:", _worse(summary))
        self._list(f"better than {file}:", _better(summary))
        folder = Path(summary["evidence"])
        self._say(f"\nreport: build/linger report {results.shortest(folder.parent)}")
        self._say(f"evidence: {results.shortest(folder)}")
        self._say(f"{_counted(summary)} in {time.monotonic() - self._began:.1f} s")
        if file:
            self._say(_compared(summary))

    def _list(self, head: str, lines: list[str]) -> None:
        if lines:
            self._say(f"\n{head}")
        for line in lines:
            self._say(printer.wrapped(line))

    def wrote(self, path: Path, summary: dict[str, Any]) -> None:
        """Report that the verdicts have become the known ones."""
        count, bad = len(summary["results"]), len(_bad(summary))
        what = "a failure" if bad == 1 else "failures"
        self._say(f"wrote {path}: {count} verdict{'s' * (count > 1)}, {bad or 'none'} of them {what}")


def _bad(summary: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in summary["results"] if one["verdict"] in finding.BAD]


def _worse(summary: dict[str, Any]) -> list[str]:
    return [one["wrong"] for one in summary["results"] if one["wrong"] and not one["better"]]


def _better(summary: dict[str, Any]) -> list[str]:
    return [one["wrong"] for one in summary["results"] if one["better"]]


def _compared(summary: dict[str, Any]) -> str:
    """How a run compares with the known verdicts, in a line."""
    count = sum(not one["wrong"] for one in _bad(summary))
    worse, better = len(_worse(summary)), len(_better(summary))
    return (
        f"{summary['known_in']}: {count or 'no'} known failure{'s' * (count != 1)}, "
        f"{worse or 'nothing'} worse, {better or 'nothing'} better"
    )


def _counted(summary: dict[str, Any]) -> str:
    verdicts = [result["verdict"] for result in summary["results"]]
    words = [word for word in finding.WORDS if word in verdicts]
    return ", ".join(f"{verdicts.count(word)} {word}" for word in words)


def explained(check: Check, result: dict[str, Any], evidence: Path) -> str:
    """The paragraph of a defect. evidence: the folder that has the folders of the checks."""
    shown = ", ".join(f"make scenario-{name}" for name in check.scenarios)
    lines = [
        f"{check.id}: {result['verdict']} ({finding.MEANING[result['verdict']]})",
        printer.wrapped(
            f"{check.happens} {result['measured'][:1].upper()}{result['measured'][1:]}."
        ),
        *(f"    {line}" for line in details(result)),
        *_ladder(evidence / check.id, result["verdict"], check.program),
        *_causes(check, result),
        printer.wrapped(f"Basis: {check.clause}"),
        printer.wrapped(f"Shown, with its repair, by {shown}."),
        f"  Evidence: {results.shortest(evidence / check.id)}",
    ]
    return "\n".join(lines)


def _causes(check: Check, result: dict[str, Any]) -> list[str]:
    """What causes a defect: what the check looks for, unless the program just ended."""
    if not result["crashed"]:
        return [printer.wrapped(f"Likely cause: {check.mistake}")]
    output = "; its last output is above" if result["notes"] else ""
    return [
        printer.wrapped(f"Likely cause: an unhandled error or a signal ended the {check.program}{output}."),
        printer.wrapped(f"What the check looks for: {check.mistake}"),
    ]


def details(result: dict[str, Any]) -> list[str]:
    """The lines that follow the measurement: what is held, and notes."""
    return [*(str(Held.of(one)) for one in result["held"]), *result["notes"]]


def _ladder(folder: Path, verdict: str, program: str) -> list[str]:
    """One connection, segment by segment, that shows what was found: the commonest of its kind.

    program: the host of the program that is judged.
    """
    try:
        groups = json.loads((folder / "ladder.json").read_text())["groups"]
        ports = json.loads((folder / "finding.json").read_text())["ports"]
    except FileNotFoundError:
        return []
    groups = [one for one in groups if not ports or one["ladder"]["server"]["port"] in ports]
    groups.sort(key=lambda group: -group["connections"])
    shown = _telling([group["ladder"] for group in groups], verdict, program)
    if not shown:
        return []
    lines = list(shown["text"])
    left_out = len(lines) - LADDER
    if left_out > 1:  # the end shows how it ended
        lines[LADDER - ENDING - 1 : -ENDING] = [f"  ... {left_out + 1} more lines ..."]
    same = next(group["connections"] for group in groups if group["ladder"] is shown) - 1
    return [*lines, *([f"  {same} further connection{'s' * (same > 1)} like this"] if same else [])]


def _telling(ladders: list[dict[str, Any]], verdict: str, program: str) -> dict[str, Any] | None:
    """The ladder that best shows what was found, among clients that got through; None if none did.

    The commonest come first. A connection that is still held was not ended by the program.
    """
    ours = [
        ladder
        for ladder in ladders
        if ladder["client"]["host"] == "client"
        and any(segment["server"] == "ESTABLISHED" for segment in ladder["segments"])
    ]
    held = [ladder for ladder in ours if not _ended_by(program, ladder)]
    return next(iter((verdict in (LEAK, STARVE) and held) or ours), None)


def _ended_by(host: str, ladder: dict[str, Any]) -> bool:
    """Whether a host's end sent a FIN or a RST before the verdict."""
    return any(
        segment["from"] == host
        and {"FIN", "RST"} & {*segment["flags"]}
        and segment["sent"] is not None
        and segment["sent"] <= ladder["verdict"]
        for segment in ladder["segments"]
    )
