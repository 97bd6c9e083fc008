"""The rules beside the scenarios: how to recognise each.

    [symptom]
    look = "What to look at next, to decide between it and its neighbours."
    lasts = 10                                         # seconds that this must last (0)
    [symptom.needs]                                    # all must hold, or it does not fit
    "CLOSE_WAIT.in >= 1" = "{CLOSE_WAIT.in| connection waits| connections wait} for our close()"
    [symptom.for]                                      # each that holds speaks for it
    "unread.in == 0" = "the end of each stream was read"
    [symptom.against]                                  # each that holds speaks against it
    "accept_queue >= 1" = "{accept_queue} wait for accept()"

A predicate compares two numbers: names from sums.MEANINGS and sums of them, in the ledger's
language (run/predicate.py). In the words, {NAME} is a number, and {NAME|one|many} the
number with what follows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Mapping

from linger.explain.sums import NAMES
from linger.lab import census
from linger.lab.errors import Broken
from linger.run import predicate, scenarios, toml

_PREDICATE = re.compile(rf"(.+?) ({predicate.SIGNS}) (.+)")
_NUMBER = re.compile(r"\{([^{}|]+)(?:\|([^{}|]*)\|([^{}|]*))?\}")
KEYS = {"look", "lasts", "needs", "for", "against"}


@dataclass(frozen=True)
class Fact:
    """A predicate, and what it means in words."""

    left: str
    sign: str
    right: str
    words: str

    def holds(self, values: Mapping[str, int]) -> bool | None:
        """Whether it holds; None when it was not measured."""
        try:
            left, right = (predicate.number(text, values) for text in (self.left, self.right))
        except KeyError:
            return None
        return census.holds(left, f"{self.sign} {right}") if right >= 0 else False

    def told(self, values: Mapping[str, int]) -> str:
        """The words, with the numbers."""

        def number(match: re.Match[str]) -> str:
            value = predicate.number(match[1], values)
            return f"{value}{(match[2] if value == 1 else match[3]) or ''}"

        return _NUMBER.sub(number, self.words)


@dataclass(frozen=True)
class Symptom:
    """How to recognise a scenario.

    look: what to look at next; lasts: how many seconds the needs must hold, because programs
    without a fault show them for a while; order: of teaching.
    """

    scenario: str
    look: str
    lasts: float
    needs: tuple[Fact, ...]
    supports: tuple[Fact, ...]
    opposes: tuple[Fact, ...]
    order: int


def load() -> list[Symptom]:
    """The symptoms of all scenarios that have one. Errors: Broken for an invalid rule."""
    found = []
    for name in scenarios.names():
        path = scenarios.path_of(name).with_suffix(".toml")
        content = toml.read(path) if path.exists() else {}
        if "symptom" in content:
            order = content.get("exercise", {}).get("order", 1000)
            found.append(read(name, content["symptom"], order))
    return found


def read(name: str, table: Mapping[str, Any], order: int = 0) -> Symptom:
    """A symptom from its table. Errors: Broken with a sentence that names the scenario."""
    unknown = table.keys() - KEYS
    if unknown:
        raise Broken(f"symptom of {name}: unknown key {min(unknown)}")
    if not isinstance(table.get("lasts", 0), (int, float)):
        raise Broken(f"symptom of {name}: `lasts` must be a number of seconds")
    if not table.get("needs") or not table.get("look"):
        raise Broken(f"symptom of {name}: it must have `needs` and `look`")
    parts = (_facts(name, table.get(key, {})) for key in ("needs", "for", "against"))
    look = " ".join(table["look"].split())
    return Symptom(name, look, float(table.get("lasts", 0)), *parts, order)


def _facts(name: str, table: Mapping[str, str]) -> tuple[Fact, ...]:
    return tuple(_fact(name, text, words) for text, words in table.items())


def _fact(name: str, text: str, words: str) -> Fact:
    match = _PREDICATE.fullmatch(text)
    if not match or not all(predicate.is_number(match[side], NAMES) for side in (1, 3)):
        raise Broken(f"symptom of {name}: not a predicate about measured numbers: {text!r}")
    for number in _NUMBER.finditer(words):
        if not predicate.is_number(number[1], NAMES):
            raise Broken(f"symptom of {name}: {number[0]} is not measured")
    return Fact(match[1], match[2], match[3], words)
