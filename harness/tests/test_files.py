"""If linger cannot write: one sentence with the path and a way out, and no partial file."""

from __future__ import annotations

import json
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from conftest import Run

from linger.lab import files
from linger.lab.environment import outside
from linger.lab.errors import CannotRun
from linger.lab.programs import ROOT, program
from linger.run import scenarios
from linger.workshop import build
from linger.workshop.workplace import bare

LEAK = "closewait-leak"
FULL = "No space left on device"
ELSEWHERE = "choose another folder with RESULTS=DIR (--results DIR)"


class Disk:
    """A small file system at a folder, as left by a command that ended there."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run = run
        self.path = folder / "disk"
        self.left = folder / "left"  # what was on it
        self.path.mkdir()

    def try_out(
        self, options: str, *words: object, **env: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run linger on a tmpfs(5) with these mount options."""
        script = (
            'mount -t tmpfs -o "$1" tmpfs "$2" || exit; disk=$2 left=$3; shift 3; "$@"; status=$?; '
            'cp -r "$disk" "$left"; exit $status'
        )
        words = ("sh", "-c", script, "sh", options, self.path, self.left, program("linger"), *words)
        return self.run("sandbox", *words, env=outside(**env), stdin=subprocess.DEVNULL)

    def halves(self) -> list[str]:
        """The files that look whole but are not, and the unfinished ones."""
        found = [str(path) for path in self.left.rglob(".*.part")]
        for kind, read in (("json", json.loads), ("xml", ElementTree.fromstring)):
            for path in self.left.rglob(f"*.{kind}"):
                try:
                    read(path.read_text())
                except (ValueError, ElementTree.ParseError):
                    found.append(str(path))
        return found


@pytest.fixture
def disk(run: Run, tmp_path: Path) -> Disk:
    return Disk(run, tmp_path)


def check_words(results: Path) -> list[object]:
    server = program("servers/closewait_leak_fixed")
    options = ["--results", results, "--port", "9000", "--only", "abandon,rst-at-once"]
    return ["check", *options, "--", server, "-l", "0.0.0.0"]


# Sizes at which the disk is full at the beginning, in the middle, and at the end of the run.
LIMITS = ["size=4k", "size=16k", "size=32k", "size=96k", "size=128k"]
LIMITS += ["nr_inodes=8", "nr_inodes=16", "nr_inodes=20", "nr_inodes=22"]


@pytest.mark.parametrize("limit", LIMITS)
def test_a_full_disk_is_named_and_leaves_no_half_of_a_file(disk: Disk, limit: str) -> None:
    done = disk.try_out(limit, "run", LEAK, "-n", "20", RESULTS=str(disk.path))
    assert done.returncode == 77, done.stdout + done.stderr
    said = [line for line in done.stderr.splitlines() if line]
    assert 1 <= len(said) <= 3, done.stderr  # at most one for each variant and one for the run
    for line in said:
        assert "cannot write" in line and f"{disk.path}/" in line and FULL in line
    assert not disk.halves()


@pytest.mark.parametrize("limit", ["size=4k", "size=64k", "nr_inodes=6", "nr_inodes=24"])
def test_a_check_on_a_full_disk(disk: Disk, limit: str) -> None:
    done = disk.try_out(limit, *check_words(disk.path))
    assert (done.returncode, done.stderr.count("\n")) == (77, 1), done.stdout + done.stderr
    assert f"cannot write {disk.path}/" in done.stderr and FULL in done.stderr
    assert not disk.halves()


@pytest.mark.parametrize("limit", ["size=4k", "size=8k", "nr_inodes=3", "nr_inodes=4"])
def test_an_exercise_on_a_full_disk(disk: Disk, tmp_path: Path, limit: str) -> None:
    labs = disk.path / "labs"
    done = disk.try_out(limit, "lab", LEAK, LABS=str(labs), RESULTS=str(tmp_path / "results"))
    assert (done.returncode, done.stderr.count("\n")) == (77, 1), done.stdout + done.stderr
    assert f"cannot write {labs}" in done.stderr and f"{FULL}; free some space" in done.stderr
    assert "does not compile" not in done.stdout, "that is not the student's fault"
    assert not disk.halves()
    for copy in disk.left.rglob("*.c"):
        assert copy.read_text() == bare((ROOT / "servers/closewait_leak_buggy.c").read_text())


