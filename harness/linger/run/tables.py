"""A scenario's measurements as tables: its expectations and its outcomes."""

from __future__ import annotations

from typing import Any, Sequence

from linger.lab.census import STATES
from linger.lab.failure import HELD
from linger.run.printer import Row
from linger.run.results import GOOD, labels

MOST_COLUMNS = 3  # of expectations side by side; more are listed below each other


def table(found: Sequence[dict[str, Any]]) -> tuple[Row, list[Row]]:
    """The head and the rows of a scenario's table, repetitions summed up."""
    subjects: dict[bool, set[str]] = {True: set(), False: set()}
    for row in (row for result in found for row in result["expectations"]):
        subjects[row["name"] == HELD].add(row["subject"])
    for result in found:
        rows = result["expectations"]
        for row, name in zip(rows, labels(rows)):
            several = len(subjects[row["name"] == HELD]) > 1
            row["label"] = f"{row['subject']} {name}" if several else name
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
    """One row per expectation, two columns per variant: what was measured, and what was expected."""
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
    """One of a variant's repetitions; one that failed, if any did."""
    return next((result for result in results if result["verdict"] not in GOOD), results[-1])


def _cells(results: list[dict[str, Any]], columns: Sequence[str]) -> list[str]:
    cells = {row["label"]: _measured(row) for row in _representative(results)["expectations"]}
    return [cells.get(column, "-") for column in columns]


def _summary(results: list[dict[str, Any]]) -> list[str]:
    shown = _representative(results)
    held = sum(result["verdict"] in GOOD for result in results)
    expected = ", ".join(f"{row['label']} {row['expected']}" for row in shown["expectations"])
    verdict = ": ".join([shown["verdict"].upper(), *_lasts(shown)])
    if len(results) > 1:
        verdict = f"{held} of {len(results)} as predicted"
    return [
        _owners(shown),
        f"{max(result['seconds'] for result in results):.2f}",
        expected.replace("== ", "") or "-",
        verdict,
    ]


def _lasts(result: dict[str, Any]) -> list[str]:
    """How long what is left will stay, as far as known: stated once, if at all."""
    return [row["lasts"] for row in result["expectations"] if "lasts" in row][:1]


def grid(outcomes: dict[str, Any]) -> tuple[Row, list[Row]]:
    """The head and the rows of a table of outcomes; cells that differ from the expected say so."""
    columns = list(dict.fromkeys(cell["column"] for cell in outcomes["cells"]))
    rows: dict[str, dict[str, str]] = {}
    for cell in outcomes["cells"]:
        wrong = f" (expected {cell['expected']})" if cell["held"] is False else ""
        rows.setdefault(cell["row"], {})[cell["column"]] = cell["measured"] + wrong
    return ["", *columns], [
        [name, *(cells.get(column, "-") for column in columns)] for name, cells in rows.items()
    ]


def _measured(row: dict[str, Any]) -> str:
    """What was counted; for a state also its highest count."""
    measured = str(row["measured"])
    return f"{measured} (peak {row['peak']})" if row["name"] in STATES else measured


def _owners(result: dict[str, Any]) -> str:
    """Who holds the connections that the scenario counted."""
    hosts = {row["subject"] for row in result["expectations"]}
    owners = [owner for host in hosts for owner in result["owners"].get(host, ())]
    names = dict.fromkeys(f"{owner['process']}, pid {owner['pid']}" for owner in owners)
    return "; ".join(names) or "-"
