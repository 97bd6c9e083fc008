"""A program under blame: the command line that starts it, and its report."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any, Sequence

from linger.lab import processor
from linger.lab.errors import Broken, CannotRun, LingerError, TargetDied, Usage, last_sentence
from linger.lab.programs import program

ERRORS: dict[int, type[LingerError]] = {2: Usage, 3: TargetDied, 77: CannotRun}


def words(
    report: Path, sample: int = 1, deep: bool = False, at_rest: bool = False
) -> list[str]:
    """The words to put before a command so that blame follows it.

    report: where the tracer writes; sample: follow only descriptors that are a multiple of it, a power of
    two; deep: record the lines that run after a socket was taken, and after one ended; at_rest: also write
    whenever nothing has happened for a second, for programs that will be killed.
    """
    options = [f"--sample={sample}"] if sample > 1 else []
    options += ["--deep"] if deep else []
    options += ["--at-rest"] if at_rest else []
    return [str(program("blame")), "trace", f"--output={report}", *options, "--"]


def ask(report: Path) -> None:
    """Have the report of a running program rewritten, and wait for it.

    Errors: TargetDied when the program has ended (the report is its last), Usage, CannotRun.
    """
    asked = subprocess.run([program("blame"), "ask", report], stderr=subprocess.PIPE, text=True)
    if asked.returncode:
        raise ERRORS.get(asked.returncode, Broken)(last_sentence(asked.stderr))


def watch(pid: int, report: Path) -> None:
    """Watch a running process until ^C without stopping it; then its report exists.

    Errors: CannotRun if the kernel or our rights do not allow it, Usage, TargetDied.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends the watcher; we go on
    try:
        words = [program("blame"), "watch", f"--output={report}", f"--pid={pid}"]
        done = subprocess.run(words, stderr=subprocess.PIPE, text=True, preexec_fn=_unblocked)
    finally:
        signal.signal(signal.SIGINT, before)
    if done.returncode:
        raise ERRORS.get(done.returncode, Broken)(last_sentence(done.stderr))


def _unblocked() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def read(report: Path) -> dict[str, Any]:
    """A report of the tracer (schema/traced.schema.json). Errors: Usage."""
    try:
        return json.loads(report.read_text(errors="replace"))
    except FileNotFoundError:
        raise Usage(f"there is no blame report at {report}") from None
    except ValueError:
        raise Usage(f"{report} is not a blame report") from None


def runs(pid: int) -> bool:
    """Whether the tracer of a report still follows something."""
    name, state, *_ = processor.stat(pid)
    return name == "blame-tracer" and state not in ("Z", "X")


def answers(questions: Sequence[tuple[str, int]], symbols: Path | None) -> list[dict[str, Any]]:
    """The answers of `blame lines` to (path, address) pairs. symbols: an unstripped file of the program."""
    asked = "".join(f"{address:x} {path}\n" for path, address in questions)
    options = [f"--symbols={symbols}"] if symbols else []
    done = subprocess.run([program("blame"), "lines", *options], input=asked, text=True,
                          capture_output=True, errors="replace")  # fmt: skip
    if done.returncode:
        raise ERRORS.get(done.returncode, Broken)(last_sentence(done.stderr))
    return [json.loads(line) for line in done.stdout.splitlines()]
