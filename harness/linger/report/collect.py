"""What a run left, read for its report: results, run.json, the environment, ladders, logs.

A run may have been cut off anywhere, so each of its files may be absent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Iterator

from linger.lab.files import MOST_EVIDENCE, read_regular
from linger.report import timeline
from linger.run import scenarios, summary
from linger.run.results import GOOD, read_result

UNFINISHED = "the run has no result for it: it ended or was stopped earlier"
MOST_FILES = 100  # of a variant to name
LONGEST = 20_000  # characters of a message to show


@dataclass(frozen=True)
class Failure:
    """A test that run.json reports as failed; for a scenario its name and labels, else empty."""

    test: str
    scenario: str
    labels: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class Repetition:
    """One lab: a variant of a scenario, once. `result` is None when the lab left none."""

    folder: Path
    labels: tuple[str, ...]  # variant, and number if there are several
    result: dict[str, Any] | None
    failure: str  # what run.json says, or ""

    @property
    def verdict(self) -> str:
        """The result's; "broken" when there is none, or when the test failed after it."""
        if self.result is None or self.failure and self.result["verdict"] in GOOD:
            return "broken"
        return self.result["verdict"]

    @property
    def held(self) -> bool:
        return self.verdict in GOOD

    @property
    def message(self) -> str:
        """Why it did not pass, or ""."""
        said = self.result and self.result["message"] or self.failure
        if not said and not self.result:
            said = UNFINISHED
        if len(said) > LONGEST:
            return f"{said[:LONGEST]} ... and {len(said) - LONGEST} more characters"
        return said

    @cached_property
    def timeline(self) -> timeline.Timeline | None:
        result = self.result or {}
        return timeline.read(
            self.folder / "timeline.jsonl", result.get("began"), result.get("seconds")
        )

    @cached_property
    def ladders(self) -> dict[str, Any] | None:
        """ladder.json, or None when no ladder was recorded."""
        return read_json(self.folder / "ladder.json")

    @cached_property
    def files(self) -> list[Path]:
        """What it left, packets first, then what was measured, then the logs."""
        kinds = (".pcap", ".json", ".jsonl", ".log")
        files = [path for path in self.folder.iterdir() if path.is_file()]
        files = [path for path in files if path.suffix in kinds and path.name[0] != "."]
        return sorted(files, key=lambda path: (kinds.index(path.suffix), path.name))[:MOST_FILES]


@dataclass(frozen=True)
class Variant:
    """The repetitions of a variant; most often there is one."""

    name: str
    repetitions: list[Repetition]

    @cached_property
    def shown(self) -> Repetition:
        """The one that stands for all: the first that did not pass, or the last."""
        return next((one for one in self.repetitions if not one.held), self.repetitions[-1])

    @property
    def passed(self) -> int:
        return sum(one.held for one in self.repetitions)


@dataclass(frozen=True)
class Scenario:
    """A scenario of the run with all its labs."""

    name: str
    variants: list[Variant]

    @property
    def labs(self) -> list[Repetition]:
        return [one for variant in self.variants for one in variant.repetitions]

    @property
    def held(self) -> bool:
        return all(one.held for one in self.labs)

    @property
    def pair(self) -> bool:
        """Whether its variants are two programs, and perhaps a student's, not two conditions."""
        return not {variant.name for variant in self.variants}.isdisjoint(scenarios.PAIR)

    @property
    def seconds(self) -> float:
        return max((one.result["seconds"] for one in self.labs if one.result), default=0.0)


@dataclass
class Run:
    """A run: its scenarios by name, and what else its tests say."""

    path: Path
    environment: dict[str, Any] | None
    scenarios: list[Scenario] = field(default_factory=list)
    tests: int = 0  # of all kinds
    seconds: float | None = None  # from the first test to the end of the last
    failures: list[Failure] = field(default_factory=list)  # of tests that left no lab here

    @property
    def results(self) -> list[dict[str, Any]]:
        return [one.result for each in self.scenarios for one in each.labs if one.result]

    @property
    def verdicts(self) -> dict[str, int]:
        """How many labs ended with each verdict."""
        count: dict[str, int] = {}
        for scenario in self.scenarios:
            for one in scenario.labs:
                count[one.verdict] = count.get(one.verdict, 0) + 1
        return count


def collect(path: Path) -> Run:
    """Read the run in a directory. Errors: OSError when it cannot be read; as read_result()."""
    run = Run(path, read_json(path / "environment.json"))
    failures: dict[tuple[str, ...], Failure] = {}
    for failure in _failures(run):
        if failure.scenario:
            failures.setdefault((failure.scenario, *failure.labels), failure)
        else:
            run.failures.append(failure)
    for name in names_in(path):
        labs = [_repetition(path, lab, failures) for lab in _labs(path / name)]
        names = dict.fromkeys(lab.labels[0] for lab in labs)
        same = {name: [lab for lab in labs if lab.labels[0] == name] for name in names}
        run.scenarios.append(Scenario(name, [Variant(*both) for both in same.items()]))
    run.failures += failures.values()  # what is left has no directory
    return run


def names_in(path: Path) -> list[str]:
    """The names of the scenarios that a run holds, sorted; tests of the harness are none."""
    known = set(scenarios.names())
    folders = [folder for folder in path.iterdir() if folder.is_dir()]
    return sorted(
        folder.name
        for folder in folders
        if folder.name in known and _labs(folder) or any(folder.glob("*/**/result.json"))
    )


def _labs(folder: Path) -> list[Path]:
    """The directories of the labs of a scenario: its variants, or their repetitions."""
    labs = []
    for variant in sorted(path for path in folder.iterdir() if path.is_dir()):
        repetitions = sorted(p for p in variant.iterdir() if p.is_dir() and p.name.isdecimal())
        labs += repetitions or [variant]
    return labs


def _repetition(run: Path, folder: Path, failures: dict[tuple[str, ...], Failure]) -> Repetition:
    scenario, *labels = folder.relative_to(run).parts
    failure = failures.pop((scenario, *labels), None)
    try:
        result = read_result(folder / "result.json")
    except (FileNotFoundError, ValueError):
        result = None
    return Repetition(folder, tuple(labels), result, failure.message if failure else "")


def read_json(path: Path) -> dict[str, Any] | None:
    """The content of a JSON file; None when it is absent or was never finished."""
    try:
        return json.loads(read_regular(path, MOST_EVIDENCE))
    except (FileNotFoundError, ValueError):
        return None


def _failures(run: Run) -> Iterator[Failure]:
    """The failed tests of a run; notes in the run how many tests there were, and how long they took."""
    document = summary.read(run.path)
    if not document:
        return
    run.tests, run.seconds = len(document["tests"]), document["seconds"]
    for test in document["tests"]:
        if not summary.good(test):
            yield _failure(test)


def _failure(test: dict[str, Any]) -> Failure:
    message = test["message"] or test["verdict"]
    if not test["scenario"]:
        return Failure(test["test"], "", (), message)
    labels = tuple(test["folder"].split("/")[1:])
    return Failure(test["test"], test["scenario"], labels, message)
