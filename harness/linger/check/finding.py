"""Verdicts and findings."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from linger.lab.errors import LingerError

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
    crashed: bool = False  # the program ended by itself, or never listened


def not_tested(why: str) -> Finding:
    """A finding without a verdict. why: one clause."""
    return Finding(NOT_TESTED, why)


def died(said: str) -> Finding:
    """The finding when the program ended. said: a sentence, and lines of the program's output."""
    sentence, *output = said.splitlines()
    return Finding(FAIL, sentence, notes=[line.strip() for line in output], crashed=True)
