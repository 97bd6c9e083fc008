"""soak: runs the scenarios repeatedly, on an idle and on a busy machine, until a rare failure
shows.

Each round runs every scenario once in both variants, under one of three conditions in turn:

    alone    nothing else runs
    busy     two busy processes per core
    sliced all on one core with two busy processes, and time slices of 0.1 ms: the running process changes as
    often as the kernel allows. An ordinary user may request such slices (sched_setattr(2); since Linux 6.12,
    older kernels ignore it), while base_slice_ns of debugfs and real-time priorities need root.

Nothing is retried. A failure keeps its evidence, a pass does not. The state is saved after each
round, so an interrupted soak continues where it stopped, as long as no program and no scenario has changed.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import math
import os
import platform
import shutil
import statistics
import struct
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple, Sequence

from linger.lab.errors import HELD, NOT_HELD, CannotRun, last_sentence
from linger.lab.files import make_folder, write_json, write_text, writing
from linger.lab.programs import program
from linger.run import scenarios
from linger.run.printer import print_table, say
from linger.run.results import COMMIT
from linger.run.summary import good

SCHEMA = 2  # of soak.json
CONDITIONS = {"alone": 0, "busy": 2 * (os.cpu_count() or 1), "sliced": 2}  # computing processes
SLICE = 100_000  # ns, the shortest there is
SLOW = 10.0  # s: slower scenarios run only in every RARELY-th round
RARELY = 50
SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}  # numbers of the system call
COMPUTE = 'n=$1; shift; while [ $((n -= 1)) -ge 0 ]; do (while :; do :; done) & done; exec "$@"'


class Outcome(NamedTuple):
    """The outcome of one variant of one scenario in one round."""

    scenario: str
    variant: str
    seconds: float
    failure: str  # the sentence, or ""
    evidence: Path  # the lab's folder, which may not exist


class Soak:
    """The rounds so far, in their own folder."""

    def __init__(self, folder: Path, fresh: bool) -> None:
        """folder: results/soak; fresh: discard the earlier rounds."""
        self.folder = folder
        self._file = folder / "soak.json"
        self._tried = _tried()
        known = json.loads(self._file.read_text()) if self._file.exists() and not fresh else None
        if known and known.get("tried") != self._tried:
            say(f"starts anew: {self._file} is about other programs or scenarios (commit {known['commit']})")
            known = None
        if not known:
            shutil.rmtree(folder, ignore_errors=True)
            make_folder(folder)
        self.rounds: int = known["rounds"] if known else 0
        self.rows: dict[str, dict[str, Any]] = known["rows"] if known else {}

    def run_round(self, names: Sequence[str]) -> list[Outcome]:
        """Run each scenario once, keep the evidence of failures, and write the state."""
        number = self.rounds + 1
        condition = list(CONDITIONS)[self.rounds % len(CONDITIONS)]
        here = self.folder / f"round-{number:04}"
        shutil.rmtree(here, ignore_errors=True)  # of a round that was interrupted
        rare = number % RARELY == 1
        chosen = [name for name in names if rare or scenarios.seconds(name) < SLOW]
        outcomes = _run(chosen, condition, here)
        for outcome in outcomes:
            label = f"{outcome.scenario}/{outcome.variant}"
            row = self.rows.setdefault(label, {"passed": 0, "seconds": [], "failures": []})
            row["seconds"].append(outcome.seconds)
            if not outcome.failure:
                row["passed"] += 1
                continue
            kept = self._keep(outcome, f"{number:04}-{condition}")
            failure = {"round": number, "condition": condition, "evidence": str(kept)}
            row["failures"].append({**failure, "message": outcome.failure})
            say(f"FAILED {label} in round {number} ({condition}): {outcome.failure} [{kept}]")
        shutil.rmtree(here)
        self.rounds = number
        self._write()
        return outcomes

    def _keep(self, outcome: Outcome, prefix: str) -> Path:
        kept = self.folder / "failures" / f"{prefix}-{outcome.scenario}-{outcome.variant}"
        shutil.rmtree(kept, ignore_errors=True)  # of a round that was interrupted
        make_folder(kept.parent)
        with writing(kept):
            outcome.evidence.rename(kept) if outcome.evidence.is_dir() else kept.mkdir()
        write_text(kept / "failure.txt", outcome.failure + "\n")
        return kept

    def _write(self) -> None:
        content = {"schema": SCHEMA, "commit": _commit(), "tried": self._tried, "rounds": self.rounds}
        table = {label: summary(row) for label, row in self.rows.items()}
        write_json(self._file, {**content, "table": table, "rows": self.rows})

    def show(self) -> None:
        """Print the table."""
        head = ["", "passed", "Wilson 95 %", "median s", "slowest s"]
        rows = []
        for label, row in sorted(self.rows.items()):
            found = summary(row)
            rows.append([
                label, f"{found['passed']} of {found['runs']}", f">= {found['wilson']:.1%}",
                f"{found['median']:.2f}", f"{found['slowest']:.2f}",
            ])  # fmt: skip
        print_table(head, rows)

    @property
    def failed(self) -> int:
        """How many runs have failed so far."""
        return sum(len(row["failures"]) for row in self.rows.values())


def summary(row: dict[str, Any]) -> dict[str, Any]:
    """The row of the table: passed of runs, the lower Wilson bound of the rate, seconds."""
    runs = len(row["seconds"])
    return {
        "passed": row["passed"], "runs": runs, "wilson": wilson(row["passed"], runs),
        "median": statistics.median(row["seconds"]), "slowest": max(row["seconds"]),
    }  # fmt: skip


def wilson(passed: int, runs: int, z: float = 1.96) -> float:
    """The lower end of the Wilson score interval: with 95 % confidence the true rate is above.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference (1927).
    """
    rate = passed / runs
    centre = rate + z * z / (2 * runs)
    spread = z * math.sqrt(rate * (1 - rate) / runs + z * z / (4 * runs * runs))
    return max(0.0, (centre - spread) / (1 + z * z / runs))


def _commit() -> str:
    return subprocess.run(COMMIT, capture_output=True, text=True).stdout.strip() or "unknown"


def _tried() -> str:
    """A hash of all programs and scenarios: earlier rounds say nothing about others."""
    folders = [program(name) for name in ("", "servers", "clients")]
    files = [*scenarios.SCENARIOS.glob("*.py"), *(path for folder in folders for path in folder.iterdir())]
    digest = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file() and not path.is_symlink()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _run(names: Sequence[str], condition: str, here: Path) -> list[Outcome]:
    """One round. The busy processes beside it are in a sandbox around it, and end with it."""
    around = [str(program("sandbox")), "sh", "-c", COMPUTE, "sh", str(CONDITIONS[condition])]
    words = [*around, str(program("linger")), "run", "--json", *names, "--results", str(here)]
    done = subprocess.run(
        words, capture_output=True, text=True, preexec_fn=_slice if condition == "sliced" else None
    )
    sentence = last_sentence(done.stderr) or f"it ended with {done.returncode}"
    if done.returncode == CannotRun.code:  # a full disk is not a scenario's failure
        raise CannotRun(f"a round could not run: {sentence}")
    if not done.stdout:
        raise CannotRun(f"a round left no report: {sentence}")
    document = json.loads(done.stdout)
    outcomes = [_outcome(test, Path(document["run"])) for test in document["tests"]]
    if done.returncode and not any(outcome.failure for outcome in outcomes):
        raise CannotRun(f"a round ended with status {done.returncode}, but none of its tests says why")
    return outcomes


def _slice() -> None:
    """Give this process, and all that it starts, one core and the shortest time slices."""
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    number = SCHED_SETATTR.get(platform.machine())
    if number:  # struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period
        attributes = struct.pack("IIQiIQQQ", 48, os.SCHED_OTHER, 0, 0, 0, SLICE, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, attributes, 0)


def _outcome(test: dict[str, Any], run: Path) -> Outcome:
    """A test of run.json, and the run's directory."""
    sentence = "" if good(test) else " ".join((test["message"] or test["verdict"]).split())
    folder = run / (test["folder"] or "")
    return Outcome(test["scenario"] or test["test"], test["variant"] or "", test["seconds"], sentence[:300], folder)


def run(names: Sequence[str], rounds: int, folder: Path, fresh: bool) -> int:
    """Soak until that many rounds are done; returns the exit code."""
    soak = Soak(folder, fresh)
    if soak.rounds:
        say(f"continues after {soak.rounds} rounds")
    began, first = time.monotonic(), soak.rounds
    while soak.rounds < rounds:
        outcomes = soak.run_round(names)
        failed = sum(bool(outcome.failure) for outcome in outcomes)
        each = (time.monotonic() - began) / (soak.rounds - first)
        left = each * (rounds - soak.rounds) / 60
        say(
            f"round {soak.rounds} of {rounds}: {len(outcomes) - failed} passed, {failed} failed; "
            f"{left:.0f} min to go"
        )
    say()
    soak.show()
    say(f"\n{soak.failed} failures in {soak.rounds} rounds; {folder / 'soak.json'}")
    return NOT_HELD if soak.failed else HELD
