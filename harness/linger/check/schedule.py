"""Many trials at the same time, each in its own process.

A trial that crashes takes nothing else with it. Each has its own /run, so the pid files of several instances
of one program do not collide there. They may collide elsewhere, in a file that all share, and they compete
for the processor: so a trial that does not start beside the others, fails or starves is retried alone before
its result counts. A trial that only waits for a timeout uses no processor, so it takes no place either;
before it goes on, it gets one again.
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
WAITS, RETURNS = "waits", "returns"  # messages of a child: it needs no place; it needs one again
GO_ON = "go on"  # the answer when it has one


def run(
    checks: Sequence[Check],
    attempt: Attempt,
    folder: Path,
    at_once: int,
    on_end: Callable[[Result], None],
) -> list[Result]:
    """Run checks; returns their results in their order.

    The slow ones start first, then the long ones: so they wait at the same time.

    attempt: runs a trial of one check; its result says whether other trials may be to blame ("doubt") and
    whether the machine stood still ("stall"); folder: for the evidence, one subfolder each. at_once: trials at
    the same time; on_end: called with each result as it comes. Errors: those that kept a trial from running.
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
    """Within this context the work of a Child only waits and takes no place; no-op outside a Child.

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
        self.works, self.returns = True, False  # neither: it is only_waiting()
        self._result: Any = None
        self._work, self._arguments = work, arguments
        self.pipe, self._sender = FORK.Pipe()
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
        """What the work returned. Errors: those of the work; Broken when the process died."""
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
        """End it early."""
        self._process.terminate()
        self._process.join()
