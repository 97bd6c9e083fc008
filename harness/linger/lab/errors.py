"""The kinds of failure, each with its exit code (see "Exit codes" in the README)."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import Any, Sequence

from linger.lab.foreign import printable_lines
from linger.lab.programs import typed

HELD, NOT_HELD, USAGE, TARGET_DIED, BROKEN, CANNOT_RUN = 0, 1, 2, 3, 70, 77


def complain(sentence: str) -> None:
    """Print to standard error, or not if nobody can read it (a closed terminal)."""
    with contextlib.suppress(OSError):
        print(printable_lines(sentence), file=sys.stderr, flush=True)


def last_sentence(said: str) -> str:
    """The last line that one of our processes wrote to standard error, without the program's name."""
    lines = said.strip().splitlines() or [""]
    return lines[-1].removeprefix("linger: ")


def os_sentence(error: OSError) -> str:
    """The system's error, with the file if there is one: "results/x: No space left"."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def signal_name(number: int) -> str:
    """The name of a signal, such as SIGKILL; real-time signals by their offset: SIGRTMIN+6."""
    try:
        return signal.Signals(number).name
    except ValueError:  # Python names the first and the last of them (signal(7))
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"


class LingerError(Exception):
    """An error that ends the run with one clear sentence; `code` is the exit code."""

    code = BROKEN

    def __init__(self, sentence: str) -> None:
        super().__init__(typed(sentence))


class NotHeld(LingerError, AssertionError):
    """An expectation did not hold, or its fault never happened."""

    code = NOT_HELD

    def __init__(self, sentence: str, failures: Sequence[Any] = ()) -> None:
        """failures: what did not hold, as objects (failure.py)."""
        super().__init__(sentence)
        self.failures = tuple(failures)


class Usage(LingerError):
    """The caller asked for something that does not exist or makes no sense."""

    code = USAGE


class TargetDied(LingerError):
    """The server under test ended or never listened; the sentence includes its last output."""

    code = TARGET_DIED


class Broken(LingerError):
    """The harness itself failed."""

    code = BROKEN


class CannotRun(LingerError):
    """This machine lacks something; the sentence says what to do about it."""

    code = CANNOT_RUN
