"""prove.py INIT RUNS [SEED]: check that `make fresh` can fail, and leaves nothing when killed.

First an unreachable archive, then a deps that forgets a package: neither may pass. Then RUNS runs
are killed at random moments with every signal, while their cache fills: only the cache may be left,
no mount, no process and no other file. With that cache, a last run must pass. The printed seed
repeats signals and moments. Exit status 1 if anything is wrong.

INIT is build/sandbox-init. Needs what `make fresh` needs.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from linger.lab.process import descendants

HERE = Path(__file__).resolve().parent
SMALLEST = {"DEBIAN": "12", "WAYS": "machine"}
NOWHERE = "http://127.0.0.1:1/debian"  # port 1: nobody listens, so connections are refused at once
UNREACHABLE = "is unreachable or lacks this release"  # what `machines` says of it
FORGOTTEN = "libmnl-dev"  # without it the census does not build
# Which signal is sent, and to which: make, or what it started.
ENDINGS = [
    ("SIGKILL", "make"), ("SIGKILL", "run"), ("SIGTERM", "run"), ("SIGINT", "all"), ("SIGHUP", "all"),
]  # fmt: skip
LONGEST = 90.0  # s: a moment is a random time before this; a run takes longer
PR_SET_CHILD_SUBREAPER = 36


class Fresh:
    """Runs of harness/fresh/run with their own cache and results in one folder."""

    def __init__(self, init: str, folder: Path) -> None:
        self._init, self.cache, self.results = init, folder / "cache", folder / "results"
        self._mounts = mounts()

    def _environment(self, **more: str) -> dict[str, str]:
        ours = {**SMALLEST, "CACHE": str(self.cache), "RESULTS": str(self.results)}
        return {**os.environ, **ours, **more}

    def run(self, **more: str) -> tuple[int, str]:
        """One run with these variables; returns its exit status and output."""
        done = subprocess.run(
            [str(HERE / "run"), self._init], env=self._environment(**more), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.returncode, done.stdout

    def end(self, name: str, victim: str, instant: float) -> str:
        """Start a run and send the signal after so many seconds; returns what is left, or ""."""
        words = ["make", "fresh"] if victim == "make" else [str(HERE / "run"), self._init]
        process = subprocess.Popen(
            words, cwd=HERE.parent.parent, env=self._environment(), start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(instant)
            return f"it had already ended with {process.returncode}: nothing was proved"
        number = signal.Signals[name]
        os.killpg(process.pid, number) if victim == "all" else process.send_signal(number)
        process.wait()
        return self._left(within=10.0)

    def _left(self, within: float) -> str:
        deadline = time.monotonic() + within
        while (found := self._look()) and time.monotonic() < deadline:
            time.sleep(0.01)  # the next look
        return found

    def _look(self) -> str:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        found = [f"process {pid}" for pid in descendants(os.getpid())[1:]]
        found += [f"mount {line}" for line in mounts() - self._mounts]
        found += [f"file {path}" for path in (self.cache / "trees").glob("*")]
        known = ("bookworm", "lock", "trees")
        found += [f"file {path}" for path in self.cache.glob("*") if path.name not in known]
        return ", ".join(found)


def mounts() -> set[str]:
    return set(Path("/proc/self/mountinfo").read_text().splitlines())


def report(what: str, wrong: str, begun: float) -> bool:
    """Print the outcome; returns whether it went wrong."""
    seconds = time.monotonic() - begun
    print(f"  {what:<44} {seconds:4.0f} s  {'FAILED: ' + wrong if wrong else 'ok'}", flush=True)
    return bool(wrong)


def prove(fresh: Fresh, runs: int, chance: random.Random) -> int:
    """Run everything, one line each; returns the number of failures."""
    begun = time.monotonic()
    status, said = fresh.run(MIRROR=NOWHERE)
    wrong = "" if status == 70 and f"{NOWHERE} {UNREACHABLE}" in said else f"{status}\n{said}"
    failed = report("an unreachable archive", wrong, begun)

    for number in range(runs):
        begun = time.monotonic()
        ending = ENDINGS[number % len(ENDINGS)]
        instant = chance.uniform(0, LONGEST)
        wrong = fresh.end(*ending, instant)
        failed += report(f"{ending[0]} to {ending[1]} after {instant:.3f} s", wrong, begun)

    begun = time.monotonic()
    status, said = fresh.run(PLANT=FORGOTTEN)
    wrong = "" if status == 1 and "libmnl.h: No such file" in said else f"{status}\n{said}"
    failed += report(f"deps forgets {FORGOTTEN}", wrong, begun)

    begun = time.monotonic()
    status, said = fresh.run()
    failed += report("nothing is wrong", f"{status}\n{said}" if status else "", begun)
    return failed


def main(init: str, runs: int, seed: int) -> int:
    print(f"seed {seed}, {runs} runs are killed", flush=True)
    # Orphans become our children, so nothing can hide.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="linger-fresh-", dir="/var/tmp") as name:
        failed = prove(Fresh(init, Path(name)), runs, random.Random(seed))
    print(f"{failed} wrong (seed {seed})")
    return 1 if failed else 0


if __name__ == "__main__":
    count = int(sys.argv[2])
    sys.exit(
        main(sys.argv[1], count, int(sys.argv[3]) if sys.argv[3:] else random.randrange(1 << 32))
    )
