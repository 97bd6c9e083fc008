"""What the driver's tests share. They run in the sandbox like everything else."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from typing import Callable, Iterator

import pytest

from linger.lab.environment import outside
from linger.lab.programs import program

HANGS = 180  # s: a hanging program is ended; one that only waits for a CPU is not
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def run() -> Run:
    """Run a built program ("sandbox", "census", "linger") to its end and capture its output."""

    def run(name: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        words = [str(program(name)), *map(str, arguments)]
        options = {"env": outside(), "timeout": HANGS, **options}
        return subprocess.run(words, capture_output=True, text=True, **options)  # type: ignore

    return run


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
