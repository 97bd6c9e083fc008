"""A process at one moment, as the census and /proc tell it.

Nothing is changed, stopped or copied: the census is asked without --copy. What may not be looked at
is None, and `unseen` says why.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, TypeVar

from linger.lab.errors import Broken, CannotRun, TargetDied, Usage
from linger.lab.foreign import printable_all
from linger.lab.process import descendants
from linger.lab.programs import program

Snapshot = dict  # of one host, as harness/linger/schema/census.schema.json has it
MOST_MEMBERS = 64  # processes of one program that are looked at
Looked = TypeVar("Looked")


@dataclass(frozen=True)
class Observation:
    """What a program holds, and what it does.

    members: the census of each process of the program, which are the one named and those below it
    that run the same file; host: the census of all in its network namespace; threads: of the
    members; waits: what the census says of those that wait, "socket" telling whether it is for
    one; open, limit: descriptors of the process named, and how many it may have.
    """

    pid: int
    members: tuple[Snapshot, ...]
    host: Snapshot | None
    threads: int
    waits: tuple[dict[str, Any], ...]
    open: int | None
    limit: int | None
    libevent: bool | None
    ports: int | None
    unseen: tuple[str, ...]


def twice(pid: int, port: int | None, apart: float) -> tuple[Observation, Observation]:
    """Two observations, so many seconds apart: what is in both lasts.

    port: only sockets with this local port. Errors: TargetDied when there is no such process;
    CannotRun when its descriptors may not be read.
    """
    first = once(pid, port)
    time.sleep(apart)  # the window itself is measured: nothing is awaited
    return first, once(pid, port)


def once(pid: int, port: int | None) -> Observation:
    """One observation. Errors: as twice()."""
    place = Path("/proc", str(pid))
    if not place.exists():
        raise TargetDied(f"there is no process {pid}")
    unseen: list[str] = []
    pids = _members(pid)[:MOST_MEMBERS]
    members = [snapshot for one in pids if (snapshot := _ask_of(one, pid, port))]
    for snapshot in members:
        for process in snapshot["processes"]:
            if process["unreadable"]:
                raise CannotRun(
                    f"what process {process['pid']} holds may not be read ({process['unreadable']}): "
                    "run it as root, or as the user of that process"
                )
    host = _look(unseen, "its network namespace", lambda: _host(pid))
    limits = _look(unseen, "its limits", lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE))
    held = _look(unseen, "its descriptors", lambda: len(os.listdir(place / "fd")))
    maps = _look(unseen, "what it is linked with", (place / "maps").read_text)
    return Observation(
        pid,
        tuple(members),
        host,
        sum(len(_tasks(one)) for one in pids),
        tuple(_waits(members)),
        held,
        limits[0] if limits else None,
        "libevent" in maps if maps is not None else None,
        _look(unseen, "its range of ports", _ports),
        tuple(unseen),
    )


def _look(unseen: list[str], what: str, look: Callable[[], Looked]) -> Looked | None:
    try:
        return look()
    except (OSError, CannotRun, Broken, Usage) as error:
        unseen.append(f"{what}: {getattr(error, 'strerror', None) or error}")
        return None


def _members(pid: int) -> list[int]:
    """The process, and those below it that run the same file, as workers do."""

    def file(one: int) -> str:
        with contextlib.suppress(OSError):
            return os.readlink(f"/proc/{one}/exe")
        return ""

    own = file(pid)
    return [one for one in descendants(pid) if one == pid or (own and file(one) == own)]


def _tasks(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(f"/proc/{pid}/task")
    return []


def _ask_of(one: int, pid: int, port: int | None) -> Snapshot | None:
    """What a member holds; None if it has ended, unless it is the process named."""
    try:
        return ask("--pid", one, *(["--port", port] if port else []))
    except TargetDied:
        if one == pid:
            raise
        return None


def _host(pid: int) -> Snapshot:
    """All that is in the namespace of a process."""
    theirs, ours = (os.stat(f"/proc/{one}/ns/net") for one in (pid, "self"))
    if os.path.samestat(theirs, ours):
        return ask()
    return ask("--host", f"its={f'/proc/{pid}/ns/net'}")


def _ports() -> int:
    first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return int(last) - int(first) + 1


def _waits(members: list[Snapshot]) -> Iterator[dict[str, Any]]:
    for snapshot in members:
        for process in snapshot["processes"]:
            for wait in process["waits"]:
                yield {**wait, "socket": _is_socket(process["pid"], wait["descriptor"])}


def _is_socket(pid: int, descriptor: int | None) -> bool:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/fd/{descriptor}").startswith("socket:")
    return False


def ask(*options: object) -> Snapshot:
    """One host as the census counts it. Errors: the census's own sentence."""
    words = [str(program("census")), "--json", *map(str, options)]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace")
    if done.returncode == 0:
        return printable_all(json.loads(done.stdout))["hosts"][0]
    sentence = done.stderr.strip() or f"census ended with status {done.returncode}"
    kinds = {kind.code: kind for kind in (Usage, TargetDied, CannotRun)}
    raise kinds.get(done.returncode, Broken)(sentence)
