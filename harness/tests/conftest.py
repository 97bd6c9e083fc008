"""What the driver's tests share. They run in the sandbox like everything else."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
from pathlib import Path
from typing import Callable, Iterator
from zlib import crc32

import pytest

from linger.lab.environment import outside
from linger.lab.programs import program

HANGS = 180  # s: a hanging program is ended; one that only waits for a CPU is not
LONG = 30  # s: a test that takes as long starts before all others
Run = Callable[..., "subprocess.CompletedProcess[str]"]
Once = Callable[[str, Callable[[Path], None]], Path]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mix tests that compute with tests that wait; the longer one takes, the earlier it starts.

    In the order of the files, some minutes need more processor than there is and others leave it idle.
    The mixture is the same in every run.
    """

    def place(item: pytest.Item) -> tuple[float, float]:
        takes, scenario = map(item.get_closest_marker, ("takes", "scenario"))
        seconds = takes.args[0] if takes else scenario.kwargs["seconds"] if scenario else 0
        return crc32(item.nodeid.encode()) * max(0, 1 - seconds / LONG), -seconds

    items.sort(key=place)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """once(name, fill): a folder that the tests of all workers share, filled by the first."""
    shared = tmp_path_factory.getbasetemp().parent

    def once(name: str, fill: Callable[[Path], None]) -> Path:
        folder = shared / name
        with open(shared / f"{name}.lock", "a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.seek(0)
            if not lock.read():
                folder.mkdir()
                fill(folder)
                lock.write("filled")
        return folder

    return once


@pytest.fixture(scope="session")
def run() -> Run:
    """Run a built program ("sandbox", "census", "linger") to its end and capture its output."""

    def run(name: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        words = [str(program(name)), *map(str, arguments)]
        options = {"env": outside(), "timeout": HANGS, **options}
        return subprocess.run(words, capture_output=True, text=True, **options)  # type: ignore

    return run


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For tests that disturb each other: they mount where all workers see it, or use up a user's processes."""
    with open(tmp_path_factory.getbasetemp().parent / "alone.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def started(words: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A caller's program outside any sandbox, ended with the block whatever happens in it."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=outside())
    with process:
        try:
            yield process
        finally:
            process.kill()


def pidfds(pids: list[int]) -> list[int]:
    """Descriptors that report the end of these processes, even if their pids are reused (pidfd_open(2))."""
    found = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            found.append(os.pidfd_open(pid))
    return found


def outlived(fds: list[int], within: float = 5.0) -> int:
    """How many of the processes behind pidfds() do not end within that many seconds."""
    left = 0
    for fd in fds:
        ended, _, _ = select.select([fd], [], [], within)
        left += not ended
        os.close(fd)
    return left
