"""What a run left of one program, and the conclusion from it."""

from __future__ import annotations

import dataclasses
from typing import Any, Iterator

from linger.run.results import GOOD

REPAIRED = "repaired"


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
    """What a run left of one variant: result.json and trial.json, each None if it is missing."""

    result: dict[str, Any] | None
    trial: dict[str, Any] | None

    @property
    def failed(self) -> bool:
        return not self.result or self.result["verdict"] not in GOOD


Found = Iterator[Diagnosis]  # nothing, or what was found in the evidence
