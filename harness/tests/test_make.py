"""The targets of the Makefile: the command behind each, and how it ends."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from linger.lab.environment import outside
from linger.lab.programs import ROOT, program
from linger.run import scenarios

LEAK = "closewait-leak"
PATTERNS = {"scenario-": "run", "lab-": "lab"}  # linger's arguments before the name
MAKEFILES = [ROOT / "Makefile", *ROOT.glob("harness/*/*.mk")]


def make(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run make as if by hand, on what is already built; all its output goes to stdout."""
    sanitized = ["SAN=1"] if program("linger").parent.name == "san" else []
    env = {name: value for name, value in (env or outside()).items() if name[:4] != "MAKE"}
    options: dict[str, Any] = dict(env=env, text=True, cwd=ROOT, stdin=subprocess.DEVNULL)
    return subprocess.run(
        ["make", "--old-file=all", *sanitized, *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options,
    )  # fmt: skip


def told(*words: str, **env: str) -> list[list[str]]:
    """The linger command behind each of these targets."""
    done = make("--just-print", *words, env=outside(**env))
    assert done.returncode == 0, done.stdout
    lines = done.stdout.replace("\\\n", " ").splitlines()
    return [line.partition(";")[0].split()[1:] for line in lines if "/linger " in line]


def test_every_pattern_target_is_tried() -> None:
    """A target that is not in the table would never be tried."""
    found = [re.findall(r"^([a-z][a-z-]*)%:", file.read_text(), re.M) for file in MAKEFILES]
    assert sorted(sum(found, [])) == sorted(PATTERNS)


@pytest.mark.parametrize("prefix", PATTERNS)
def test_a_pattern_target_takes_every_name_as_it_is(prefix: str) -> None:
    """Also unused names: `make lab-reset-leak` once reset a "leak"."""
    known = scenarios.names()
    names = [*known, *(f"{word}-{name}" for word in ("reset", "score", "all") for name in known)]
    assert told(*(prefix + name for name in names)) == [[PATTERNS[prefix], name] for name in names]


def test_the_score_is_no_exercise() -> None:
    assert told("lab-score") == [["lab-score"]]


def test_what_a_lab_is_told() -> None:
    target = f"lab-{LEAK}"
    assert told(target, "RESET=1") == [["lab", LEAK, "--reset"]]
    assert told(target, "HINT=2", "PREDICT=a") == [["lab", LEAK, "--hint", "2", "--predict", "a"]]
    assert told(target, "RESET=") == [["lab", LEAK]]
    assert told(target, RESET="\x1b[0m") == [["lab", LEAK]], "a shell's colour starts nothing"


def test_an_exercise_has_the_last_word_itself(tmp_path: Path) -> None:
    """make's "Error 1" looks like a crash to a student whose program is not repaired yet."""
    env = outside(LABS=str(tmp_path / "labs"), RESULTS=str(tmp_path / "results"))
    file = tmp_path / "labs" / "closewait_leak.c"
    for added in ("", "{"):  # the second does not compile
        if added:
            file.write_text(file.read_text() + added)
        done = make(f"lab-{LEAK}", env=env)
        last = done.stdout.splitlines()[-4:]
        assert done.returncode == 0 and last[0].startswith("Edit "), done.stdout
        assert last[1].split() == ["make", f"lab-{LEAK}"] and "HINT=1" in last[3]
    shutil.copy(ROOT / "servers/closewait_leak_fixed.c", file)
    done = make(f"lab-{LEAK}", env=env)
    assert done.returncode == 0 and "Repaired" in done.stdout and "make: " not in done.stdout


def test_the_sandbox_is_built_with_its_parts() -> None:
    sandbox = program("sandbox").relative_to(ROOT)
    done = make("--always-make", "--just-print", str(sandbox))
    assert all(f"{sandbox}-{part}" in done.stdout for part in ("init", "user", "refusals")), done.stdout


@pytest.mark.parametrize("words, code", [(["lab-zzz"], 2), ([f"lab-{LEAK}", "PREDICT=z"], 2)])
def test_what_is_wrong_is_an_error_of_make_too(words: list[str], code: int) -> None:
    done = make(*words)
    assert done.returncode == 2 and done.stdout.rstrip().endswith(f"Error {code}")
