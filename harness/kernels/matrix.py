"""matrix.py: run scenarios on other kernels, and keep what each kernel shows in results/kernels/NUMBER.

VERSIONS: kernel versions, "5.10 6.12.117"; Debian's newest of each. SCENARIOS: names, or all. CACHE, RESULTS:
folders. AGAIN=1 also runs what has already passed. PIECE: how many scenarios a guest runs.

Scenarios run in pieces, each in its own guest, so a kernel that hangs or panics loses one piece. A pass is
kept until its sources change (sources.py); if interrupted, a second call continues. What did not pass in a
piece is retried alone before the result counts. Exit status: 0 all passed; 1 not all; 2 wrong usage; 70
guests ended without a result; 77 cannot run here.
"""

from __future__ import annotations

import concurrent.futures
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Iterator

import sources
from guests import Guests, Kernel, Refused, require

from linger.lab.errors import CANNOT_RUN, USAGE, CannotRun, LingerError, complain
from linger.lab.files import write_json
from linger.report import pages
from linger.run import results, scenarios

LIMIT = int(os.environ.get("LIMIT") or 1800)  # s that a guest may take
BROKEN, NOT_HELD = 70, 1


class Matrix:
    """Kernels by scenarios."""

    def __init__(self, guests: Guests, folder: Path, names: list[str], piece: int) -> None:
        """folder: results/kernels; names: the scenarios; piece: how many a guest runs."""
        self.guests, self.folder, self.piece = guests, folder, piece
        # The longest first: they share a piece and wait at the same time.
        self.names = sorted(names, key=lambda name: (-scenarios.seconds(name), name))

    def run(self, kernel: Kernel) -> None:
        """Run what has not passed on a kernel yet."""
        left = [name for name in self.names if not current(self.folder / kernel.number / name)]
        for name in left:  # otherwise a guest that brings nothing back would pass on old results
            shutil.rmtree(self.folder / kernel.number / name, ignore_errors=True)
        for first in range(0, len(left), self.piece):
            self._piece(kernel, left[first : first + self.piece])
        if self.piece > 1:
            for name in left:
                if not passed(self.folder / kernel.number / name):
                    self._piece(kernel, [name])

    def _piece(self, kernel: Kernel, names: list[str]) -> None:
        begun, made_of = time.monotonic(), {name: sources.digest(name) for name in names}
        home = self.folder / kernel.number
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".guest-{os.getpid()}-", dir=self.folder) as name:
            guest = Path(name)
            command = f"build/linger run {' '.join(names)} --results /evidence"
            status = self.guests.run(kernel, command, guest, LIMIT)
            for run in guest.glob("*/environment.json"):
                keep(run.parent, home)
            good = [name for name in names if passed(home / name)]
            for name in good:
                (home / name / sources.FILE).write_text(made_of[name])
            words = f"{len(good)} of {len(names)} passed"
            if status not in (0, NOT_HELD):
                console = home / f"console-{names[0]}.log"
                shutil.copy(guest / "console.log", console)
                words += f"; the guest ended with {status}: {results.shortest(console)}"
        bad = ", ".join(sorted({*names} - {*good}))
        seconds = time.monotonic() - begun
        print(f"  {kernel.number:<9} {seconds:4.0f} s  {words}{': ' * bool(bad)}{bad}", flush=True)


def reserve(folder: Path) -> None:
    """Reserve a folder for this process until it ends. Errors: CannotRun when another process has it."""
    try:
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        sentence = f"another `make kernels` is using {results.shortest(folder)}; wait until it ends"
        raise CannotRun(sentence) from error


def clear(folder: Path) -> None:
    """Remove the leftovers of guests whose caller was killed."""
    for left in folder.glob(".guest-*"):
        if not Path("/proc", left.name.split("-")[1]).exists():
            shutil.rmtree(left, ignore_errors=True)


