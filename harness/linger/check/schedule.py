"""Many trials at the same time, each in a process of its own.

A trial that crashes takes nothing else with it, and each has an own /run, so that several instances
of one program do not meet in their pid files there. They may meet elsewhere, in a file that all
share, and they take each other's processor: so what does not start beside the others, fails or
starves is tried again by itself before that is believed.
"""

from __future__ import annotations

import signal
import traceback
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

from linger.check.battery import Check
from linger.check.finding import BAD
from linger.check.record import Result
from linger.lab import netns
from linger.lab.errors import Broken, LingerError, os_sentence

Attempt = Callable[[Check, Path], Result]  # the folder is for its evidence
FORK = get_context("fork")


def run(
    checks: Sequence[Check],
    attempt: Attempt,
    folder: Path,
    at_once: int,
    on_end: Callable[[Result], None],
) -> list[Result]:
    """Run checks, the slow ones first; returns their results in the order of checks.

    attempt: makes a trial of one, and says in its result whether other trials may be to blame for it
    ("doubt") and whether the machine stood still ("stall"); folder: for the evidence, a folder each.
    at_once: trials at the same time; on_end: told each result as it comes.
    Errors: what a trial could not run for.
    """
    order = sorted(checks, key=lambda check: not check.slow)
    done: dict[str, Result] = {}
    alone = []
    for check, result in _round(order, attempt, folder, at_once):
        if at_once == 1 and not result["stall"] or not _doubtful(result):
            done[check.id] = result
            on_end(result)
        else:
            alone.append(check)
    for check, result in _round(alone, attempt, folder, 1):
        if result["stall"] and result["verdict"] in BAD:
            raise Broken(f"{result['stall']}, so {check.id} proves nothing: {result['measured']}")
        done[check.id] = result
        on_end(result)
    return [done[check.id] for check in checks]


def _doubtful(result: Result) -> bool:
    """Whether others, or the machine, may be to blame for what a check found."""
    return result["doubt"] or bool(result["stall"]) and result["verdict"] in BAD


def _round(
    checks: list[Check], attempt: Attempt, folder: Path, at_once: int
) -> Iterator[tuple[Check, Result]]:
    """Each check with its result, as they come."""
    waiting = list(reversed(checks))
    running: dict[Any, tuple[Child, Check]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                check = waiting.pop()
                child = Child(attempt, check, folder / check.id)
                running[child.pipe] = child, check
            for pipe in wait(list(running)):
                child, check = running.pop(pipe)
                yield check, child.result()
    finally:
        for child, _ in running.values():
            child.end()


class Child:
    """A function that runs in a process of its own, with an own /run."""

    def __init__(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Start work(*arguments)."""
        self._work, self._arguments = work, arguments
        self.pipe, self._sender = FORK.Pipe(duplex=False)
        self._process = FORK.Process(target=self._run)
        self._process.start()
        self._sender.close()

    def _run(self) -> None:
        """The life of the child. Who interrupts at a terminal means the parent, which ends it."""
        signal.signal(signal.SIGINT, lambda number, frame: None)
        try:
            netns.own_run()
            self._sender.send(self._work(*self._arguments))
        except LingerError as error:
            self._sender.send(error)
        except OSError as error:
            self._sender.send(Broken(os_sentence(error)))
        except Exception:
            self._sender.send(Broken(traceback.format_exc()))

    def result(self) -> Any:
        """What the work returned, once it has. Errors: those of the work; Broken when it died."""
        try:
            result = self.pipe.recv()
        except EOFError:
            raise Broken("the process of a check ended without a result") from None
        except KeyboardInterrupt:
            self._process.terminate()
            raise
        finally:
            self._process.join()
        if isinstance(result, LingerError):
            raise result
        return result

    def end(self) -> None:
        """End it before its time."""
        self._process.terminate()
        self._process.join()
