"""Verdicts: rows of expected and measured values, and what makes a row hold.

There are two lists. `struck` proves that the fault happened; if a row there does not hold, nothing
was tested. `expectations` are what the scenario claims about the fault's effect.
"""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Sequence

from linger.lab import census
from linger.lab.errors import Broken
from linger.lab.failure import ALIKE, BRIEF, CELL, EXPECTATION, GUARD, Failure, not_held

ABSENT = "not on this kernel"  # in a cell, followed by the reason
Table = Mapping["tuple[str, str]", str]


def absent(why: str) -> str:
    """The cell of a kernel that lacks what the cell is about. why: "tcp_tw_reuse_delay came with 6.14"."""
    return f"{ABSENT}: {why}"


def is_absent(measured: int | str) -> bool:
    """Whether a cell says that this kernel cannot tell."""
    return str(measured).startswith(ABSENT)


class Verdict:
    """The rows of one variant of one scenario."""

    def __init__(
        self, prove: bool = False, withhold: bool = False, swapped: Sequence[object] = ()
    ) -> None:
        """prove: use the other variant's expectations, so every row must fail.

        swapped: with prove, everything in EXPECT, where each variant has the other's values.
        withhold: a fault is withheld (withhold.py), so expectations are not judged: a guard must fail.
        """
        self.prove = prove
        self.withhold = withhold
        self.swapped = swapped
        self.struck: list[dict[str, Any]] = []
        self.expectations: list[dict[str, Any]] = []
        self.tables: list[dict[str, Any]] = []

    @property
    def judged(self) -> bool:
        """Whether anything was expected."""
        return bool(self.expectations or self.tables)

    def guard(
        self, subject: str, name: str, expected: int | str, measured: int | str, why: str
    ) -> None:
        """Record a row of the vacuity guard. why: what the program said, for the sentence.

        Errors: NotHeld when the fault did not happen as expected.
        """
        row = make_row(subject, name, expected, measured)
        self.struck.append(row)
        if not row["held"]:
            raise not_held([_failure(GUARD, row)], why)

    def expect(self, rows: list[dict[str, Any]], stayed: bool = True) -> None:
        """Record rows of expectations and judge them.

        stayed: whether they also lasted for their window.
        Errors: NotHeld naming the rows that fail (with prove, the rows that do not); Broken when
        no fault was proved before.
        """
        if not self.struck:
            raise Broken(
                "an expectation before happened(): nothing yet proves that the fault happened"
            )
        self.expectations += rows
        if self.withhold:
            return
        if self.prove:
            failed = [_failure(ALIKE, row) for row in rows if row["held"]]
        else:
            failed = [_failure(EXPECTATION, row) for row in rows if not row["held"]]
            if not stayed and not failed:
                failed = [_failure(BRIEF, row) for row in rows]
        if failed:
            raise not_held(failed)

    def tabulate(self, title: str, expected: Table, measured: Table) -> None:
        """Record a table of outcomes and judge it cell by cell.

        expected, measured: (row, column) to a one-word outcome, "ok" or the name of an error.
        A cell measured as absent() is not judged: this kernel cannot tell. With prove, a table that EXPECT
        has for each variant must differ; a table that all variants share must not: withholding covers it.
        Errors: NotHeld naming the cells that differ; Broken for a table that shows nothing.
        """
        if len(set(expected.values())) < 2:
            raise Broken(f"{title}: all cells are alike, so the table shows nothing")
        cells = [
            {
                "row": row,
                "column": column,
                "expected": outcome,
                "measured": measured[row, column],
                "held": None
                if is_absent(measured[row, column])
                else measured[row, column] == outcome,
            }
            for (row, column), outcome in expected.items()
        ]
        self.tables.append({"title": title, "cells": cells})
        failed = [
            Failure(CELL, title, f"{cell['row']} / {cell['column']}", cell["expected"],
                    cell["measured"])
            for cell in cells
            if cell["held"] is False
        ]  # fmt: skip
        if self.prove and any(expected is table for table in self.swapped):
            if not failed:
                raise not_held([Failure(ALIKE, title, "cells that differ", ">= 1", 0)])
            return
        if failed:
            raise not_held(failed)
        if all(cell["held"] is None for cell in cells):
            raise Broken(f"{title}: no cell can be measured on this kernel")


def table(columns: Iterable[str], rows: Mapping[str, Iterable[str]]) -> Table:
    """A table of outcomes from its columns and its rows: row name to a cell for each column."""
    return {
        (name, column): cell for name, cells in rows.items() for column, cell in zip(columns, cells)
    }


def make_row(subject: str, name: str, expected: int | str, measured: int | str) -> dict[str, Any]:
    """A row: numbers are compared as in comparison(); words must be equal.

    subject: a host, a program, or anything else that is measured.
    """
    if isinstance(measured, int):
        shown = "{} {}".format(*census.comparison(expected))
        held = census.holds(measured, expected)
    else:
        shown = f"== {expected}"
        held = measured == expected
    return {"subject": subject, "name": name, "expected": shown, "measured": measured, "held": held}


def _failure(kind: str, row: Mapping[str, Any]) -> Failure:
    """A row that did not hold."""
    return Failure(kind, row["subject"], row["name"], row["expected"], row["measured"])
