"""A program of somebody else: a student's server, the target of a check.

Whether it can be started at all says build/start. build/confine (harness/sandbox/confine.c) confines
it, for some 1.5 ms, in two ways of use; hand the words to Lab.start(confined=...) or put them before
a command.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Iterable

from linger.lab.programs import program

NOBODY = 65534  # whom a closed program becomes when started by root


def cannot_start(name: str | Path) -> str:
    """The sentence why a program cannot be started; "" when nothing is known against it.

    name: a path, or a name for PATH.
    """
    words = [program("start"), "--ask", "--", name]
    asked = subprocess.run(words, stdout=subprocess.PIPE, text=True, errors="replace")
    return asked.stdout.strip()


def closed(**limits: int) -> list[str]:
    """The words before a command that reads files only, writes to a private /tmp only, and has no
    sockets but the Internet's: for a program that nobody has read.

    limits: of confine's --limit, as closed(nproc=64, cpu=20): processes, seconds, bytes.
    """
    user = ["--user", str(NOBODY)] if os.geteuid() == 0 and _is_mapped(NOBODY) else []
    return [str(program("confine")), "--closed", *user, *_limits(limits)]


def opened(read_only: Iterable[Path] = (), **limits: int) -> list[str]:
    """The words before the caller's own command: it has the caller's files, and no more than that.

    read_only: folders that it may not write all the same, such as that of the run's evidence.
    limits: as for closed(); the kernel exempts root from nproc.
    """
    folders = [word for folder in read_only for word in ("--read-only", str(folder))]
    return [str(program("confine")), *folders, *_limits(limits)]


def _limits(limits: dict[str, int]) -> list[str]:
    return [word for name, value in limits.items() for word in ("--limit", f"{name}={value}")]


def _is_mapped(uid: int) -> bool:
    """Whether this user namespace knows the user: that of a container may not."""
    rows = (map(int, line.split()) for line in Path("/proc/self/uid_map").read_text().splitlines())
    return any(first <= uid < first + count for first, _, count in rows)
