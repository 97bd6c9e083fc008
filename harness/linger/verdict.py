"""Verdicts: rows of expected and measured, and what makes a row hold.

There are two lists. `struck` proves that the fault happened; a row that does not hold there means
that nothing was tested. `expectations` are what the scenario claims about the fault's effect.
"""

from __future__ import annotations

from typing import Any, Mapping

from linger import census
from linger.errors import Broken, NotHeld

Value = "int | str"
Row = "dict[str, Any]"


class Verdict:
    """The rows of one variant of one scenario."""

    def __init__(self, prove: bool) -> None:
        """prove: the expectations are those of the other variant, and every row must fail."""
        self.prove = prove
        self.struck: list[dict[str, Any]] = []
        self.expectations: list[dict[str, Any]] = []

    def guard(self, host: str, name: str, expected: int | str, measured: int | str, why: str) -> None:
        """Record a row of the vacuity guard. why: what the program said, for the sentence.

        Errors: NotHeld when the fault did not strike as expected.
        """
        row = make_row(host, name, expected, measured)
        self.struck.append(row)
        if not row["held"]:
            raise NotHeld(f"the fault did not strike: {sentence(row)}{why}")

    def expect(self, rows: list[dict[str, Any]], stayed: bool = True) -> None:
        """Record rows of expectations and judge them.

        stayed: whether they also lasted for their window.
        Errors: NotHeld naming the rows that fail (with prove, the rows that do not); Broken when
        no fault was proved before.
        """
        if not self.struck:
            raise Broken("an expectation before reached(): nothing yet proves that the fault struck")
        self.expectations += rows
        if self.prove:
            same = [sentence(row) for row in rows if row["held"]]
            if same:
                raise NotHeld("does not tell the variants apart: " + "; ".join(same))
            return
        failed = [sentence(row) for row in rows if not row["held"]]
        if not stayed and not failed:
            failed = [f"{sentence(row)}, and that did not last" for row in rows]
        if failed:
            raise NotHeld("; ".join(failed))


def make_row(host: str, name: str, expected: int | str, measured: int | str) -> dict[str, Any]:
    """A row: numbers are compared as comparison() tells, words must be equal."""
    if isinstance(measured, int):
        shown = "{} {}".format(*census.comparison(expected))
        held = census.holds(measured, expected)
    else:
        shown = f"== {expected}"
        held = measured == expected
    return {"host": host, "name": name, "expected": shown, "measured": measured, "held": held}


def sentence(row: Mapping[str, Any]) -> str:
    """A row in words: "server has CLOSE_WAIT 7, expected == 0"."""
    return f"{row['host']} has {row['name']} {row['measured']}, expected {row['expected']}"
