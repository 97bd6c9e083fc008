"""What a run left of one program, and the conclusion from it."""

from __future__ import annotations

import dataclasses
from typing import Any, Iterator

from linger.run.results import GOOD

REPAIRED = "repaired"
ENDS = {"FIN", "RST"}


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What is wrong: a word for tests, and sentences for people."""

    word: str
    sentence: str  # what happened
    advice: str = ""  # what it means, where to look
    report: str = ""  # the program's own last words

    @property
    def repaired(self) -> bool:
        return self.word == REPAIRED


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What a run left of one variant: result.json, trial.json, ladder.json; each None if it is missing."""

    result: dict[str, Any] | None
    trial: dict[str, Any] | None
    ladder: dict[str, Any] | None = None

    @property
    def failed(self) -> bool:
        return not self.result or self.result["verdict"] not in GOOD

    def first(self, kind: str) -> dict[str, Any] | None:
        """The first failure of a kind, as in result.json."""
        assert self.result
        return next((one for one in self.result["failures"] if one["kind"] == kind), None)

    def ended_by(self, end: str) -> int:
        """How many connections an end was the first to close or reset before the verdict, by the ladders that
        are shown. end: "client", "server"."""
        groups = self.ladder["groups"] if self.ladder else []
        return sum(group["connections"] for group in groups if _first_end(group["ladder"]) == end)


def _first_end(ladder: dict[str, Any]) -> str:
    """Which end sent the first FIN or RST before the verdict; "" for none."""
    for segment in ladder["segments"]:
        if ENDS & {*segment["flags"]}:
            at, judged = segment["sent"] or segment["arrived"], ladder["verdict"]
            return segment["from"] if judged is None or at <= judged else ""
    return ""


Found = Iterator[Diagnosis]  # nothing, or what was found in the evidence