def keep(run: Path, home: Path) -> None:
    """Move the evidence of a run to its kernel's folder, replacing that of the same scenarios."""
    for folder in filter(Path.is_dir, run.iterdir()):
        shutil.rmtree(home / folder.name, ignore_errors=True)
        shutil.move(folder, home)
    environment = json.loads((run / "environment.json").read_text())
    environment["commit"] = subprocess.run(  # the guest cannot know it
        results.COMMIT, capture_output=True, text=True
    ).stdout.strip() or None
    write_json(home / "environment.json", environment)


def found(folder: Path) -> list[dict[str, Any]]:
    """The results of a scenario, one per variant, as far as they exist."""
    return [results.read_result(path) for path in sorted(folder.glob("*/result.json"))]


def passed(folder: Path) -> bool:
    """Whether a scenario has run in both variants, as predicted."""
    verdicts = [result["verdict"] for result in found(folder)]
    return len(verdicts) == 2 and all(verdict in results.GOOD for verdict in verdicts)


def current(folder: Path) -> bool:
    """Whether a scenario has passed with its current sources."""
    file = folder / sources.FILE
    return passed(folder) and file.exists() and file.read_text() == sources.digest(folder.name)


def report(folder: Path, kernels: list[Kernel], names: list[str]) -> int:
    """Print what each kernel shows; returns the exit status."""
    status = 0
    print(f"\n  {'kernel':<9}  passed  not passed  not run", flush=True)
    sentences: list[str] = []
    for kernel in kernels:
        home = folder / kernel.number
        run = [name for name in names if len(found(home / name)) == 2]
        good = [name for name in run if passed(home / name)]
        bad, gaps = len(run) - len(good), len(names) - len(run)
        print(f"  {kernel.number:<9}  {len(good):6}  {bad:10}  {gaps:7}")
        sentences += _why(kernel, [home / name for name in run])
        status = max(status, NOT_HELD if bad else 0, BROKEN if gaps else 0)
    print("\n".join(["", *sentences]) if sentences else "", flush=True)
    return status


def _why(kernel: Kernel, folders: list[Path]) -> Iterator[str]:
    for folder in folders:
        for result in found(folder):
            if result["verdict"] not in results.GOOD:
                yield f"  {kernel.number} {folder.name}/{result['variant']}: {result['message']}"


def main() -> int:
    cache = Path(os.environ.get("CACHE") or Path.home() / ".cache/linger") / "kernels"
    folder = Path(os.environ.get("RESULTS") or "results").absolute() / "kernels"
    versions = os.environ["VERSIONS"].split()
    if not versions:
        complain("kernels: VERSIONS is empty, so nothing would run")
        return USAGE
    try:
        require()
        names = scenarios.choose(os.environ["SCENARIOS"].split())
        cache.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        for place in (cache, folder):
            reserve(place)
        clear(folder)
        kernels = [Kernel(cache, version) for version in versions]
        guests = Guests(cache, kernels[-1])
    except Refused as refused:
        return refused.status
    except OSError as error:
        complain(f"kernels: cannot write {error.filename}; choose other folders with CACHE= and RESULTS=")
        return CANNOT_RUN
    except LingerError as error:
        complain(f"kernels: {error}")
        return error.code
    if os.environ.get("AGAIN"):
        for kernel in kernels:
            shutil.rmtree(folder / kernel.number, ignore_errors=True)
    matrix = Matrix(guests, folder, names, int(os.environ.get("PIECE") or 15))
    print(f"kernels: {len(names)} scenarios on {', '.join(kernel.number for kernel in kernels)}, "
          f"by {guests.acceleration}", flush=True)  # fmt: skip
    with concurrent.futures.ThreadPoolExecutor(guests.at_once) as pool:
        list(pool.map(matrix.run, kernels))
    status = report(folder, kernels, names)
    print(f"report: {results.shortest(pages.write(folder))}")
    return status


if __name__ == "__main__":
    sys.exit(main())
