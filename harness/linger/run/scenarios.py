"""Scenarios: how they are marked, where they are, and their names.

A scenario is one file in scenarios/ with one test function. Its name is the file's name with
dashes (`closewait_leak.py` is `closewait-leak`), its title the first line of its docstring.
"""

from __future__ import annotations

import ast
import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, Sequence

from linger.lab.errors import Broken, Usage
from linger.lab.programs import ROOT
from linger.run import near, toml

SCENARIOS = Path(os.environ.get("LINGER_SCENARIOS") or ROOT / "scenarios")
BUGGY, FIXED = PAIR = ("buggy", "fixed")
SECONDS = 1.0  # that a scenario takes by default
KEYS = {"helps", "does_not_help", "packets_differ", "exercise", "symptom"}  # of the file beside it


def scenario(
    claims: Sequence[str] = (),
    variants: Sequence[str] = PAIR,
    seconds: float = SECONDS,
    held: int | Mapping[str, int] = 0,
) -> Callable:
    """Make a test function a scenario: it runs once in every variant, each in its own lab.

    claims: ids of the claims that the scenario decides.
    variants: ("buggy", "fixed") for a pair of programs, ("condition", "control") for a
        behaviour of the kernel.
    seconds: how long it takes, if long; the longest of several scenarios starts first, so that the run ends
    as early as it can. held: how much the fixed program, or programs in the variants of a kernel behaviour,
    hold at the end (lab/holding.py): for example connections that are still open. By variant, if that
    differs.
    """
    import pytest  # not at the top: `linger list` needs this module, but not pytest

    from linger.run import ending

    # A student's programs run as further variants, with the expectations of "fixed".
    theirs = yours() if tuple(variants) == PAIR else []
    more = [pytest.param("fixed", id=p.name, marks=pytest.mark.yours(p)) for p in theirs]

    def mark(function: Callable) -> Callable:
        @functools.wraps(function)
        def to_the_end(lab: Any, variant: str) -> None:
            function(lab, variant)
            stem = function.__name__.removeprefix("test_")
            most = held if isinstance(held, int) else held[variant]
            ending.conclude(lab, stem, variant == BUGGY, most)

        marked = pytest.mark.parametrize("variant", [*variants, *more])(to_the_end)
        return pytest.mark.scenario(claims=tuple(claims), seconds=seconds)(marked)

    return mark


def yours() -> list[Path]:
    """The programs to run in addition to a pair's own (`linger run --yours`)."""
    return [Path(path) for path in os.environ.get("LINGER_YOURS", "").split(os.pathsep) if path]


def connections(default: int, least: int = 1, even: bool = False) -> int:
    """The number of connections that a scenario runs with: its default, or the number given by -n.

    least: with fewer it would not show what it shows. even: an odd number is raised by one, where
    they are ports: of an odd range connect() leaves one out (Linux 4.2 to 6.18, inet_hashtables.c).
    """
    wanted = max(int(os.environ.get("LINGER_CONNECTIONS") or default), least)
    return wanted + wanted % 2 if even else wanted


def names() -> list[str]:
    """The names of all scenarios, sorted."""
    return sorted(name_of(path) for path in SCENARIOS.glob("[a-z]*.py"))


def name_of(path: Path | str) -> str:
    """A scenario's name, from its file: scenarios/closewait_leak.py is closewait-leak."""
    return Path(path).stem.replace("_", "-")


def path_of(name: str) -> Path:
    """The file of a scenario."""
    return SCENARIOS / (name.replace("-", "_") + ".py")


def docstring(name: str) -> str:
    """A scenario's docstring, read without running its file."""
    return ast.get_docstring(ast.parse(path_of(name).read_text())) or ""


def title(name: str) -> str:
    """The first line of the docstring, without the leading name."""
    first = docstring(name).partition("\n")[0]
    return first.partition(": ")[2] or first


def claims(name: str) -> tuple[str, ...]:
    """The ids of the claims that a scenario decides."""
    return tuple(_marked(name, "claims", ()))


def seconds(name: str) -> float:
    """How long a scenario says it takes."""
    return float(_marked(name, "seconds", SECONDS))


def _marked(name: str, key: str, default: object) -> Any:
    """A keyword argument of a scenario's @scenario(), read without running its file."""
    for node in ast.walk(ast.parse(path_of(name).read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "scenario":
            told = {keyword.arg: keyword.value for keyword in node.keywords}
            return ast.literal_eval(told[key]) if key in told else default
    return default


@dataclass(frozen=True)
class Answers:
    """What would have helped against a scenario's fault, and what would not, in sentences."""

    helps: tuple[str, ...]
    does_not_help: tuple[str, ...]


def answers(name: str) -> Answers:
    """The answers of a scenario, from the TOML file beside it.

    Errors: Broken when the file cannot be read, an answer is missing, or a key is unknown.
    """
    path, content = _beside(name)
    found = [content.get(key) for key in ("helps", "does_not_help")]
    for value in found:
        if not value or not isinstance(value, list) or not all(isinstance(x, str) for x in value):
            raise Broken(f"{path.name}: helps and does_not_help are lists of sentences")
    return Answers(*map(tuple, found))


def disagreements(name: str) -> dict[str, str]:
    """Why the packets of a scenario must differ from the census, by host and state, such as "client
    TIME_WAIT"; from its TOML file.

    Errors: Broken when the file cannot be read, a reason is not a sentence, or a key is unknown.
    """
    path, content = _beside(name)
    found = content.get("packets_differ", {})
    if not isinstance(found, dict) or not all(isinstance(why, str) for why in found.values()):
        raise Broken(f"{path.name}: packets_differ needs one sentence per host and state")
    return found


def _beside(name: str) -> tuple[Path, dict[str, Any]]:
    """The TOML file beside a scenario, and what is in it. Errors: Broken."""
    path = path_of(name).with_suffix(".toml")
    content = toml.read(path)
    unknown = content.keys() - KEYS
    if unknown:
        raise Broken(f"{path.name}: unknown key {min(unknown)}")
    return path, content


def choose(wanted: Iterable[str]) -> list[str]:
    """The requested scenarios. Errors: Usage for an unknown one, suggesting a near one, or for none."""
    known = names()
    wanted = [name.replace("_", "-") for name in wanted]
    chosen = list(dict.fromkeys(known if "all" in wanted else wanted))
    if not chosen:
        raise Usage("no scenario named; `linger list` shows them")
    for name in chosen:
        if name not in known:
            raise near.unknown("scenario", name, known, "linger list")
    return chosen


def labels_of(node: Any) -> tuple[str, ...]:
    """What identifies a test: scenario, variant, and repetition if there are several.

    node: pytest's item; a plugin names the variant of a student's program.
    """
    if not node.get_closest_marker("scenario"):  # a test of the driver
        return name_of(node.fspath), re.sub(r"[^\w.-]+", "_", node.name)
    parameters = node.callspec.params
    variant = node.ihook.pytest_linger_label(item=node) or parameters["variant"]
    labels = (name_of(node.fspath), variant)
    return (*labels, f"{parameters['repetition']:04}") if "repetition" in parameters else labels
