"""A document about a program, told about an edited copy of its source."""

from __future__ import annotations

from difflib import SequenceMatcher
from pathlib import PurePath
from typing import Any


def moved(document: dict[str, Any], name: str, source: str, copy: str, copied: str) -> dict[str, Any]:
    """The document with the lines of a file as they are numbered in its copy, and without excerpts.

    name, source: of the file; copy, copied: the same of its copy. A line that the copy lacks becomes the
    nearest one before it.
    """
    numbers = _numbers(source.splitlines(), copied.splitlines())

    def told(part: Any) -> Any:
        if isinstance(part, list):
            return [told(one) for one in part]
        if not isinstance(part, dict):
            return part
        made = {key: told(value) for key, value in part.items() if key != "source"}
        if PurePath(made.get("file") or "").name == name and made.get("line"):
            made |= {"file": copy, "line": numbers[made["line"]]}
        return made

    return told(document)


def _numbers(old: list[str], new: list[str]) -> dict[int, int]:
    """Where each line of a text is in another one, both counted from 1."""
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    same = {a + n: b + n for a, b, size in blocks for n in range(1, size + 1)}
    found, last = {}, 1
    for number in range(1, len(old) + 1):
        found[number] = last = same.get(number, last)
    return found
