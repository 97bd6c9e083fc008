"""A third-party program: a student's server, the target of a check.

build/start says whether it can be started. build/confine (harness/sandbox/README.md)
confines it, in two ways; pass the words to Lab.start(confined=...) or put them before a command.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Iterable

from linger.lab.programs import program


def cannot_start(name: str | Path) -> str:
    """A sentence that says why a program cannot be started; "" if no reason is known.

    name: a path, or a name for PATH.
    """
    words = [program("start"), "--ask", "--", name]
    asked = subprocess.run(words, stdout=subprocess.PIPE, text=True, errors="replace")
    return asked.stdout.strip()


def closed(show: Iterable[Path] = (), **limits: int) -> list[str]:
    """The words before a command that may see only the system's files and its own program, write only to a
    private /tmp, and use only Internet sockets: for a program that nobody has reviewed.

    Started by root, it runs as nobody. show: further folders that it needs to read.
    limits: for confine's --limit, such as closed(nproc=64, cpu=20): processes, seconds, bytes.
    """
    return [str(program("confine")), "--closed", *_options("show", show), *_limits(limits)]


def opened(read_only: Iterable[Path] = (), **limits: int) -> list[str]:
    """The words before the caller's own command: it gets the caller's files, and nothing else.

    read_only: folders that it must not write to, such as the run's evidence.
    limits: as for closed(); without a control group the kernel exempts root from nproc.
    """
    return [str(program("confine")), *_options("read-only", read_only), *_limits(limits)]


def _options(name: str, folders: Iterable[Path]) -> list[str]:
    return [word for folder in folders for word in (f"--{name}", str(folder))]


def _limits(limits: dict[str, int]) -> list[str]:
    return [word for name, value in limits.items() for word in ("--limit", f"{name}={value}")]
