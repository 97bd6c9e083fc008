"""`make fresh`, as far as possible without root, debootstrap and an archive: what it refuses, and how.

harness/fresh/prove.py does the rest (`make fresh-prove`).
"""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from linger.lab.environment import outside
from linger.lab.programs import ROOT, program

ORDINARY = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
AS_ROOT = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture(scope="module")
def run() -> Iterator[Path]:
    """harness/fresh/run where every user can reach it."""
    with tempfile.TemporaryDirectory(prefix="linger-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(ROOT / "harness/fresh", folder / "harness/fresh")
        shutil.copy(ROOT / "harness/deps", folder / "harness")
        yield folder / "harness/fresh/run"


def refused(run: Path, *prefix: str, **variables: str) -> tuple[int, str]:
    """The exit status of a run that does nothing, and what it says on standard error."""
    words = [*prefix, str(run), str(program("sandbox-init"))]
    done = subprocess.run(
        words, env=outside(**variables), capture_output=True, text=True, timeout=60
    )
    assert not done.stdout
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "variables, sentence",
    [
        ({"DEBIAN": "12 11"}, "no release '11' for DEBIAN; there are: 12 13"),
        ({"WAYS": "mach"}, "no way 'mach' for WAYS; there are: machine python container chroot "
         "dist deb portable"),
        ({"DEBIAN": " "}, "DEBIAN or WAYS is empty, so nothing would run"),
        ({"WAYS": ""}, "DEBIAN or WAYS is empty, so nothing would run"),
        ({"PLANT": "emacs"}, "no line of harness/deps needs 'emacs', so deps cannot forget it"),
    ],
)
def test_wrong_usage(run: Path, variables: dict[str, str], sentence: str) -> None:
    assert refused(run, **variables) == (2, f"fresh: {sentence}\n")


def test_the_proof_knows_the_sentence_of_an_unreachable_archive() -> None:
    prove = runpy.run_path(str(ROOT / "harness/fresh/prove.py"))
    assert f"$MIRROR {prove['UNREACHABLE']}" in (ROOT / "harness/fresh/machines").read_text()


def test_an_ordinary_user_is_told_to_be_root(run: Path) -> None:
    prefix = ORDINARY if os.getuid() == 0 else []
    assert refused(run, *prefix) == (77, "fresh: debootstrap needs root; run: sudo make fresh\n")


def test_a_missing_debootstrap_is_named(run: Path) -> None:
    """Hidden even if installed: a file that is not executable is not a program."""
    hide = "[ ! -e /usr/sbin/debootstrap ] || mount --bind /dev/null /usr/sbin/debootstrap"
    status, said = refused(run, *AS_ROOT, "sh", "-c", f'{hide}; exec "$@"', "sh")
    assert status == 77
    assert said == "fresh: debootstrap is missing; run: apt-get install debootstrap\n"
