"""Finds sockets of a host that the census cannot see, because neither the kernel's dump nor /proc/PID/fd has
them.

A connection that was shut down and has ended is in no dump. If a program then sends its descriptor to itself
in a message that is never received (unix(7), SCM_RIGHTS), or has it in a thread that does not share its
descriptors (unshare(2), CLONE_FILES), no descriptor of the process refers to it either, but the socket still
exists. The kernel counts all sockets of a host (proc_pid_net(5), sockstat); we subtract those that are
explained.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Any, Iterator

from linger.lab import census, netns
from linger.lab.foreign import printable
from linger.lab.host import Host

# Orphans in these states are sockets; the kernel has turned one in FIN_WAIT2 into a TIME_WAIT by then.
WHOLE = "ESTABLISHED CLOSE_WAIT FIN_WAIT1 LAST_ACK CLOSING".split()


def count(host: Host, with_ours: bool = False) -> tuple[int, dict[str, Any]]:
    """How many sockets exist in a host but are not seen; compare it with an earlier count, because the lab's
    recorders have some too. Also returns the census that it takes.

    with_ours: this process has connections there.

    It is taken in several steps, so a connection that begins or ends meanwhile may be counted or missed: only
    a number that lasts counts. The census itself has a socket there, which exists for a moment after it has
    ended (Linux 6.18: netlink_release(), an RCU period), so the kernel is asked first.
    """
    exist = existing(host)
    found = census.count({host.name: host.path})[host.name]
    seen = {inode for pid in _processes(host) for inode in sockets_of(f"/proc/{pid}/fd")}
    if with_ours:
        seen |= sockets_of("/proc/self/fd")
    return exist - len(seen) - _without_descriptor(found), found


def told(host: Host) -> list[tuple[str, int, int, str]]:
    """Which threads have unseen sockets, as far as can be told: for each process its name, its pid, how many,
    and the threads in words."""
    found = []
    for pid in _processes(host):
        seen = sockets_of(f"/proc/{pid}/fd")
        own: set[str] = set()
        threads = []
        for task in _entries(f"/proc/{pid}/task"):
            more = sockets_of(f"/proc/{pid}/task/{task}/fd") - seen
            own |= more
            threads += [task] if more else []
        if own:
            words = f"{', '.join(threads[:4])}{', ...' * (len(threads) > 4)}"
            found.append((_name(pid), int(pid), len(own), words))
    return found


def sockets_of(folder: str) -> set[str]:
    """The sockets, by inode, that the descriptors in a folder of /proc refer to."""
    found = set()
    for name in _entries(folder):
        with contextlib.suppress(OSError):  # closed since
            link = os.readlink(f"{folder}/{name}")
            if link.startswith("socket:"):
                found.add(link)
    return found


def existing(host: Host) -> int:
    """How many sockets there are in a host, by the kernel's own count."""
    with netns.inside(host.path):
        said = Path("/proc/thread-self/net/sockstat").read_text()
    return int(re.search(r"^sockets: used (\d+)", said, re.M)[1])  # type: ignore[index]


def _without_descriptor(found: dict[str, Any]) -> int:
    """How many TCP sockets have no descriptor in any program: closed, or not accepted yet."""
    orphans = sum(row["orphan"] for row in found["rows"] if row["state"] in WHOLE)
    return orphans + sum(listener["recv_q"] for listener in found["listeners"])


def _processes(host: Host) -> Iterator[str]:
    """The pids of all processes of a host."""
    there = host.path.stat()
    for pid in filter(str.isdecimal, _entries("/proc")):
        with contextlib.suppress(OSError):  # it may end while we look
            if os.path.samestat(there, os.stat(f"/proc/{pid}/ns/net")):
                yield pid


def _entries(folder: str) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(folder)
    return []


def _name(pid: str) -> str:
    with contextlib.suppress(OSError):
        return printable(Path(f"/proc/{pid}/comm").read_text(errors="replace").rstrip("\n"))
    return "?"
