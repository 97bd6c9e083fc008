"""Many trials at the same time, each in its own process.

A trial that crashes takes nothing else with it. Each has its own /run, so the pid files of several instances of
one program do not collide there. They may collide elsewhere, in a file that all share, and they compete for the
processor: so a trial that does not start beside the others, fails or starves is retried alone before its result
counts. A trial that only waits for a time-out uses no processor, so it takes no place either.
"""

from __future__ import annotations

import contextlib
import signal
import traceback
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Callable, ClassVar, Iterator, Sequence

from linger.check.battery import Check
from linger.check.finding import BAD
from linger.check.record import Result
from linger.lab import netns
from linger.lab.errors import Broken, LingerError, os_sentence

Attempt = Callable[[Check, Path], Result]  # the path is the folder for its evidence
FORK = get_context("fork")
WAITS, WORKS = "waits", "works"  # of a child


def run(
    checks: Sequence[Check],
    attempt: Attempt,
    folder: Path,
    at_once: int,
    on_end: Callable[[Result], None],
) -> list[Result]:
    """Run checks, the slow ones first; returns their results in the order of checks.

    attempt: runs a trial of one check; its result says whether other trials may be to blame ("doubt") and
    whether the machine stood still ("stall"); folder: for the evidence, one subfolder each. at_once: trials at
    the same time; on_end: called with each result as it comes. Errors: those that kept a trial from running.
    """
    done: dict[str, Result] = {}
    waiting = sorted(checks, key=lambda check: check.slow)  # the last one starts first
    doubtful: list[Check] = []
    running: dict[Any, tuple[Child, Check, bool]] = {}

    def start(check: Check, alone: bool) -> None:
        child = Child(attempt, check, folder / check.id)
        running[child.pipe] = child, check, alone

    def end(check: Check, result: Result, alone: bool) -> None:
        stalled = bool(result["stall"]) and result["verdict"] in BAD
        if alone and stalled:
            raise Broken(f"{result['stall']}, so {check.id} proves nothing: {result['measured']}")
        if alone or not (stalled or at_once > 1 and result["doubt"]):
            done[check.id] = result
            on_end(result)
        else:
            doubtful.append(check)

    try:
        while waiting or doubtful or running:
            busy = [alone for child, _, alone in running.values() if not child.waits]
            if waiting and len(busy) < at_once:
                start(waiting.pop(), alone=False)
            elif doubtful and not waiting and not busy:
                start(doubtful.pop(0), alone=True)
            else:
                for pipe in wait(list(running)):
                    child, check, alone = running[pipe]
                    if child.heard():
                        del running[pipe]
                        end(check, child.result(), alone)
    finally:
        for child, _, _ in running.values():
            child.end()
    return [done[check.id] for check in checks]


@contextlib.contextmanager
def only_waiting() -> Iterator[None]:
    """Within this context the work of a Child only waits and takes no place; no-op outside a Child."""
    if Child.ours:
        Child.ours.send(WAITS)
    try:
        yield
    finally:
        if Child.ours:
            Child.ours.send(WORKS)


def say(line: str) -> None:
    """Send a line of text to the parent of this Child, if it listens."""
    if Child.ours:
        Child.ours.send(line)


class Child:
    """A function that runs in its own process, with its own /run."""

    ours: ClassVar[Connection | None] = None  # in that process: the way to its parent

    def __init__(
        self,
        work: Callable[..., Any],
        *arguments: Any,
        listen: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Start work(*arguments). listen: called with each line that it sends with say()."""
        self._listen = listen
        self.waits = False  # whether it is only_waiting()
        self._result: Any = None
        self._work, self._arguments = work, arguments
        self.pipe, self._sender = FORK.Pipe(duplex=False)
        self._process = FORK.Process(target=self._run)
        self._process.start()
        self._sender.close()

    def _run(self) -> None:
        """The life of the child. An interrupt from the terminal is left to the parent, which ends the child."""
        signal.signal(signal.SIGINT, lambda number, frame: None)
        Child.ours = self._sender
        try:
            netns.own_run()
            self._sender.send(self._work(*self._arguments))
        except LingerError as error:
            self._sender.send(error)
        except OSError as error:
            self._sender.send(Broken(os_sentence(error)))
        except Exception:
            self._sender.send(Broken(traceback.format_exc()))

    def heard(self) -> bool:
        """Receive the child's next message; returns whether that is the result of its work."""
        try:
            said = self.pipe.recv()
        except EOFError:
            said = Broken("the process of a check ended without a result")
        if isinstance(said, str):
            self.waits = said == WAITS
            if said not in (WAITS, WORKS):
                self._listen(said)
            return False
        self._result = said
        return True

    def result(self) -> Any:
        """What the work returned. Errors: those of the work; Broken when the process died."""
        try:
            while self._result is None and not self.heard():
                pass
        except KeyboardInterrupt:
            self._process.terminate()
            raise
        finally:
            self._process.join()
        if isinstance(self._result, LingerError):
            raise self._result
        return self._result

    def end(self) -> None:
        """End it early."""
        self._process.terminate()
        self._process.join()
