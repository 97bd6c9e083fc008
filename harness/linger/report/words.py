"""What a page says about a run: its parts in words and numbers, as filters of the templates."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple
from urllib.parse import quote

from linger.lab.census import STATES
from linger.report import ladder, prose
from linger.report.collect import Repetition, Run, Scenario, Variant
from linger.run import pairs

KINDS = {
    "result.json": "what was expected and measured",
    "ladder.json": "connections, segment by segment",
    "timeline.jsonl": "socket counts, a line a change",
}
BY_SUFFIX = {".pcap": "packets", ".log": "events and messages of a process"}
FILTERS = (*STATES, "descriptors", "ghosts", "unconnected")  # what the index can be narrowed to, if it occurs
MOST_SHORT = 1200  # characters of a message of a test that is no scenario
MOST_REASONS = 6  # why a scenario did not pass


class Cure(NamedTuple):
    """The difference of a pair; lines are (kind, line), the kind a class of the style sheet."""

    buggy: str
    fixed: str
    lines: list[tuple[str, str]]


def cure(name: str) -> Cure | None:
    """What makes the difference in a pair of programs; None when the scenario has no pair."""
    found = pairs.pair_of(name)
    if not found:
        return None
    buggy, fixed, *lines = pairs.lesson(*found)
    kinds = {"+": "in", "-": "out", "@": "hunk"}
    shown = []
    lesson = False  # within a LESSON comment of several lines
    for line in lines:
        lesson = lesson or "LESSON:" in line
        kind = kinds.get(line[:1], "same")
        shown.append((f"{kind} lesson" if lesson else kind, line.expandtabs(4) or " "))
        lesson = lesson and "*/" not in line
    return Cure(buggy.split(" ", 1)[1], fixed.split(" ", 1)[1], shown)


def href(path: str) -> str:
    """A relative path as a link."""
    return quote(path)


def seconds(value: float | None) -> str:
    """A time in seconds; nothing for one that never came."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value >= 0.01 or not value else f"{value:.1g}"


def expected(words: str) -> str:
    """An expected value; without the sign where it must be equal."""
    return words.replace("== ", "", 1)


def moment(value: float | None) -> str:
    return "not seen" if value is None else f"{value:.6f}"


def date(run: Run) -> str:
    """When a run began, " on 1 May 2026, 10:00:00", from the name of its directory; else nothing."""
    try:
        began = time.strptime(run.path.name.partition(".")[0], "%Y-%m-%dT%H-%M-%S")
    except ValueError:
        return ""
    return f" on {began.tm_mday} {time.strftime('%B %Y, %H:%M:%S', began)}"


def summary(run: Run) -> str:
    """The run in a few words: "94 passed", "3 passed, 5 failed, 10 broken"."""
    count = Counter(run.verdicts)
    parts = []
    for verdict, words in (
        ("reproduced", "reproduced"),
        ("pass", "passed"),
        ("told apart", "told apart"),
        ("fail", "failed"),
        ("broken", "broken"),
        ("cannot run", "cannot run here"),
    ):
        parts += [f"{count[verdict]} {words}"] if count[verdict] else []
    if run.failures:
        other = len(run.failures)
        parts.append(f"{other} other test{'s' * (other > 1)} failed")
    return ", ".join(parts) or "0 passed"


