"""The timeline of a lab: a census that samples its hosts whenever something happens there."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from pathlib import Path
from typing import Mapping

from linger.lab import census
from linger.lab.errors import Broken, NotHeld
from linger.lab.foreign import end_of
from linger.lab.process import LONGEST, Process


class Samples(Process):
    """The census, and the file that it writes: one JSON line for each host and change."""

    def __init__(self, hosts: Mapping[str, Path], file: Path) -> None:
        """Start it. hosts: the namespace of each host by its name."""
        super().__init__([*census.command(hosts), "--stream"], file)
        self._hosts = [*hosts]

    def await_first(self) -> None:
        """Wait for its first line, which shows the start; errors: Broken, CannotRun."""
        try:
            self.speaks(within=60.0)
        except NotHeld as silent:
            raise Broken(f"there is no timeline: {silent}") from None

    def catch_up(self) -> None:
        """Wait until the file shows what there is now; errors: Broken, and as must_be_logged().

        On a busy machine the census may not have had a processor since the last change.
        """
        now, deadline = time.time(), time.monotonic() + LONGEST
        self.signal(signal.SIGUSR1)
        while not self._has_looked_since(now):
            self.must_be_logged()
            if not self.running or time.monotonic() > deadline:
                raise Broken(f"the timeline is incomplete: census {self.ending()}{self.tail(1)}")
            time.sleep(0.001)  # the next look

    def _has_looked_since(self, moment: float) -> bool:
        """Whether it has looked at every host: the last one comes last, but a later look may print only
        another. moment: in seconds since 1970."""
        for line in reversed(end_of(self.log).splitlines()):
            with contextlib.suppress(ValueError):  # the beginning was cut off, or it is why it ended
                sample = json.loads(line)
                if sample["host"] == self._hosts[-1]:
                    return sample["time"] >= moment
        return False

    def peaks(self) -> dict[str, dict[str, int]]:
        """The highest count of each state in each host so far."""
        found: dict[str, dict[str, int]] = {name: {} for name in self._hosts}
        for line in self.log.read_text().splitlines():
            sample = json.loads(line)
            highest = found[sample["host"]]
            for state, count in sample["states"].items():
                highest[state] = max(count, highest.get(state, 0))
        return found
