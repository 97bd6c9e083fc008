"""What an exercise says: the table [exercise] of scenarios/NAME.toml (format: scenarios/WORKSHOP.md)."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from linger.lab.errors import Broken, Usage
from linger.run import pairs, scenarios, toml

LETTERS = "abcd"
HINTS = 3
FOR_ALL = (
    "order",
    "symptom",
    "situation",
    "question",
    "choices",
    "answer",
    "because",
    "explanation",
)
FOR_PAIRS = ("task", "hints")
OPTIONAL = ("wild", "further", "service", "witness", "aborts", "deaf", "discuss")


@dataclasses.dataclass(frozen=True)
class Text:
    """One exercise. All texts are plain; paragraphs are separated by empty lines."""

    name: str  # of the scenario
    buggy: Path | None  # the program to repair; None for a behaviour of the kernel
    order: int  # its place in the workshop
    symptom: str  # one line for the list, which must not give the cause away
    situation: str  # the symptom as met at work
    question: str  # to be answered before the first run
    choices: list[str]
    answer: str  # the letter of the right choice
    because: str  # shown after the first run
    explanation: str  # shown when it is done
    task: str = ""
    hints: list[str] = dataclasses.field(default_factory=list)  # from gentle to nearly the answer
    wild: str = ""  # real incidents
    further: str = ""  # a question to go on with
    service: str = ""  # what a client asks of the server after the faults, in the words of clients/peer
    witness: str = ""  # the event with which the other programs report that the client was served
    aborts: bool = False  # whether a repair may end connections by reset
    deaf: bool = False  # whether the others must be served despite a client that sends and never reads
    discuss: list[dict[str, str]] = dataclasses.field(default_factory=list)  # pattern, text

    @property
    def serves(self) -> bool:
        """Whether the program to repair is a server."""
        return bool(self.buggy and self.buggy.parent.name == "servers")

    @property
    def stem(self) -> str:
        """The beginning of the program's file name: closewait_leak."""
        return self.name.replace("-", "_")


def buggy_of(name: str) -> Path | None:
    """The buggy program of a scenario's pair, or None when the scenario is about the kernel."""
    pair = pairs.pair_of(name)
    return pair[0] if pair else None


def table(name: str) -> dict[str, Any]:
    """The table [exercise] from the file; {} if there is none.

    Errors: Broken naming the line that is not TOML.
    """
    path = scenarios.path_of(name).with_suffix(".toml")
    return toml.read(path).get("exercise", {}) if path.exists() else {}


def faults(name: str, lab: dict[str, Any]) -> list[str]:
    """What is wrong with a table [exercise], in sentences."""
    buggy = buggy_of(name)
    needed = (*FOR_ALL, *FOR_PAIRS) if buggy else FOR_ALL
    found = [f"{key} is missing" for key in needed if not lab.get(key)]
    found += [f"{key} is unknown" for key in lab if key not in (*needed, *OPTIONAL)]
    if found:
        return found
    if not 2 <= len(lab["choices"]) <= len(LETTERS):
        found.append(f"choices: give 2 to {len(LETTERS)}")
    if lab["answer"] not in LETTERS[: len(lab["choices"])]:
        found.append(f"answer {lab['answer']!r} is not the letter of a choice")
    if buggy and len(lab["hints"]) != HINTS:
        found.append(f"hints: give {HINTS}, from gentle to nearly the answer")
    if buggy and buggy.parent.name == "servers" and not lab.get("service"):
        found.append("service is missing: what a client asks of the server after the faults")
    if buggy and buggy.parent.name == "clients" and not lab.get("witness"):
        found.append("witness is missing: the other side's event that reports a served request")
    for entry in lab.get("discuss", ()):
        if sorted(entry) != ["pattern", "text"]:
            found.append("an entry of discuss needs a pattern and a text")
            continue
        try:
            re.compile(entry["pattern"])
        except re.error as error:
            found.append(f"pattern {entry['pattern']!r}: {error}")
    return found


def load(name: str) -> Text:
    """The exercise of a scenario.

    Errors: Usage when the scenario has none; Broken naming what is wrong with its table.
    """
    return _text(name, table(name))


def _text(name: str, lab: dict[str, Any]) -> Text:
    """load() with the table that was read."""
    if not lab:
        raise Usage(f"{name} is not an exercise yet: scenarios/{scenarios.path_of(name).stem}.toml "
                    "has no table [exercise]; `linger lab` shows the exercises")  # fmt: skip
    if found := faults(name, lab):
        raise Broken(f"{scenarios.path_of(name).stem}.toml, [exercise]: " + "; ".join(found))
    words = {key: value.strip() if isinstance(value, str) else value for key, value in lab.items()}
    return Text(name=name, buggy=buggy_of(name), **words)


def course() -> list[Text]:
    """All exercises in teaching order."""
    tables = {name: table(name) for name in scenarios.names()}
    texts = [_text(name, lab) for name, lab in tables.items() if lab]
    return sorted(texts, key=lambda text: (text.order, text.name))