def owners(result: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Who holds connections in the hosts that the result is about, by host."""
    hosts = dict.fromkeys(row["subject"] for row in result["expectations"])
    return [(host, owner) for host in hosts for owner in result["owners"].get(host, ())]


class Failed(NamedTuple):
    """Labs of a scenario that did not pass for the same reason."""

    variants: list[str]
    verdict: str
    message: str
    times: int


def failures(scenario: Scenario) -> list[Failed]:
    """Why labs did not pass, each reason once, the first few of them."""
    labs = [one for one in scenario.labs if not one.held]
    found = []
    for verdict, message in list(dict.fromkeys((one.verdict, one.message) for one in labs)):
        same = [one for one in labs if (one.verdict, one.message) == (verdict, message)]
        names = list(dict.fromkeys(one.labels[0] for one in same))
        found.append(Failed(names, verdict, message, len(same)))
    return sorted(found, key=lambda one: -one.times)[:MOST_REASONS]


def tables(scenario: Scenario) -> list[tuple[str, Mapping[str, Any]]]:
    """The tables of outcomes with their captions; one that variants share comes once."""
    found: list[tuple[list[str], Mapping[str, Any]]] = []
    for variant in scenario.variants:
        for table in variant.shown.result["tables"] if variant.shown.result else ():
            same = next((names for names, other in found if other == table), None)
            if same:
                same.append(variant.name)
            else:
                found.append(([variant.name], table))
    found.sort(key=lambda one: one[1]["title"])
    return [(f"{table['title']} ({', '.join(names)})", table) for names, table in found]


def shortened(message: str) -> str:
    return message if len(message) <= MOST_SHORT else message[:MOST_SHORT] + " ..."


def verdicts(scenario: Scenario) -> list[str]:
    """The verdicts of its variants, each once."""
    return list(dict.fromkeys(variant.shown.verdict for variant in scenario.variants))


def counts(scenario: Scenario) -> list[str]:
    """What a scenario expects something of, among what the index can be narrowed to."""
    text = [row["name"] for row in _rows(scenario)]
    for one in _results(scenario):
        text += [cell["measured"] for table in one["tables"] for cell in table["cells"]]
    words = set(re.findall(r"\w+", " ".join(map(str, text))))
    found = [name for name in FILTERS if name in words]
    return found if scenario.held else [*found, "failed"]


def _results(scenario: Scenario) -> list[Mapping[str, Any]]:
    return [variant.shown.result for variant in scenario.variants if variant.shown.result]


def _rows(scenario: Scenario) -> Iterator[Mapping[str, Any]]:
    for result in _results(scenario):
        yield from result["expectations"]


class Bars(NamedTuple):
    """What the first expectation is about; rows are (variant, percent or None, value, class)."""

    what: str
    rows: list[tuple[str, float | None, str, str]]


def bars(scenario: Scenario) -> Bars:
    """The first expectation of each variant, to be compared."""
    first = next(_rows(scenario), None)
    if not first:
        return Bars("", [])
    values = []
    for variant in scenario.variants:
        rows = variant.shown.result["expectations"] if variant.shown.result else []
        same = (r for r in rows if (r["subject"], r["name"]) == (first["subject"], first["name"]))
        value = next((row["measured"] for row in same), "not measured")
        values.append((variant, value))
    highest = max([value for _, value in values if isinstance(value, int)] or [0])
    rows = []
    for variant, value in values:
        text = f"{value:,}" if isinstance(value, int) else value
        rows.append((variant.name, _share(value, highest), text, _style(scenario, variant)))
    return Bars(f"{first['subject']} {prose.spoken(first['name'])}", rows)


def _style(scenario: Scenario, variant: Variant) -> str:
    """The class of a bar: of a variant that did not pass, or of a bug as it was predicted."""
    if variant.passed < len(variant.repetitions):
        return "failed"
    return "bug" if scenario.pair and variant is scenario.variants[0] else ""


def _share(value: int | str, highest: int) -> float | None:
    if isinstance(value, str):
        return None
    return round(100 * value / highest, 1) if highest else 0


def went(group: Mapping[str, Any]) -> str:
    """How many connections a ladder stands for."""
    count = group["connections"]
    if count == 1:
        return "One connection went this way."
    return f"{count:,} connections went this way; this is the first of them."


def segments(connection: ladder.Ladder) -> list[ladder.Segment]:
    return ladder.shown(connection)[0]


def kind(file: Path) -> str:
    """What a file of evidence holds."""
    words = KINDS.get(file.name) or BY_SUFFIX.get(file.suffix)
    return f", {words}" if words else ""


def repetitions(scenario: Scenario, most: int) -> tuple[list[Repetition], int]:
    """The repetitions to list, those that failed first, and how many are left out."""
    labs = [one for one in scenario.labs if len(one.labels) > 1]
    labs.sort(key=lambda one: one.held)
    return labs[:most], max(0, len(labs) - most)