def test_an_exercise_whose_run_has_no_room(disk: Disk, tmp_path: Path) -> None:
    env = dict(LABS=str(tmp_path / "labs"), RESULTS=str(disk.path))
    done = disk.try_out("size=64k", "lab", LEAK, **env)
    assert (done.returncode, done.stderr.count("\n")) == (77, 1), done.stdout + done.stderr
    assert done.stderr.startswith("linger: cannot write ") and f"{disk.path}/" in done.stderr


READ_ONLY = {
    "run": (["run", LEAK], "results to {}: "),
    "test": (
        ["test", "--", "-k", "no_such", str(ROOT / "harness/tests/test_near.py")],
        "results to {}: ",
    ),
    "soak": (["soak", LEAK, "--runs", "1"], "{}/soak: "),
    "lab-score": (["lab-score", str(scenarios.SCENARIOS)], "{}/labs.json: "),
    "claims": (["claims", "cw-two-hours"], "results to {}: "),
}


@pytest.mark.parametrize("command", READ_ONLY)
def test_results_that_cannot_be_written(disk: Disk, command: str) -> None:
    words, where = READ_ONLY[command]
    options = ["--results", disk.path]
    done = disk.try_out("ro", words[0], *options, *words[1:])
    why = f"{where.format(disk.path)}Read-only file system; make it writable, or {ELSEWHERE}"
    assert (done.returncode, done.stderr) == (77, f"linger: cannot write {why}\n")


def test_a_check_that_cannot_write_its_results(disk: Disk) -> None:
    done = disk.try_out("ro", *check_words(disk.path))
    assert (done.returncode, done.stderr.count("\n")) == (77, 1)
    assert f"results to {disk.path}: Read-only file system" in done.stderr


@pytest.mark.parametrize("name", [LEAK, "timewait-no-descriptor"])
def test_labs_that_cannot_be_written(disk: Disk, name: str) -> None:
    """As in another user's clone: everything to be chosen is said at once."""
    labs = disk.path / "labs"
    done = disk.try_out("ro", "lab", name, LABS=str(labs), RESULTS=str(disk.path))
    why = f"{labs}: Read-only file system; make it writable, or choose other folders with"
    sentence = f"linger: cannot write {why} LABS=DIR and RESULTS=DIR\n"
    assert (done.returncode, done.stdout, done.stderr) == (77, "", sentence)


def test_the_score_is_shown_even_where_it_cannot_be_kept(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "anna/labs").mkdir(parents=True)
    done = disk.try_out("ro", "lab-score", tmp_path / "anna/labs", RESULTS=str(disk.path))
    assert done.returncode == 77 and done.stdout.startswith("anna   ")


def test_a_full_disk_is_no_failure_of_a_soaked_scenario(disk: Disk) -> None:
    done = disk.try_out("size=64k", "soak", LEAK, "--runs", "1", "--results", disk.path)
    assert (done.returncode, done.stderr.count("\n")) == (77, 1), done.stdout
    assert FULL in done.stderr and f"{disk.path}/" in done.stderr and "FAILED" not in done.stdout
    assert not disk.halves()


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "file"
    files.write_text(file, "old")
    with pytest.raises(ZeroDivisionError), files.replacing(file) as part:
        part.write_text("ne")
        1 / 0
    with pytest.raises(
        CannotRun, match=f"^cannot write {file}: {FULL}; free some space there, or "
    ):
        with files.replacing(file) as part:
            part.write_text("ne")
            raise OSError(28, FULL)
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_where_nothing_is_temporary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(CannotRun, match="^cannot write /nowhere/linger-.*: No such .* TMPDIR=DIR$"):
        with files.scratch():
            pass


def test_only_a_lack_of_room_excuses_what_does_not_compile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, binary = tmp_path / "x.c", tmp_path / "x"
    source.write_text("int main(void) { return }")
    compiled, complaint = build.compile(source, binary)
    assert not compiled and "x.c:1:" in complaint
    source.write_text("int main(void) { return 0; }")
    binary.symlink_to("/dev/full")
    monkeypatch.setattr(build, "ROOM", 1 << 60)
    with pytest.raises(CannotRun, match=f"cannot write {tmp_path}: {FULL}"):
        build.compile(source, binary)


def test_figures_that_cannot_be_kept(disk: Disk) -> None:
    script = 'mount -t tmpfs -o ro tmpfs "$1" && RESULTS=$1 exec "$2" figure echo measured'
    words = ["sh", "-c", script, "sh", disk.path, ROOT / "harness/bench/keep"]
    done = disk.run("sandbox", *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (77, "", 1)
    assert f"cannot write {disk.path}/figures" in done.stderr and "RESULTS=DIR" in done.stderr
