"""Programs that cannot be started: one sentence about the program, wherever it was named."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from conftest import Run

from linger.lab.environment import outside

NOT_FOUND = "No such file or directory"
WHY = {
    "./nosuch": (127, NOT_FOUND),
    "nosuch": (127, "it is not in PATH"),
    "./folder": (126, "it is a directory"),
    "./plain": (126, "it is not executable; run: chmod +x ./plain"),
    "./plain/x": (126, "Not a directory"),
    "./in-nosuch": (127, f"its interpreter /nosuch/sh: {NOT_FOUND}"),
    "in-nosuch": (127, f"its interpreter /nosuch/sh: {NOT_FOUND}"),
    "./from-windows": (127, "its first line ends with CR LF; end it with LF"),
}
WAYS = {
    "sandbox": ["sandbox"],
    "confine": ["confine", "--"],
    "confine --closed": ["confine", "--closed", "--"],
    "start": ["start"],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with things that cannot be started; also last on PATH."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_text("echo hello\n")
    (tmp_path / "in-nosuch").write_text("#! /nosuch/sh -e\n")
    (tmp_path / "from-windows").write_text("#!/bin/sh\r\n")
    for name in ("in-nosuch", "from-windows"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{tmp_path}")
    return tmp_path


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", WHY)
def test_the_program_is_named_with_the_reason(run: Run, folder: Path, name: str, way: str) -> None:
    status, why = WHY[name]
    who = WAYS[way][0]
    done = run(*WAYS[way], name)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr == f"{who}: cannot start {name}: {why}\n"


@pytest.mark.parametrize("name", WHY)
def test_a_target_that_cannot_be_started_never_listens(run: Run, folder: Path, name: str) -> None:
    done = run("linger", "check", "--port", "1", "--results", "results", "--", name)
    assert (done.returncode, done.stderr) == (3, f"linger: cannot start {name}: {WHY[name][1]}\n")


def test_a_target_may_be_made_by_its_helper(run: Run, folder: Path) -> None:
    made = "printf '#!/bin/sh\nexit 5\n' >server; chmod +x server"
    words = ["--port", "1", "--results", "results", "--with", made, "--", "./server"]
    done = run("linger", "check", *words)
    assert (done.returncode, done.stderr) == (3, "linger: the server ended with status 5\n")


def test_a_helper_that_cannot_be_started_is_named(run: Run, folder: Path) -> None:
    words = ["--port", "1", "--results", "results", "--with", "./nosuch", "--", "true"]
    done = run("linger", "check", *words)
    assert done.returncode == 3
    assert done.stderr.startswith("linger: the helper './nosuch' ended with status 127\n")
    assert "./nosuch: not found" in done.stderr


@pytest.mark.parametrize("name", ["nosuch", "folder", "plain", "in-nosuch"])
def test_a_program_to_run_beside_the_pair(run: Run, folder: Path, name: str) -> None:
    done = run("linger", "run", "closewait-leak", "--results", "results", "--yours", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"linger: cannot start {folder / name}: ")
    assert not (folder / "results").exists(), "nothing ran"


def test_what_only_the_kernel_finds_out(run: Run, folder: Path) -> None:
    """For example a program of another system, whose loader is missing here."""
    shutil.copy("/bin/true", "foreign")
    program = folder / "foreign"
    program.write_bytes(program.read_bytes().replace(b"/ld-", b"/xx-"))
    for way in WAYS.values():
        done = run(*way, "./foreign")
        why = "the loader it needs is missing"
        assert (done.returncode, done.stderr) == (127, f"{way[0]}: cannot start ./foreign: {why}\n")
    done = run("linger", "check", "--port", "1", "--results", "results", "--", "./foreign")
    assert done.returncode == 3 and f"| linger: cannot start ./foreign: {why}" in done.stderr


def test_a_path_is_searched_as_execvp_does(run: Run, folder: Path) -> None:
    """One that cannot be started is skipped for a later one that can."""
    for name, text in (("first", "#!/nosuch\n"), ("second", "#!/bin/sh\necho second\n")):
        (folder / name).mkdir()
        (folder / name / "tool").write_text(text)
        (folder / name / "tool").chmod(0o755)
    (folder / "zeroth/tool").mkdir(parents=True)
    usual = os.environ["PATH"]
    for path in ("zeroth:first:second", ":second", "second", "nosuch:second:"):
        done = run("start", "tool", env=outside(PATH=f"{path}:{usual}"))
        assert (done.returncode, done.stdout) == (0, "second\n"), (path, done.stderr)
    asked = run("start", "--ask", "tool", env=outside(PATH="first"))
    assert (asked.returncode, asked.stdout) == (
        127,
        f"cannot start tool: its interpreter /nosuch: {NOT_FOUND}\n",
    )
    assert run("start", "--ask", "true").returncode == 0


def test_the_subreaper_says_it_too(run: Run, folder: Path) -> None:
    done = run("subreaper", "log", "./nosuch")
    assert "main=1 status=127" in done.stdout
    assert (folder / "log").read_text() == f"subreaper: cannot start ./nosuch: {NOT_FOUND}\n"
