"""`linger test` runs tests in forked workers: none of them is lost, whatever becomes of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from conftest import Run

PLANTED = """
import os, warnings
from pathlib import Path
import pytest

def worker(): return os.stat("/proc/self/ns/pid").st_ino

@pytest.fixture(scope="session")
def whole(): return [worker()]

@pytest.fixture(scope="session")
def stuck():
    yield
    raise ValueError("cannot be put away")

@pytest.mark.parametrize("n", range(8))
def test_shared(whole, tmp_path, n):
    whole.append(n)
    assert whole[0] == worker()
    alone = {*filter(str.isdigit, os.listdir("/proc"))} == {"1", str(os.getpid())}
    assert alone == tmp_path.parent.name.startswith("worker-")
    print(f"of {n}")
    Path(os.environ["MET"], f"{worker()}-{len(whole)}-{tmp_path.parent.name}").touch()

@pytest.mark.parametrize("n", range(6))
def test_writes(n):
    for _ in range(2000): os.write(1, b"by %d\\n" % n)
    assert n == "written"

def test_differs(): assert {"a": 1} == {"a": 2}
def test_warns(): warnings.warn("beware")
def test_dies(): os.kill(os.getpid(), 9)
def test_stuck(stuck): pass
"""


@pytest.fixture
def planted(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the tests above with further arguments; `met` has a file for each that shared a fixture."""
    (tmp_path / "test_planted.py").write_text(PLANTED)
    (tmp_path / "met").mkdir()
    monkeypatch.setenv("MET", str(tmp_path / "met"))

    def test(*words: object) -> subprocess.CompletedProcess[str]:
        return run("linger", "test", "--results", tmp_path / "results", "--", tmp_path / "test_planted.py", *words)

    return test


def test_each_test_is_reported_once(planted: Run, tmp_path: Path) -> None:
    done = planted("-n", 3)
    assert done.returncode == 1, done.stderr
    # The one that is stuck passed before its worker ended badly.
    assert " 9 failed, 10 passed, 1 warning in " in done.stdout, done.stdout
    for sentence in ("the process of this test ended without a report", "ValueError: cannot be put away",
                     "{'a': 1} != {'a': 2}", "UserWarning: beware"):  # fmt: skip
        assert sentence in done.stdout
    captured = re.findall(r"^-+ Captured stdout call -+\n((?:by \d\n)*)", done.stdout, re.M)
    assert sorted(captured) == [f"by {n}\n" * 2000 for n in range(6)], "of each its own"
    met = [name.name.split("-", 2) for name in (tmp_path / "met").iterdir()]
    workers, numbers, folders = zip(*met)
    assert len(met) == 8 and max(map(int, numbers)) > 2, "a fixture of the session serves many tests"
    assert len({*zip(workers, folders)}) == len({*workers}) == len({*folders}), "each worker has a tmp_path"


def test_one_failure_may_be_enough(planted: Run) -> None:
    done = planted("-n", 1, "-x", "-k", "differs or dies")
    assert done.returncode in (1, 70) and "= 1 failed, 1" in done.stdout, done.stdout  # 17 deselected


def test_without_workers(planted: Run, tmp_path: Path) -> None:
    done = planted("-n", 0, "-k", "shared")
    assert done.returncode == 0 and " 8 passed" in done.stdout, done.stdout
    assert len({path.name.split("-")[0] for path in (tmp_path / "met").iterdir()}) == 1
