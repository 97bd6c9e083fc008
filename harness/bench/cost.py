"""Measures processor time and memory, and whether there is enough memory."""

from __future__ import annotations

import math
import os
import resource
import time
from pathlib import Path
from typing import Iterable

from linger.lab.errors import CannotRun
from linger.lab.processor import ran_seconds

FALLING = 0.0005  # while much is being freed, Slab falls by more than this share between two looks
TICKS = os.sysconf("SC_CLK_TCK")
IDLE = (3, 4)  # idle and iowait among the fields of the first line of /proc/stat (proc_stat(5))
KERNEL = (2, 5, 6)  # system, irq, softirq
INTERRUPTS = (5, 6)


def meminfo(name: str) -> int:
    """A line of /proc/meminfo, in bytes. Errors: CannotRun when the kernel has no such line."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise CannotRun(f"/proc/meminfo has no {name}")


def settled_slab(within: float = 60.0) -> int:
    """Slab in bytes, once the kernel has freed what earlier sockets used, or after `within` seconds.

    The kernel frees a namespace and its sockets some time after its end; a million of them take long.
    """
    deadline = time.monotonic() + within
    before, now = math.inf, meminfo("Slab")
    while now < before * (1 - FALLING) and time.monotonic() < deadline:
        time.sleep(0.2)  # the next look
        before, now = now, meminfo("Slab")
    return now


def resident(pid: int) -> int:
    """The resident set of a process, in bytes (proc_pid_statm(5))."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


class Cores:
    """Measures how busy the machine's cores are from now on, and with what.

    ours: the processes that keep running, each with one thread. Processes that start and end
    meanwhile count as children.
    """

    def __init__(self, ours: Iterable[int]) -> None:
        self._ours = list(ours)
        self._machine, self._own = self._look()

    def _look(self) -> tuple[list[int], float]:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        usages = [
            resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ]
        own = sum(usage.ru_utime + usage.ru_stime for usage in usages)
        return [int(one) for one in fields], own + sum(map(ran_seconds, self._ours))

    def shares(self) -> dict[str, float]:
        """Shares of all cores: busy; in the kernel; in programs that are not ours.

        The work of interrupts, which is most of TCP's, is in the kernel's share. It is unknown
        which program caused it, so it is not in the share of the others.
        """
        machine, own = self._look()
        spent = [after - before for before, after in zip(self._machine, machine)]
        total = sum(spent) or 1
        busy = total - sum(spent[n] for n in IDLE)
        others = busy - sum(spent[n] for n in INTERRUPTS) - TICKS * (own - self._own)
        return {
            "busy_share": round(busy / total, 4),
            "kernel_share": round(sum(spent[n] for n in KERNEL) / total, 4),
            "others_share": round(max(0.0, others) / total, 4),
        }
