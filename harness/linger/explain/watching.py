"""What a program that waits with epoll asks about connections it has not closed.

proc_pid_fdinfo(5): each line `tfd:` of an epoll descriptor has a watched descriptor and, in
hexadecimal, the events that it waits for.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Any, Iterable

_WATCHED = re.compile(r"^tfd:\s*(\d+) events:\s*([0-9a-f]+)", re.M)
READS = 0x1 | 0x2000  # EPOLLIN, EPOLLRDHUP


def left(snapshots: Iterable[dict[str, Any]]) -> tuple[int, int] | None:
    """Of the CLOSE_WAITs whose descriptors the census lists: how many are registered with epoll but
    not for reading, and how many are not registered.

    None when a process that holds some has no readable epoll descriptor.
    """
    muted = unwatched = 0
    for snapshot in snapshots:
        for owner in snapshot["owners"]:
            if owner["state"] != "CLOSE_WAIT" or owner["gone"] or owner["by"] != "descriptor":
                continue
            watched = _watched(owner["pid"])
            if watched is None:
                return None
            asked = [watched.get(descriptor) for descriptor in owner["fds"]]
            muted += sum(events is not None and not events & READS for events in asked)
            unwatched += asked.count(None)
    return muted, unwatched


def _watched(pid: int) -> dict[int, int] | None:
    """The descriptors that a process watches with epoll, and for which events."""
    place = Path(f"/proc/{pid}")
    found: dict[int, int] | None = None
    with contextlib.suppress(OSError):
        for name in os.listdir(place / "fd"):
            with contextlib.suppress(OSError):  # closed by now
                if os.readlink(place / "fd" / name) == "anon_inode:[eventpoll]":
                    lines = _WATCHED.findall((place / "fdinfo" / name).read_text())
                    found = (found or {}) | {int(fd): int(events, 16) for fd, events in lines}
    return found
