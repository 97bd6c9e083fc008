"""A command that makes a request and ends: one run per behaviour.

Success is the exit code, unless it is 0 even when the server refuses. Then the run's product, on standard
output and at {out}, may show it, or the caller's command (--verify).
"""

from __future__ import annotations

import shlex
import subprocess
import time
from pathlib import Path
from typing import Callable, Sequence

from linger.check.client.outcome import DIED, DONE, Outcome
from linger.check.client.subject import Address, Order, Program, filled
from linger.check.client.vigil import LOOK, Watch
from linger.check.client.yardstick import Yardstick, product
from linger.lab import files, netns
from linger.lab.host import Host
from linger.lab.service import as_caller

VERIFYING = 10.0  # s that --verify may take


class Run:
    """One run of the command."""

    def __init__(self, start: Callable[..., Program], order: Order, at: Address, folder: Path) -> None:
        """start: starts words in a folder with files as standard input and output. folder: the run's own."""
        files.make_folder(folder)
        self._order, self._at = order, at
        self._stdout, self._out = folder / "stdout", folder / "out"
        words = filled(order.command, at, self._out)
        self.program = start(words, folder, Path("/dev/null"), self._stdout)

    def outcome(self, end: str, watch: Watch, host: Host, yardstick: Yardstick) -> Outcome:
        """Its result. end: "" when it has ended, else as Watch returns it."""
        name = self._at.path.strip("/")
        common = {"seconds": watch.seconds, "connects": watch.connects}
        if end:
            said, notes = watch.explained(self.program.pids)
            return Outcome(name, self._at.port, end, said=said, notes=notes, **common)
        status, made = self.program.status, product(self._stdout, self._out)
        if status is None:
            said, notes = f"it {self.program.ending()}", self.program.last_lines()
            return Outcome(name, self._at.port, DIED, said=said, notes=notes, **common)
        success = yardstick.success(status, made)
        if self._order.verify:
            success = self._verified(host, status)
        line = self.program.last_line()
        said = f"status {status}" + (f", {line}" if line else "")
        return Outcome(name, self._at.port, DONE, success, None, made.size, made.digest, said, **common)

    def _verified(self, host: Host, status: int) -> bool:
        """What the caller's command says: its standard input is the run's output, its $1 the status."""
        quoted = filled((self._order.verify,), self._at, Path(shlex.quote(str(self._out))))
        words = [*as_caller(), "sh", "-c", *quoted, "verify", str(status)]
        try:
            with netns.inside(host.path), self._stdout.open("rb") as made:
                done = subprocess.run(words, stdin=made, capture_output=True, timeout=VERIFYING)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def together(
    runs: Sequence[Run], watches: Sequence[Watch], host: Host, yardstick: Yardstick, limit: float
) -> list[Outcome]:
    """Watch several runs at the same time, for at most limit seconds; then end those that are not done."""
    found: dict[int, Outcome] = {}
    while len(found) < len(runs):
        for number, (run, watch) in enumerate(zip(runs, watches)):
            if number in found:
                continue
            end = watch.look(lambda: run.program.done(), lambda: run.program.pids, limit)
            if end is not None:
                found[number] = run.outcome(end, watch, host, yardstick)
                run.program.stop()
        time.sleep(LOOK)  # the next look
    return [found[number] for number in range(len(runs))]
