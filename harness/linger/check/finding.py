"""Verdicts, findings, and the verdicts that a caller already knows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Collection

from linger.lab.errors import LingerError, Usage, os_sentence

PASS = "PASS"
FAIL = "FAIL"  # a defect
LEAK = "LEAK"  # something is held forever
STARVE = "STARVE"  # others are not served
WARN = "WARN"  # a risk worth knowing
CHOICE = "CHOICE"  # a legitimate policy, reported and not judged
NOT_TESTED = "N/A"  # it could not be tested; the finding says why
WORDS = (PASS, FAIL, LEAK, STARVE, WARN, CHOICE, NOT_TESTED)
BAD = (FAIL, LEAK, STARVE)
MEANING = {
    PASS: "as it should be",
    FAIL: "a defect",
    LEAK: "something is held forever",
    STARVE: "other clients are not served",
    WARN: "a risk worth knowing",
    CHOICE: "a legitimate policy, reported and not judged",
    NOT_TESTED: "could not be tested; the line says why",
}


class NotStruck(LingerError):
    """The fault did not happen, so the check proves nothing; the sentence says why."""


@dataclass(frozen=True)
class Held:
    """Things of one kind that a program still held."""

    count: int
    kind: str  # connection, gone, unaccepted, unseen; or a descriptor's kind as in the census: file
    name: str  # "/srv/www/large", "socket to 127.0.0.1:9091 ESTABLISHED", "pipe"
    process: str = ""  # its holder; "": none, or unknown
    pid: int | None = None
    note: str = ""  # anything else known about them

    def __str__(self) -> str:
        whose = f", {self.process} pid {self.pid}" if self.process else ""
        return f"{self.count} × {self.name}{whose}{f' ({self.note})' if self.note else ''}"

    def told(self) -> dict[str, Any]:
        """Itself, for JSON."""
        return {**asdict(self), "process": self.process or None, "note": self.note or None}

    @staticmethod
    def of(told: dict[str, Any]) -> Held:
        """The inverse of told()."""
        return Held(**{**told, "process": told["process"] or "", "note": told["note"] or ""})


@dataclass
class Finding:
    """What a check found out."""

    verdict: str
    measured: str  # one line
    held: list[Held] = field(default_factory=list)  # what the program still held
    notes: list[str] = field(default_factory=list)  # the program's last output, or what the clients received
    ports: list[int] = field(default_factory=list)  # of the server; their connections show it; none: all do
    timeline: list[dict[str, Any]] = field(default_factory=list)  # of a long-running program, one row a second


def not_tested(why: str) -> Finding:
    """A finding without a verdict. why: one clause."""
    return Finding(NOT_TESTED, why)


def died(said: str) -> Finding:
    """The finding when the program ended. said: a sentence, and lines of the program's output."""
    sentence, *output = said.splitlines()
    return Finding(FAIL, sentence, notes=[line.strip() for line in output])


def read_expected(path: Path, known: Collection[str]) -> dict[str, list[str]]:
    """Read the file of known verdicts: one "ID VERDICT" or "ID VERDICT|VERDICT" a line; # comments.

    known: the ids that exist. Errors: Usage, for a file that cannot be read or an unknown id.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = os_sentence(error) if isinstance(error, OSError) else f"{path}: not a text"
        raise Usage(f"cannot read the expected verdicts: {why}") from None
    expected: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        verdicts = words[1].upper().split("|") if len(words) == 2 else []
        if not verdicts or words[0] not in known or not set(verdicts) <= set(WORDS):
            raise Usage(
                f"{path}:{number}: not an id and a verdict: {line.strip()!r}; "
                "--list shows both"
            )
        expected[words[0]] = verdicts
    return expected


def judge(
    results: list[dict[str, Any]], expected: dict[str, list[str]], strict: bool
) -> dict[str, str]:
    """What is wrong with a run, a sentence per check; empty: all is as it should be.

    results: as the trials return them; expected: the known verdicts by id; any difference is reported, even a
    better verdict; strict: WARN is wrong as well.
    """
    wrong = {}
    for result in results:
        verdict, wanted = result["verdict"], expected.get(result["id"])
        if wanted and verdict not in wanted:
            better = "; take it out of the file" if set(wanted) & {*BAD, WARN} else ""
            better = better if verdict in (PASS, CHOICE) else ""
            wrong[result["id"]] = f"{verdict}, known as {' or '.join(wanted)}{better}"
        elif not wanted and (verdict in BAD or strict and verdict == WARN):
            wrong[result["id"]] = f"{verdict}: {result['measured']}"
    return {id: f"{id} is {why}" for id, why in wrong.items()}
