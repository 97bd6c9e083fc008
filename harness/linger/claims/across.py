"""The claims by kernel: what a run on each of several kernels shows.

A run need not decide every claim; it says why it does not decide one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from linger.claims import judge, measured
from linger.claims.judge import FAILS, HOLDS, Judged
from linger.claims.ledger import Claim
from linger.lab.errors import Usage
from linger.lab.verdict import ABSENT, is_absent
from linger.run import results

UNDECIDED = "not decided"
LETTERS = "abcdefghij"  # of the conditions of a claim


@dataclass(frozen=True)
class Column:
    """A kernel: what a run on it shows.

    judged: by the ids of the claims. absent: the cells that this kernel cannot show, such as
    "restart-matrix/condition: binds, old / new", and why.
    """

    linux: str
    run: Path
    environment: Mapping[str, Any]
    judged: Mapping[str, Judged]
    absent: Mapping[str, str]
    variants: Mapping[tuple[str, str], str]  # scenario and variant: the verdict

    @property
    def passed(self) -> int:
        """How many variants of scenarios behaved as predicted."""
        return sum(verdict in results.GOOD for verdict in self.variants.values())


def columns(runs: Sequence[Path], chosen: Sequence[Claim]) -> list[Column]:
    """One column per run, the oldest kernel first.

    Errors: Usage when a folder holds no finished run, or two runs are of one kernel.
    """
    found = sorted((_column(run, chosen) for run in runs), key=lambda one: _number(one.linux))
    for one, next in zip(found, found[1:]):
        if one.linux == next.linux:
            raise Usage(f"{one.run} and {next.run} are both from Linux {one.linux}; name one of them")
    return found


def in_folder(folder: Path) -> list[Path]:
    """The runs in a folder of kernels, results/kernels."""
    return sorted(path.parent for path in folder.glob("[0-9]*/environment.json"))


def _column(run: Path, chosen: Sequence[Claim]) -> Column:
    environment = measured.environment(run)
    if environment is None:
        raise measured.unfinished(run)
    documents = list(results.read_results(run))
    return Column(
        linux=environment.get("linux") or results.linux(environment["kernel"]),
        run=run,
        environment=environment,
        judged={one.id: one for one in judge.judge(documents, chosen)},
        absent=dict(_absent(documents)),
        variants={(one["scenario"], one["variant"]): one["verdict"] for one in documents},
    )


def _number(linux: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", linux)]


def _absent(documents: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for one in documents:
        who = f"{one['scenario']}/{one['variant']}"
        for table in one["tables"]:
            for cell in table["cells"]:
                if is_absent(cell["measured"]):
                    where = f"{who}: {table['title']}, {cell['row']} / {cell['column']}"
                    yield where, cell["measured"].removeprefix(ABSENT).lstrip(": ")


def conditions(claim: Claim) -> list[str]:
    """The conditions under which a claim may hold, each once, in order."""
    return list(dict.fromkeys(case.when for case in claim.cases if case.when))


def cell(claim: Claim, column: Column) -> str:
    """What a kernel shows about a claim, in brief: "holds", "fails", "not decided"; or "holds when a, c" with
    the letters of conditions()."""
    verdict = column.judged[claim.id].verdict
    if verdict is None:
        return UNDECIDED
    if verdict in (HOLDS, FAILS):
        return verdict
    true = verdict.removeprefix(f"{HOLDS} when ").split("; or when ")
    letters = [letter for letter, when in zip(LETTERS, conditions(claim)) if when in true]
    return f"{HOLDS} when {', '.join(letters)}"


def differs_on(claim: Judged, found: Sequence[Column]) -> list[Column]:
    """The kernels that decide a claim differently from its verdict."""
    verdicts = [(column, column.judged[claim.id].verdict) for column in found]
    return [column for column, verdict in verdicts if verdict not in (None, claim.verdict)]


def unlike(claim: Claim, found: Sequence[Column]) -> bool:
    """Whether two kernels decide a claim differently."""
    return len({column.judged[claim.id].verdict for column in found} - {None}) > 1


def markdown(chosen: Sequence[Claim], found: Sequence[Column]) -> Iterator[str]:
    """The lines of scenarios/KERNELS.md below its text: the grid, and how to read it."""
    yield f"| claim | {' | '.join(column.linux for column in found)} |"
    yield "| --- " * (len(found) + 1) + "|"
    for claim in chosen:
        yield f"| {claim.id} | {' | '.join(cell(claim, column) for column in found)} |"
    yield from _section("What differs", _differences(chosen, found))
    lettered = (
        f"{claim.id}: {'; '.join(map(' '.join, zip(LETTERS, conditions(claim))))}"
        for claim in chosen
        if any(" when " in cell(claim, column) for column in found)
    )
    yield from _section("The conditions", lettered)
    yield from _section("What a kernel cannot show", _missing(found))
    yield from _section("What was run", map(_what_ran, found))


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    yield from ([f"- {line}" for line in lines] or ["Nothing."])


def _differences(chosen: Sequence[Claim], found: Sequence[Column]) -> Iterator[str]:
    for claim in chosen:
        if unlike(claim, found):
            kernels: dict[str, list[str]] = {}
            for column in found:
                if verdict := column.judged[claim.id].verdict:
                    kernels.setdefault(verdict, []).append(column.linux)
            told = "; ".join(f"{verdict} on {', '.join(on)}" for verdict, on in kernels.items())
            yield f"{claim.id}: \"{claim.sentence}\" It {told}. {claim.note}".rstrip()


def _missing(found: Sequence[Column]) -> Iterator[str]:
    cells: dict[tuple[str, str], list[str]] = {}
    for column in found:
        for where, why in column.absent.items():
            scenario, _, rest = where.partition("/")
            title = rest.partition(": ")[2].partition(", ")[0]
            cells.setdefault((f"{scenario}, \"{title}\"", why), []).append(column.linux)
    for (where, why), kernels in cells.items():
        on = ", ".join(dict.fromkeys(kernels))
        yield f"{where}: {len(kernels)} cells on {on}; {why}."


def _what_ran(column: Column) -> str:
    return f"{column.linux}: {column.passed} of {len(column.variants)} variants passed"


def plain(chosen: Sequence[Claim], found: Sequence[Column]) -> Iterator[str]:
    """The lines for a terminal: the grid, then why kernels do not decide some claims."""
    width = max(len(claim.id) for claim in chosen)
    widths = [max(len(c.linux), *(len(cell(claim, c)) for claim in chosen)) for c in found]
    heads = (column.linux.ljust(width) for column, width in zip(found, widths))
    yield "  ".join(["claim".ljust(width), *heads]).rstrip()
    for claim in chosen:
        cells = (cell(claim, column).ljust(width) for column, width in zip(found, widths))
        mark = "  differs" if unlike(claim, found) else ""
        yield "  ".join([claim.id.ljust(width), *cells]).rstrip() + mark
    gaps: dict[str, list[str]] = {}
    for column in found:
        for one in column.judged.values():
            if one.verdict is None:
                gaps.setdefault(f"{column.linux}: {one.evidence}", []).append(one.id)
    if gaps:
        yield ""
    for why, ids in gaps.items():
        yield f"{UNDECIDED}, {why} ({', '.join(ids)})"
