"""The page of a folder of kernels (`make kernels`): the claims, with a column for each kernel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Sequence

from linger.claims import across, ledger
from linger.claims.across import Column
from linger.claims.judge import FAILS, HOLDS
from linger.claims.ledger import Claim
from linger.report.collect import Run

SIGNS = {HOLDS: ("yes", "pass"), FAILS: ("no", "fail"), across.UNDECIDED: ("-", "soft")}


@dataclass(frozen=True)
class Cell:
    """What a kernel shows about a claim. sign: short enough for a phone; words: all of it."""

    linux: str
    sign: str
    style: str
    words: str


def is_of(path: Path) -> bool:
    """Whether a folder holds the runs of several kernels."""
    return not (path / "environment.json").exists() and bool(across.in_folder(path))


def pages(path: Path, draw: Callable[..., str]) -> dict[Path, str]:
    """The page of a folder, by its path. draw: makes a page of a template's name, the run, and values."""
    chosen = ledger.load()
    found = across.columns(across.in_folder(path), chosen)
    rows = [(claim, cells(claim, found)) for claim in chosen]
    page = draw(
        "grid.html.j2",
        run=Run(path, None),
        kernels=found,
        differing=[(claim, row) for claim, row in rows if across.unlike(claim, found)],
        alike=[(claim, row) for claim, row in rows if not across.unlike(claim, found)],
    )
    return {path / "index.html": page}


def cells(claim: Claim, found: Sequence[Column]) -> list[Cell]:
    """A claim's row of the grid."""
    return [_cell(claim, column) for column in found]


def _cell(claim: Claim, column: Column) -> Cell:
    judged: Any = column.judged[claim.id]
    word = across.cell(claim, column)
    sign, style = SIGNS.get(word, (word.removeprefix(f"{HOLDS} when "), "reproduced"))
    return Cell(column.linux, sign, style, judged.verdict or f"{word}: {judged.evidence}")
