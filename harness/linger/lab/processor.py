"""How much processor time programs want: the time that they ran or waited for their turn.

A loop that spins shows on a busy machine too, because it is always runnable. From schedstat in /proc
(Documentation/scheduler/sched-stats.rst) and stat (proc_pid_stat(5)), which are empty for an ended process.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Iterable

COMPUTING = "processes that compute"  # the row of a scenario that counts them
THREADS = 16  # num_threads, among the further fields of stat
TURN = 10.0  # s within which a thread gets a processor, however busy the machine


def ran_seconds(pid: int) -> float:
    """The time that the main thread of a process has run, in seconds; 0 once it has ended."""
    return _schedules(pid).get(str(pid), (0, 0))[0] / 1e9


def computing(pids: Iterable[int]) -> int:
    """How many of the processes run, or wait for their turn (state R)."""
    return sum(stat(pid)[1] == "R" for pid in pids)


def runnable_seconds(pids: Iterable[int]) -> dict[str, float]:
    """The seconds that each thread of the processes has run or waited for its turn, by thread id."""
    return {
        thread: (ran + waited) / 1e9
        for pid in pids
        for thread, (ran, waited) in _schedules(pid).items()
    }


def busy(pids: list[int], window: float) -> float:
    """Watch processes for window seconds; returns what percentage of a processor they wanted.

    That is what they would have used on an idle machine.
    """
    before, began = runnable_seconds(pids), time.monotonic()
    time.sleep(window)  # a rate is measured over time
    while _awaits_turn(pids, before) and time.monotonic() < began + window + TURN:
        time.sleep(0.01)  # the kernel counts a thread's waiting time when its turn comes
    now, took = runnable_seconds(pids), time.monotonic() - began
    return 100 * sum(now[thread] - before.get(thread, now[thread]) for thread in now) / took


def tracer(pid: int) -> list[int]:
    """The process that traces another (ptrace(2)); a list of none or one."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")
        number = int(status.partition("\nTracerPid:")[2].split()[0])
        return [number] if number else []
    return []


def stat(pid: int, thread: str = "") -> list[str]:
    """What /proc says about a process or one of its threads: its name, its state (R: runs or waits for its
    turn; Z: has ended), and the further fields; two empty ones once it is gone."""
    folder = f"/proc/{pid}/task/{thread}" if thread else f"/proc/{pid}"
    with contextlib.suppress(OSError):
        name, _, fields = Path(folder, "stat").read_text(errors="replace").rpartition(") ")
        return [name.partition("(")[2], *fields.split()]
    return ["", ""]


def ended(pid: int) -> bool:
    """Whether a process is gone, or only waits for its parent to reap it. (A leader that ended before its
    threads is a zombie, too.)"""
    _, state, *fields = stat(pid)
    return state in ("", "X") or (state == "Z" and int(fields[THREADS]) < 2)


def _schedules(pid: int) -> dict[str, tuple[int, int]]:
    """The nanoseconds that each thread of a process has run, and waited for a processor."""
    found = {}
    for file in Path("/proc").glob(f"{pid}/task/*/schedstat"):
        with contextlib.suppress(OSError):  # it may end meanwhile
            ran, waited, _ = file.read_text().split()
            found[file.parent.name] = int(ran), int(waited)
    return found


def _awaits_turn(pids: list[int], before: dict[str, float]) -> bool:
    """Whether a runnable thread has had no processor since."""
    now = runnable_seconds(pids)
    return any(
        stat(pid, thread)[1] == "R" and now.get(thread) == before[thread]
        for pid in pids
        for thread in _schedules(pid)
        if thread in before
    )
