"""A process at one moment, as seen by the census and /proc.

Nothing is changed, stopped or copied: the census runs without --copy. What we cannot read is None, and
`unseen` says why.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, TypeVar

from linger.explain import watching
from linger.lab import processor
from linger.lab.errors import Broken, CannotRun, LingerError, TargetDied, Usage
from linger.lab.foreign import read_json
from linger.lab.process import descendants
from linger.lab.programs import program

Snapshot = dict  # of one host, as harness/linger/schema/census.schema.json has it
MOST_MEMBERS = 64  # processes of one program to look at, at most
Looked = TypeVar("Looked")


@dataclass(frozen=True)
class Observation:
    """What a program holds, and what it does.

    members: the census of each process of the program, i.e. the named one and its descendants that
    run the same file; below: the pids of all its descendants; host: the census of its whole network
    namespace; shared: descriptors that were gone before the program forked, because several members
    have them; left: the result of watching.left(); threads: of the members; waits: the census's
    entries for waiting threads, "socket" says whether they wait for one; open, limit: descriptors
    of the named process, and how many it may have.
    """

    pid: int
    members: tuple[Snapshot, ...]
    below: frozenset[int]
    host: Snapshot | None
    shared: int
    left: tuple[int, int] | None
    threads: int
    waits: tuple[dict[str, Any], ...] | None
    open: int | None
    limit: int | None
    libevent: bool | None
    ports: int | None
    unseen: tuple[str, ...]


def wanted(pid: int, seconds: float) -> float:
    """Watch a program for some seconds; returns how many percent of a processor it wanted."""
    return processor.busy(_members(pid)[:MOST_MEMBERS], seconds)


def once(pid: int, port: int | None) -> Observation:
    """One observation.

    port: only sockets with this local port. Errors: TargetDied when there is no such process;
    CannotRun when its descriptors cannot be read.
    """
    if not Path("/proc", str(pid)).exists():
        raise TargetDied(f"there is no process {pid}")
    if processor.ended(pid):
        raise TargetDied(f"process {pid} has ended")
    place = _place(pid)
    unseen: list[str] = []
    pids = _members(pid)[:MOST_MEMBERS]
    members = [snapshot for one in pids if (snapshot := _ask_of(one, pid, port))]
    hidden = [
        f"process {process['pid']}: {process['unreadable']}"
        for snapshot in members
        for process in snapshot["processes"]
        if process["unreadable"]
    ]
    unseen += hidden
    host = _look(unseen, "its network namespace", lambda: _host(place))
    limits = _look(unseen, "its limits", lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE))
    held = _look(unseen, "its descriptors", lambda: len(os.listdir(place / "fd")))
    maps = _look(unseen, "what it is linked with", (place / "maps").read_text)
    return Observation(
        pid,
        tuple(members),
        frozenset(descendants(pid)[1:]),
        host,
        _shared(members),
        watching.left(members),
        sum(len(_tasks(one)) for one in pids),
        None if hidden else tuple(_waits(members)),
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


def _place(pid: int) -> Path:
    """The folder in /proc of a process, or of a living thread if its leader has ended and shows nothing."""
    if processor.stat(pid)[1] == "Z":
        for task in _tasks(pid):
            if processor.stat(pid, task)[1] not in ("", "Z", "X"):
                return Path("/proc", str(pid), "task", task)
    return Path("/proc", str(pid))


def _members(pid: int) -> list[int]:
    """The process, and its descendants that run the same file, as workers do."""

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
    """What a member holds; None if it has ended, unless it is the named process."""
    try:
        return ask("--pid", one, "--age", *(["--port", port] if port else []))
    except LingerError as error:
        if not isinstance(error, TargetDied) and not processor.ended(one):
            raise
        if one == pid:
            raise TargetDied(f"process {pid} has ended") from None
        return None


def _host(place: Path) -> Snapshot:
    """Everything in the namespace of a process."""
    theirs, ours = place / "ns/net", Path("/proc/self/ns/net")
    return ask() if theirs.samefile(ours) else ask("--host", f"its={theirs}")


def _ports() -> int:
    first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return int(last) - int(first) + 1


def _shared(members: list[Snapshot]) -> int:
    """The descriptors that are gone whose sockets several members have."""
    found = Counter(
        _target(owner["pid"], descriptor)
        for snapshot in members
        for owner in snapshot["owners"]
        for descriptor in owner["fds"]
        if owner["gone"]
    )
    return sum(times for target, times in found.items() if target and times > 1)


def _target(pid: int, descriptor: int | None) -> str:
    """What a descriptor refers to, "socket:[7]"; "" if it is closed by now."""
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/fd/{descriptor}")
    return ""


def _waits(members: list[Snapshot]) -> Iterator[dict[str, Any]]:
    for snapshot in members:
        for process in snapshot["processes"]:
            for wait in process["waits"]:
                target = _target(process["pid"], wait["descriptor"])
                yield {**wait, "socket": target.startswith("socket:")}


def ask(*options: object) -> Snapshot:
    """The census of one host. Errors: the census's own sentence."""
    words = [str(program("census")), "--json", *map(str, options)]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace")
    if done.returncode == 0:
        return read_json(done.stdout)["hosts"][0]
    sentence = done.stderr.strip() or f"census ended with status {done.returncode}"
    kinds = {kind.code: kind for kind in (Usage, TargetDied, CannotRun)}
    raise kinds.get(done.returncode, Broken)(sentence)
