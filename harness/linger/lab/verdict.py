"""Verdicts: rows of expected and measured, and what makes a row hold.

There are two lists. `struck` proves that the fault happened; a row that does not hold there means
that nothing was tested. `expectations` are what the scenario claims about the fault's effect.
"""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Sequence

from linger.lab import census
from linger.lab.errors import Broken, NotHeld

ABSENT = "not on this kernel"
Table = Mapping["tuple[str, str]", str]


class Verdict:
    """The rows of one variant of one scenario."""

    def __init__(
        self, prove: bool = False, withhold: bool = False, swapped: Sequence[object] = ()
    ) -> None:
        """prove: the expectations are those of the other variant, and every row must fail.

        swapped: with prove, everything in EXPECT, of which each variant has the other one's.
        withhold: a fault is withheld (withhold.py), so they are not judged: a guard must fail.
        """
        self.prove = prove
        self.withhold = withhold
        self.swapped = swapped
        self.struck: list[dict[str, Any]] = []
        self.expectations: list[dict[str, Any]] = []
        self.tables: list[dict[str, Any]] = []

    @property
    def judged(self) -> bool:
        """Whether anything was expected at all."""
        return bool(self.expectations or self.tables)

    def guard(
        self, host: str, name: str, expected: int | str, measured: int | str, why: str
    ) -> None:
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
            raise Broken(
                "an expectation before happened(): nothing yet proves that the fault happened"
            )
        self.expectations += rows
        if self.withhold:
            return
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

    def tabulate(self, title: str, expected: Table, measured: Table) -> None:
        """Record a table of outcomes and judge it cell by cell.

        expected, measured: (row, column) to an outcome in a word, "ok" or the name of an error.
        A cell measured as ABSENT is not judged: this kernel cannot tell. With prove, a table that
        EXPECT has for each variant must differ; one that all variants share must not, and is
        covered by withholding. Errors: NotHeld naming the cells that differ; Broken for a table
        that shows nothing.
        """
        if len(set(expected.values())) < 2:
            raise Broken(f"{title}: all cells are alike, so the table tells nothing")
        cells = [
            {
                "row": row,
                "column": column,
                "expected": outcome,
                "measured": measured[row, column],
                "held": None
                if measured[row, column] == ABSENT
                else measured[row, column] == outcome,
            }
            for (row, column), outcome in expected.items()
        ]
        self.tables.append({"title": title, "cells": cells})
        failed = [
            f"{cell['row']} / {cell['column']} is {cell['measured']}, expected {cell['expected']}"
            for cell in cells
            if cell["held"] is False
        ]
        if self.prove and any(expected is table for table in self.swapped):
            if not failed:
                raise NotHeld(f"{title}: does not tell the variants apart")
            return
        if failed:
            raise NotHeld(f"{title}: " + "; ".join(failed))
        if all(cell["held"] is None for cell in cells):
            raise Broken(f"{title}: no cell can be measured on this kernel")


def table(columns: Iterable[str], rows: Mapping[str, Iterable[str]]) -> Table:
    """A table of outcomes from its head and its rows: row name to a cell for each column."""
    return {
        (name, column): cell for name, cells in rows.items() for column, cell in zip(columns, cells)
    }


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
