"""A command imports the modules it needs when it needs them; the others run without them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest
from conftest import Run
from machine import LIBRARY, MODULES, Machine

from linger.lab.environment import outside
from linger.lab.programs import ROOT, program

NEEDED = {  # by command: the modules that it cannot run without
    "list": [],
    "run closewait-leak -n 3": ["pytest"],
    "run closewait-leak reset-leak": ["pytest", "jinja2"],
    "test -- harness/tests/test_pairs.py": ["pytest", "jsonschema", "jinja2"],
    "check --port 1 -- true": [],
    "lab closewait-leak": ["pytest"],
    "report": ["jinja2"],
    "claims": ["tomllib"],
}
CASES = [(words, name) for words, names in NEEDED.items() for name in names]
Lacking = Callable[..., Path]


@pytest.fixture
def lacking(tmp_path: Path, run: Run) -> Lacking:
    """Make a build whose Python lacks some of the modules that ours has."""

    def build(*modules: str) -> Path:
        folder = tmp_path / "clone/build"
        folder.mkdir(parents=True)
        for path in program("linger").parent.iterdir():
            if path.name not in ("linger", "python"):
                (folder / path.name).symlink_to(path)
        (folder.parent / "harness").symlink_to(ROOT / "harness")
        machine = Machine(tmp_path, run)
        (folder / "python").symlink_to(machine.python("few", "tomli"))
        real = "\n".join(path for path in sys.path if path.endswith("-packages"))
        (tmp_path / "few" / LIBRARY / "real.pth").write_text(real)
        machine.hide("few", *modules, *(["tomli"] if "tomllib" in modules else []))
        shutil.copy(program("linger"), folder)
        return folder / "linger"

    return build


def started(linger: Path, words: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    env = outside(RESULTS=str(tmp_path / "results"))
    return subprocess.run(f"{linger} {words}", shell=True, env=env, cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


@pytest.mark.parametrize("words, name", CASES, ids=[f"{w.split()[0]} {n}" for w, n in CASES])
def test_what_a_command_needs_it_names(
    lacking: Lacking, tmp_path: Path, words: str, name: str
) -> None:
    """In one sentence, before it has started anything."""
    if words == "report":
        assert started(program("linger"), "run closewait-leak -n 3", tmp_path).returncode == 0
    done = started(lacking(name), words, tmp_path)
    assert done.returncode == 77, done.stdout + done.stderr
    assert done.stderr == (
        f"linger: `linger {words.split()[0]}` needs {name}, which {tmp_path}/few/bin/python3 lacks;"
        " run: make deps all\n"
    )
    assert words == "report" or not (tmp_path / "results").exists()


ENDS = {"list": 0, "run closewait-leak -n 3": 0, "check --port 1 -- true": 3}


@pytest.mark.parametrize("words", ENDS)
def test_what_a_command_does_not_need_it_does_without(
    lacking: Lacking, tmp_path: Path, words: str
) -> None:
    linger = lacking(*{*MODULES.values()} - {*NEEDED[words], "tomllib"})
    assert started(linger, words, tmp_path).returncode == ENDS[words]


def test_without_rich_a_terminal_gets_plain_lines(lacking: Lacking, tmp_path: Path) -> None:
    linger = lacking("rich")
    words = shlex.quote(f"{linger} run closewait-leak -n 3")
    done = started(Path("script"), f"-qec {words} /dev/null", tmp_path)
    assert done.returncode == 0 and "2 passed, 0 failed" in done.stdout
    assert not re.search(r"\x1b\[[0-9;?]*[^0-9;?m]", done.stdout), "nothing is redrawn"


def test_the_census_needs_no_python(lacking: Lacking, tmp_path: Path) -> None:
    linger = lacking("rich")
    (linger.parent / "python").unlink()
    assert started(linger, "census --json", tmp_path).returncode == 0
    assert started(linger, "list", tmp_path).stderr == "linger: not built; run: make\n"


ALONE = "import os, sys; sys.flags.no_user_site and 'PYTHONHOME' not in os.environ or os._exit(9)\n"


def test_linger_runs_on_what_the_choice_was_made_by(
    lacking: Lacking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """harness/python ignores ~/.local, and what the caller set for another Python."""
    linger = lacking("rich")
    (tmp_path / "few" / LIBRARY / "alone.pth").write_text(ALONE)
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    assert started(linger, "list", tmp_path).returncode == 0
