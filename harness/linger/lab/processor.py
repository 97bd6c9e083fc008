"""What programs want of a processor: the time they have run, or would have if it were their turn.

A loop that spins shows on a busy machine too, because it is always runnable. From schedstat in /proc
(Documentation/scheduler/sched-stats.rst) and stat (proc_pid_stat(5)); of what has ended there is nothing.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Iterable

TURN = 10.0  # s: by then a thread has had a processor, on however busy a machine


def ran_seconds(pid: int) -> float:
    """The time that the main thread of a process has run, in seconds; 0 once it has ended."""
    return _schedules(pid).get(str(pid), (0, 0))[0] / 1e9


def runnable_seconds(pids: Iterable[int]) -> dict[str, float]:
    """The seconds that each thread of the processes has run, or waited for its turn, by its id."""
    return {
        thread: (ran + waited) / 1e9
        for pid in pids
        for thread, (ran, waited) in _schedules(pid).items()
    }


def busy(pids: list[int], window: float) -> float:
    """Watch processes for so many seconds; returns how many percent of a processor they wanted.

    That is what they would have had on a machine of their own, whatever else runs on this one.
    """
    before, began = runnable_seconds(pids), time.monotonic()
    time.sleep(window)  # a rate is measured over time
    while _awaits_turn(pids, before) and time.monotonic() < began + window + TURN:
        time.sleep(0.01)  # the kernel counts what a thread has waited when its turn comes
    now, took = runnable_seconds(pids), time.monotonic() - began
    return 100 * sum(now[thread] - before.get(thread, now[thread]) for thread in now) / took


def tracer(pid: int) -> list[int]:
    """The process that traces another one (ptrace(2)); none, or one."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")
        number = int(status.partition("\nTracerPid:")[2].split()[0])
        return [number] if number else []
    return []


def stat(pid: int, thread: str = "") -> list[str]:
    """What /proc tells of a process, or of one of its threads: its name, its state (R runs, or would if
    it were its turn; Z has ended), and the further fields; two empty ones once it is gone."""
    folder = f"/proc/{pid}/task/{thread}" if thread else f"/proc/{pid}"
    with contextlib.suppress(OSError):
        name, _, fields = Path(folder, "stat").read_text(errors="replace").rpartition(") ")
        return [name.partition("(")[2], *fields.split()]
    return ["", ""]


def _schedules(pid: int) -> dict[str, tuple[int, int]]:
    """The nanoseconds that each thread of a process has run, and waited for a processor."""
    found = {}
    for file in Path("/proc").glob(f"{pid}/task/*/schedstat"):
        with contextlib.suppress(OSError):  # it may end while it is looked at
            ran, waited, _ = file.read_text().split()
            found[file.parent.name] = int(ran), int(waited)
    return found


def _awaits_turn(pids: list[int], before: dict[str, float]) -> bool:
    """Whether a thread would run, and has had no processor since."""
    now = runnable_seconds(pids)
    return any(
        stat(pid, thread)[1] == "R" and now.get(thread) == before[thread]
        for pid in pids
        for thread in _schedules(pid)
        if thread in before
    )
