"""Texts that are not ours: what a program of anybody's has printed."""

from __future__ import annotations

from pathlib import Path


def tail_of(file: Path, lines: int = 6) -> str:
    """The last lines of a file, to be put behind a sentence; "" when there are none."""
    try:
        last = file.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        return ""
    return "".join(f"\n    | {printable(line)}" for line in last)


def printable(line: str) -> str:
    """A line of a program without what would steer a terminal or has no place in XML."""
    return "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in line)
