"""Interruption from outside: the first signal interrupts, later ones change nothing.

One ^C may arrive several times, since a terminal sends it to all processes of a group and the sandbox
passes on what it gets. A second KeyboardInterrupt would come in the middle of cleaning up.
"""

from __future__ import annotations

import signal
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def once(*numbers: signal.Signals) -> list[signal.Signals]:
    """Let the first of these signals raise KeyboardInterrupt(number); the list then holds it."""
    ended_by: list[signal.Signals] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not ended_by:
            ended_by.append(signal.Signals(number))
            raise KeyboardInterrupt(number)

    for number in numbers:
        signal.signal(number, interrupt)
    return ended_by


def never(*numbers: signal.Signals) -> None:
    """Let these signals change nothing any more. (With SIG_IGN, Python would report one as a race.)"""
    for number in numbers:
        signal.signal(number, lambda number, frame: None)
