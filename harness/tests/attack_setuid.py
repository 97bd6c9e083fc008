"""Every call that sets a file's setuid bit, for attacker.py."""

from __future__ import annotations

import ctypes
import os
import stat
from pathlib import Path
from typing import Callable

from attack_calls import AT_FDCWD, call, checked, libc, must, opens

SETUID = 0o4755
HERE = Path("/tmp")  # a place that it can always write to


def is_setuid(path: str | Path) -> bool:
    return bool(os.stat(path).st_mode & stat.S_ISUID)


def setuid_by(action: Callable[[str], object]) -> Callable[[], None]:
    """Make its own file setuid with a call that takes a path."""

    def attack() -> None:
        path = HERE / f"attacker-{os.getpid()}-setuid"
        path.unlink(missing_ok=True)
        try:
            action(os.fspath(path))
            must(is_setuid(path))
        finally:
            path.unlink(missing_ok=True)

    return attack


def touched(path: str) -> str:
    opens(path, os.O_CREAT | os.O_WRONLY)
    return path


def fchmod(path: str) -> None:
    with open(touched(path)) as file:
        os.fchmod(file.fileno(), SETUID)


def openat2(path: str) -> None:
    how = (ctypes.c_uint64 * 3)(os.O_CREAT | os.O_WRONLY, SETUID, 0)
    os.close(call("openat2", AT_FDCWD, path.encode(), how, ctypes.sizeof(how)))


def temporary(path: str) -> None:
    """A file without a name, which is then given one."""
    fd = os.open(HERE, os.O_TMPFILE | os.O_WRONLY, SETUID)
    follow = 0x400  # AT_SYMLINK_FOLLOW
    checked(libc.linkat(AT_FDCWD, f"/proc/self/fd/{fd}".encode(), AT_FDCWD, path.encode(), follow))
    os.close(fd)
