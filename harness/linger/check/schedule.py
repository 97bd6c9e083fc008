"""Many trials at the same time, each in a process of its own.

A trial that crashes takes nothing else with it, and each has an own /run, so that several instances
of one program do not meet in their pid files there. They may meet elsewhere, in a file that all
share, and they take each other's processor: so what does not start beside the others, fails or
starves is retried by itself before that is believed. A trial that only waits for what may end by a
time-out takes no processor, so it takes nobody's place either; before it goes on, it gets one again.
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

Attempt = Callable[[Check, Path], Result]  # the folder is for its evidence
FORK = get_context("fork")
WAITS, RETURNS = "waits", "returns"  # what a child says: it needs no place, and one again
GO_ON = "go on"  # what it is answered when it has one


def run(
    checks: Sequence[Check],
    attempt: Attempt,
    folder: Path,
    at_once: int,
    on_end: Callable[[Result], None],
) -> list[Result]:
    """Run checks; returns their results in their order.

    The slow ones start first, then the long ones: so they wait at the same time.

    attempt: makes a trial of one, and says in its result whether other trials may be to blame for it
    ("doubt") and whether the machine stood still ("stall"); folder: for the evidence, a folder each.
    at_once: trials at the same time; on_end: told each result as it comes.
    Errors: what a trial could not run for.
    """
    done: dict[str, Result] = {}
    waiting = sorted(checks, key=lambda check: (not check.slow, not check.long))
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

    def room(alone: bool) -> bool:
        busy = [by_itself for child, _, by_itself in running.values() if child.works]
        return not busy if alone else len(busy) < at_once and not any(busy)

    try:
        while waiting or doubtful or running:
            returning = [child for child, _, alone in running.values() if child.returns and room(alone)]
            if returning:
                returning[0].go_on()
            elif waiting and room(alone=False):
                start(waiting.pop(0), alone=False)
            elif doubtful and not waiting and room(alone=True):
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
    """Within this, the work of a Child only waits, and needs no place; no-op outside of a Child.

    It ends when the Child has a place again, so what takes its time is measured within.
    """
    if Child.ours:
        Child.ours.send(WAITS)
    try:
        yield
    finally:
        if Child.ours:
            Child.ours.send(RETURNS)
            Child.ours.recv()


def say(line: str) -> None:
    """Tell a line of text to the parent of this Child, if it listens."""
    if Child.ours:
        Child.ours.send(line)


class Child:
    """A function that runs in a process of its own, with an own /run."""

    ours: ClassVar[Connection | None] = None  # in that process: where it tells what it does

    def __init__(
        self,
        work: Callable[..., Any],
        *arguments: Any,
        listen: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Start work(*arguments). listen: called with each line that it says, by say()."""
        self._listen = listen
        self.works, self.returns = True, False  # neither: it is only_waiting()
        self._result: Any = None
        self._work, self._arguments = work, arguments
        self.pipe, self._sender = FORK.Pipe()
        self._process = FORK.Process(target=self._run)
        self._process.start()
        self._sender.close()

    def _run(self) -> None:
        """The life of the child. An interrupt at a terminal is meant for the parent, which ends the child."""
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
        """Hear what the child says next; whether that is the result of its work."""
        try:
            said = self.pipe.recv()
        except EOFError:
            said = Broken("the process of a check ended without a result")
        if said in (WAITS, RETURNS):
            self.works, self.returns = False, said == RETURNS
        elif isinstance(said, str):
            self._listen(said)
        else:
            self._result = said
        return self._result is not None

    def go_on(self) -> None:
        """Give it a place again. One that died meanwhile is heard next."""
        self.works, self.returns = True, False
        with contextlib.suppress(BrokenPipeError):
            self.pipe.send(GO_ON)

    def result(self) -> Any:
        """What the work returned, once it has. Errors: those of the work; Broken when it died."""
        try:
            while self._result is None and not self.heard():
                if self.returns:
                    self.go_on()
        except KeyboardInterrupt:
            self._process.terminate()
            raise
        finally:
            self._process.join()
        if isinstance(self._result, LingerError):
            raise self._result
        return self._result

    def end(self) -> None:
        """End it before its time."""
        self._process.terminate()
        self._process.join()
