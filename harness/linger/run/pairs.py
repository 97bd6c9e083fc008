"""Pairs: a buggy program and its repair, which differ only in the lesson.

The rules: both files exist, at most three hunks and fifteen changed lines, and every hunk has a `LESSON:`
comment that says what to notice.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Iterator

from linger.lab.errors import NotHeld
from linger.lab.programs import ROOT

MOST_HUNKS, MOST_LINES = 3, 15
FOLDERS = ("servers", "clients")


def pairs(root: Path = ROOT) -> Iterator[tuple[Path, Path]]:
    """Every (buggy, fixed) pair of files; one of the two may be missing."""
    for folder in FOLDERS:
        stems = {
            path.name.rpartition("_")[0]
            for kind in ("buggy", "fixed")
            for path in (root / folder).glob(f"*_{kind}.c")
        }
        for stem in sorted(stems):
            yield _pair(root / folder, stem)


def _pair(folder: Path, stem: str) -> tuple[Path, Path]:
    return folder / f"{stem}_buggy.c", folder / f"{stem}_fixed.c"


def pair_of(name: str, root: Path = ROOT) -> tuple[Path, Path] | None:
    """The (buggy, fixed) files of a scenario; None when it has no pair of its own."""
    possible = (_pair(root / folder, name.replace("-", "_")) for folder in FOLDERS)
    return next((pair for pair in possible if any(path.exists() for path in pair)), None)


def lesson(buggy: Path, fixed: Path, context: int = 3) -> list[str]:
    """The unified diff from the bug to its repair, as `diff -u` shows it."""
    before, after = buggy.read_text().splitlines(), fixed.read_text().splitlines()
    names = [str(path.relative_to(path.parents[1])) for path in (buggy, fixed)]
    return list(difflib.unified_diff(before, after, *names, n=context, lineterm=""))


def faults(buggy: Path, fixed: Path) -> list[str]:
    """What is wrong with a pair, in sentences; empty if it keeps the rules."""
    for path in (buggy, fixed):
        if not path.exists():
            return [f"{path.name} is missing"]
    hunks: list[list[str]] = []
    for line in lesson(buggy, fixed)[2:]:
        if line.startswith("@@"):
            hunks.append([])
        elif line[0] in "+-":
            hunks[-1].append(line)
    changed = sum(max(sum(line[0] == sign for line in hunk) for sign in "+-") for hunk in hunks)
    found = []
    if not hunks:
        found.append("the two files are the same")
    if len(hunks) > MOST_HUNKS:
        found.append(f"{len(hunks)} hunks, more than {MOST_HUNKS}")
    if changed > MOST_LINES:
        found.append(f"{changed} changed lines, more than {MOST_LINES}")
    found += [
        f"a hunk without a LESSON comment: {hunk[0][1:].strip()}"
        for hunk in hunks
        if not any("LESSON:" in line for line in hunk)
    ]
    return found


def check(root: Path = ROOT) -> int:
    """Check every pair; returns how many there are. Errors: NotHeld naming each fault."""
    checked = {pair: faults(*pair) for pair in pairs(root)}
    wrong = [
        f"{buggy.name}, {fixed.name}: {fault}"
        for (buggy, fixed), found in checked.items()
        for fault in found
    ]
    if not checked:
        raise NotHeld("there are no pairs in servers/ or clients/")
    if wrong:
        raise NotHeld("\n".join(wrong))
    return len(checked)
