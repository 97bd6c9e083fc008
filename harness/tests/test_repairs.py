"""Every exercise, graded with right and wrong repairs: harness/tests/repairs/NAME/*.patch.

A patch is made against the buggy program. Its first line is "right: ..." or "wrong: ..." and says what it
does; the next line of a wrong one names the diagnosis that it must get: "diagnosis: WORD", or "diagnosis:
WORD or WORD" if timing decides which of several things shows first. All repairs of an exercise run in one
session, beside the untouched buggy program. The fixed one, which runs there anyway, is also graded. `make
repairs` grades all of them; by default only the first two right ones, and the first wrong one of each
diagnosis.
"""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from linger.lab.programs import ROOT
from linger.workshop import build, grade, texts
from linger.workshop.evidence import REPAIRED

REPAIRS = ROOT / "harness/tests/repairs"
AT_LEAST = 2  # right ones besides the fixed program, and wrong ones
ALL = bool(os.environ.get("LINGER_REPAIRS"))
EXERCISES = [text.name for text in texts.course() if text.buggy]


def expected(patch: Path) -> list[str]:
    """The possible diagnoses that a patch announces in its first lines."""
    first, second = patch.read_text().splitlines()[:2]
    if first.startswith("right: "):
        return [REPAIRED]
    assert first.startswith("wrong: ") and second.startswith("diagnosis: "), f"{patch}: its head"
    return second.partition(" ")[2].split(" or ")


def chosen(patches: list[Path]) -> list[Path]:
    """The patches that are graded now."""
    wanted = [expected(patch) for patch in patches]
    return [
        patch
        for number, patch in enumerate(patches)
        if ALL or wanted[:number].count(wanted[number]) < (AT_LEAST if wanted[number] == [REPAIRED] else 1)
    ]


def patched(text: texts.Text, patch: Path, folder: Path) -> Path:
    """The buggy program with a patch applied."""
    assert text.buggy
    source = folder / f"{patch.stem}.c"
    words = ["patch", "--silent", "-o", str(source), str(text.buggy), str(patch)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, f"{patch.name} does not apply: {done.stdout}{done.stderr}"
    return source


@pytest.mark.takes(15)
@pytest.mark.parametrize("name", EXERCISES)
def test_repairs_get_the_diagnosis_they_deserve(name: str, tmp_path: Path) -> None:
    text = texts.load(name)
    assert text.buggy
    wanted = {"untouched": ["untouched"], "fixed": [REPAIRED]}
    sources = {"untouched": text.buggy}
    patches = sorted((REPAIRS / name).glob("*.patch"))
    rights = [expected(patch) for patch in patches].count([REPAIRED])
    wrongs = len(patches) - rights
    assert rights >= AT_LEAST and wrongs >= AT_LEAST, f"{rights} right, {wrongs} wrong repairs"
    for patch in chosen(patches):
        wanted[patch.stem] = expected(patch)
        sources[patch.stem] = patched(text, patch, tmp_path)

    programs = {label: tmp_path / f"{text.stem}_{label}" for label in sources}
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda label: build.compile_ours(sources[label], programs[label]), sources))
    run = grade.run_scenario(name, list(programs.values()), tmp_path / "results")
    grade.trust(run, name)
    sources["fixed"] = text.buggy.with_name(f"{text.stem}_fixed.c")
    found = {label: grade.judge(text, sources[label], run, label) for label in sources}
    other = [label for label in found if found[label].word not in wanted[label]]
    assert not other, "\n".join(f"{label}: {found[label]}" for label in other)
