"""Distinguishes a stalled machine from an expectation that does not hold.

At a load of 25 on two cores a kernel leaves its own workers without a processor for a minute, and a virtual
machine may be paused for as long as its host likes. What a lab waits for then comes too late, though nothing
in it is wrong. So a thread of the lab sleeps and checks the clock: time that it oversleeps, beyond what its
own process computed meanwhile, was lost to every program.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from linger.lab.errors import Broken, LingerError, NotHeld, TargetDied

TURN = 0.05  # s that the thread sleeps
NOTICED = 0.2  # s: less than this is an ordinary wait for a processor
STALL = 1.0  # s: half of the deadline for a presence (expect.DEADLINE)
PRESSURE = {"memory": "for memory", "io": "for a disk"}  # proc(5), /proc/pressure: "full"


class Watchdog:
    """A thread that is late when the machine is."""

    def __init__(self) -> None:
        """Start watching."""
        self.seconds = 0.0  # lost so far, in delays of at least NOTICED
        self._before = _accounts()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        before, computed = time.monotonic(), time.process_time()
        while not self._over.wait(TURN):
            now, used = time.monotonic(), time.process_time()
            late = now - before - TURN - (used - computed)
            if late > NOTICED:
                self.seconds += late
            before, computed = now, used

    @property
    def stalled(self) -> bool:
        """Whether a deadline that passed in the meantime proves nothing."""
        return self.seconds >= STALL

    def judge(self, error: LingerError) -> LingerError:
        """An error as it stands, or Broken instead of NotHeld and TargetDied after a stall."""
        if not self.stalled or not isinstance(error, (NotHeld, TargetDied)):
            return error
        return Broken(f"{self.sentence()}, so this proves nothing: {error}")

    def sentence(self) -> str:
        """How long the machine stalled, and the kernel's account of why."""
        why = [
            f"{after - before:.1f} s {words}"
            for (words, before), after in zip(self._before.items(), _accounts().values())
            if after - before >= NOTICED
        ]
        because = f" ({', '.join(why)})" if why else ""
        return f"the machine stalled for {self.seconds:.1f} s{because}"

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self._thread.join()


def _accounts() -> dict[str, float]:
    """Seconds lost since the machine started, by possible cause of a stall, if the kernel counts them."""
    found = {"taken by other virtual machines": _stolen()}
    for resource, words in PRESSURE.items():
        found[f"all waited {words}"] = _pressure(resource)
    return found


def _stolen() -> float:
    """The time that a hypervisor gave to others, per processor (proc(5), stat: steal)."""
    try:
        steal = Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]
    except (OSError, IndexError):
        return 0.0
    return int(steal) / os.sysconf("SC_CLK_TCK") / (os.cpu_count() or 1)


def _pressure(resource: str) -> float:
    """The time in which every process waited for a resource; 0 if the kernel does not count it.
    """
    try:
        lines = Path("/proc/pressure", resource).read_text().splitlines()
    except OSError:
        return 0.0
    totals = [line.rpartition("total=")[2] for line in lines if line.startswith("full ")]
    return int(totals[0]) / 1e6 if totals else 0.0
