"""kill.py RUNS [SEED]: kills runs at random moments in every way; fails if anything is left behind.

Needs its own host: `build/sandbox`. A run of a few scenarios gets a signal, loses its terminal, or has a full
or read-only disk. Afterwards this host must have no more processes, namespaces, links, rules, mounts, sysctls
or files than before, and the next run must work. The seed is printed, so the same endings and moments can be
repeated. Ends with status 1 if anything was left.
"""

from __future__ import annotations

import fcntl
import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import Sequence

from leftovers import HostState, abandoned_groups

from linger.lab.environment import outside
from linger.lab.programs import program
from linger.run import scenarios

SIGNALS = ("SIGKILL", "SIGINT", "SIGTERM", "SIGHUP")
DISKS = ("full", "read-only")
ENDINGS = (*SIGNALS, "hang-up", *DISKS)
LONGEST = 2.0  # s: the moment is random, before this; most runs take less
SLOW = ("timewait-lifetime",)
EXERCISE = "closewait_leak_yours"  # a confined program, as a student's


class Run:
    """A run of some scenarios on its own terminal, with its own results and scratch."""

    def __init__(self, folder: Path, names: Sequence[str], disk: str = "") -> None:
        """names: of scenarios, or confined(); disk: how it fails, if at all."""
        words = [str(program("linger")), "run", *names]
        if disk:
            options = "ro" if disk == "read-only" else disk
            script = 'mount -t tmpfs -o "$1" tmpfs "$RESULTS" && shift && exec "$@"'
            words = [str(program("sandbox")), "sh", "-c", script, "sh", options, *words]
        self._terminal, theirs = pty.openpty()
        self._process = subprocess.Popen(
            words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=outside(RESULTS=str(folder / "results"), TMPDIR=str(folder / "tmp"), TERM="dumb"),
        )  # fmt: skip
        os.close(theirs)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def hang_up(self) -> None:
        """Close the terminal: the kernel sends SIGHUP to its foreground processes."""
        os.close(self._terminal)
        self._terminal = -1

    def end(self, within: float = 180.0) -> int:
        """Read what it says until it has ended; returns its status.

        within: seconds, more than a lab waits for its link. Errors: TimeoutError.
        """
        os.set_blocking(self._terminal, False) if self._terminal >= 0 else None
        deadline = time.monotonic() + within
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                os.read(self._terminal, 1 << 16)
            except OSError:  # nothing to read now, or no terminal any more
                time.sleep(0.005)  # the next look
        if self._terminal >= 0:
            os.close(self._terminal)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
            raise TimeoutError(f"it did not end within {within:g} s")
        return self._process.returncode


def confined(folder: Path) -> list[str]:
    """The words of a run with a confined program."""
    return ["closewait-leak", "--yours", str(folder / EXERCISE)]


def once(random: random.Random, folder: Path, ending: str) -> tuple[str, str]:
    """Run and kill; returns what was done, and what is wrong with the status, or ""."""
    names: Sequence[str] = random.sample([name for name in scenarios.names() if name not in SLOW], 3)
    if random.random() < 0.3:
        names = confined(folder)
    if ending in DISKS:
        disk = ending if ending == "read-only" else f"size={random.randrange(8, 400)}k"
        status = Run(folder, names, disk).end()
        expected = {77} if ending == "read-only" else {0, 70, 77}
        return f"{disk}, {' '.join(names)}", "" if status in expected else f"ended with {status}"
    instant = random.uniform(0, LONGEST)
    run = Run(folder, names)
    time.sleep(instant)  # the moment matters
    if ending == "hang-up":
        run.hang_up()
        number = signal.SIGHUP
    else:
        number = signal.Signals[ending]
        run.signal(number)
    status = run.end()
    # By the signal before linger could handle it, cleanly afterwards, or already over.
    known = status in (-number, 128 + number, 0)
    done = f"{ending} after {instant:.3f} s, {' '.join(names)}: status {status}"
    return done, "" if known else f"ended with {status}"


def check(folder: Path, host: HostState) -> str:
    """What is left now, or ""; then whether the next run works."""
    left = host.changes()
    stray = [
        path.name
        for path in (folder / "results").iterdir()
        if path.name != "latest" and not path.name.startswith("20")
    ]
    if stray:
        left += f"\nleft in the results: {' '.join(stray)}"
    if left:
        return left
    status = Run(folder, confined(folder)).end()
    if status:
        return f"the next run ended with {status}"
    groups = abandoned_groups()
    return f"left of control groups: {' '.join(groups)}" if groups else ""


def main(runs: int, seed: int) -> int:
    print(f"seed {seed}, {runs} runs", flush=True)
    chance = random.Random(seed)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
    failed = 0
    with tempfile.TemporaryDirectory(prefix="linger-") as name:
        folder = Path(name)
        (folder / "results").mkdir()
        (folder / "tmp").mkdir()
        shutil.copy(program("servers/closewait_leak_fixed"), folder / EXERCISE)
        host = HostState(folder, folder / "tmp", Path("/run"))
        for number in range(runs):
            done = ENDINGS[number % len(ENDINGS)]
            try:
                done, wrong = once(chance, folder, done)
                wrong = wrong or check(folder, host)
            except TimeoutError as late:
                wrong = str(late)
            print(f"{number + 1:4}  {done}  {'FAILED: ' + wrong if wrong else 'ok'}", flush=True)
            if wrong:
                failed += 1
                host = HostState(folder, folder / "tmp", Path("/run"))  # the next one's own
    print(f"{runs - failed} of {runs} left nothing (seed {seed})")
    return 1 if failed else 0


if __name__ == "__main__":
    count = int(sys.argv[1])
    sys.exit(main(count, int(sys.argv[2]) if sys.argv[2:] else random.randrange(1 << 32)))
