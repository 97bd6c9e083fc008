"""What did not hold, as an object. Sentences are made from it, never parsed back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Sequence

from linger.lab.errors import NotHeld

GUARD = "guard"  # something that should have happened before anything is judged
EVENT = "event"  # a program did not report an event as often as it should
ENDING = "ending"  # a program ended, or went on, when it should not
EXPECTATION = "expectation"  # a row of what the fault left behind
HELD = "held"  # at the end a program holds more than it may
BRIEF = "brief"  # such a row was right, but did not last
CELL = "cell"  # a cell of a table of outcomes
ALIKE = "alike"  # with --prove: a row that is the same for both variants
UNGUARDED = "unguarded"  # with --prove: a fault was withheld, and no guard noticed


@dataclass(frozen=True)
class Failure:
    """One thing that did not hold (schema/result.schema.json)."""

    kind: str  # one of the words above
    subject: str  # a host, a program, or the title of a table
    event: str  # what was counted: a state, an event such as "recv n=0", "ending", "row / column"
    wanted: str  # a comparison such as "== 100", or a word
    counted: int | str  # how many, or what was there instead
    because: str = ""  # how it ended: "ended with status 1", "60 s passed"

    def __str__(self) -> str:
        return _SENTENCES[self.kind](self)

    def record(self) -> dict[str, Any]:
        """The failure for JSON."""
        return asdict(self)


def not_held(failures: Sequence[Failure], output: str = "") -> NotHeld:
    """The error for some failures. output: the program's last lines, to append to them."""
    return NotHeld("; ".join(map(str, failures)) + output, failures)


def _row(one: Failure) -> str:
    return f"{one.subject} has {one.event} {one.counted}, expected {one.wanted}"


def _event(one: Failure) -> str:
    times = one.wanted.rpartition(" ")[2]
    return f"{one.subject} reported {one.event} {one.counted} of {times} times, then {one.because}"


def _holding(one: Failure) -> str:
    return f"{one.subject} still holds at the end: {one.because}"


_SENTENCES = {
    GUARD: lambda one: f"the fault did not happen: {_row(one)}",
    EVENT: _event,
    ENDING: lambda one: f"{one.subject} {one.because}",
    EXPECTATION: _row,
    HELD: _holding,
    BRIEF: lambda one: f"{_row(one)}, but that did not last",
    CELL: lambda one: f"{one.subject}: {one.event} is {one.counted}, expected {one.wanted}",
    ALIKE: lambda one: f"does not tell the variants apart: {_row(one)}",
    UNGUARDED: lambda one: f"not guarded: without {one.event} in {one.subject} it would go on",
}
