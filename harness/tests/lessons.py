"""Where the lesson of a pair is, and how near a report of blame comes to it."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Iterator

FUNCTION = re.compile(r"^(?:static |struct |unsigned |const )*\w[\w *]*?\b(\w+)\(")
NEAR = 5  # lines


@dataclass(frozen=True)
class Spot:
    """Lines of the buggy file that its repair changes."""

    function: str
    first: int
    last: int

    def distance(self, line: int) -> int:
        """How many lines away a line is."""
        return max(self.first - line, line - self.last, 0)


@dataclass(frozen=True)
class Score:
    """What a report names of a lesson."""

    function: bool  # the right one
    distance: int | None  # within it, to the nearest line of the diff

    @property
    def right(self) -> bool:
        """Whether that is near enough."""
        return self.function and self.distance is not None and self.distance <= NEAR


def spots(buggy: Path, fixed: Path) -> list[Spot]:
    """Where the files of a pair differ, in lines of the buggy one."""
    before, after = buggy.read_text().splitlines(), fixed.read_text().splitlines()
    opcodes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [Spot(_function(before, i1), i1 + 1, max(i2, i1 + 1))
            for tag, i1, i2, _, _ in opcodes if tag != "equal"]  # fmt: skip


def _function(lines: list[str], index: int) -> str:
    """The function that contains a line; "" if none does."""
    for line in reversed(lines[: index + 1]):
        if line.startswith("}"):
            return ""
        if line[:1] not in ("", " ", "\t", "{", "/", "*", "#", ")") and (found := FUNCTION.match(line)):
            return found[1]
    return ""


def places(group: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All places that the words of a group show."""
    yield from (touch["where"] for touch in group["touches"] if touch["where"])
    if group.get("now", {}).get("where"):
        yield group["now"]["where"]
    for one in group["next"]:
        yield from one["lines"]


def score(document: dict[str, Any], buggy: Path, lesson: list[Spot]) -> Score:
    """How near a document's groups come, except those about merely open connections."""
    shown = [
        place
        for group in document["groups"]
        for place in places(group)
        if PurePath(place["file"]).name == buggy.name
    ]
    distances = [
        spot.distance(place["line"])
        for spot in lesson
        for place in shown
        if place["function"] == spot.function
    ]
    return Score(bool(distances), min(distances, default=None))
