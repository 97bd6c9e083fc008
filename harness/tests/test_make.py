"""The targets of the Makefile: which command each of them stands for, and how it ends."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

import pytest

from linger import story
from linger.census import program
from linger.environment import outside

LEAK = "closewait-leak"
PATTERNS = {"scenario-": "run", "lab-": "lab"}  # what linger is told before the name
MAKEFILES = [story.ROOT / "Makefile", *story.ROOT.glob("harness/*/*.mk")]


def make(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run make as if by hand, on what is built already; all that it says goes to stdout."""
    sanitized = ["SAN=1"] if program("linger").parent.name == "san" else []
    env = {name: value for name, value in (env or outside()).items() if name[:4] != "MAKE"}
    options: dict[str, Any] = dict(env=env, text=True, cwd=story.ROOT, stdin=subprocess.DEVNULL)
    return subprocess.run(
        ["make", "--old-file=all", *sanitized, *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options,
    )  # fmt: skip


def told(*words: str, **env: str) -> list[list[str]]:
    """What linger would be told by each of these targets."""
    done = make("--just-print", *words, env=outside(**env))
    assert done.returncode == 0, done.stdout
    lines = done.stdout.replace("\\\n", " ").splitlines()
    return [line.partition(";")[0].split()[1:] for line in lines if "/linger " in line]


def test_every_pattern_target_is_tried() -> None:
    """One that is not in the table would be tried by nobody."""
    found = [re.findall(r"^([a-z][a-z-]*)%:", file.read_text(), re.M) for file in MAKEFILES]
    assert sorted(sum(found, [])) == sorted(PATTERNS)


@pytest.mark.parametrize("prefix", PATTERNS)
def test_a_pattern_target_takes_every_name_as_it_is(prefix: str) -> None:
    """Also the names that no scenario has yet: `make lab-reset-leak` once reset a "leak"."""
    known = story.names()
    names = [*known, *(f"{word}-{name}" for word in ("reset", "score", "all") for name in known)]
    assert told(*(prefix + name for name in names)) == [[PATTERNS[prefix], name] for name in names]


def test_the_score_is_no_exercise() -> None:
    assert told("lab-score") == [["lab-score", "labs"]]


def test_what_a_lab_is_told() -> None:
    target = f"lab-{LEAK}"
    assert told(target, "RESET=1") == [["lab", LEAK, "--reset"]]
    assert told(target, "HINT=2", "PREDICT=a") == [["lab", LEAK, "--hint", "2", "--predict", "a"]]
    assert told(target, "RESET=") == [["lab", LEAK]]
    assert told(target, RESET="\x1b[0m") == [["lab", LEAK]], "the colour of a shell begins nothing"
