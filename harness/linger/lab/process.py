"""Programs running in a host, and the events they report.

Events (events.py) come on standard output, prose on standard error. Both go to the process's log at
once. The harness synchronizes by waiting for events.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Sequence

from linger.lab import files, processor
from linger.lab.child import Child
from linger.lab.errors import Broken, NotHeld, signal_name
from linger.lab.events import Event, parse_event, wanted_items, words_of
from linger.lab.failure import ENDING, EVENT, Failure, not_held
from linger.lab.foreign import printable, tail_of
from linger.lab.withhold import fault, shortened, withheld

LONGEST = 60.0  # s: long enough for a program that only waits for its turn; a hanging one ends the run late
MOST_LOG, MOST_LINE = 32 << 20, 1 << 16  # bytes: kept of a program's output, and of a line


def descendants(ancestor: int) -> list[int]:
    """The pids of a process and all its descendants."""
    found = [ancestor]
    for pid in found:
        with contextlib.suppress(OSError):  # it may end while we look
            for task in os.listdir(f"/proc/{pid}/task"):
                found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return found


class Process:
    """One program, started in the network namespace of the calling thread."""

    def __init__(self, command: Sequence[str | Path], log: Path, generation: int = 0) -> None:
        """Start command (a path and its arguments); its output goes to the file log.

        generation: which descendant of the started program counts: the second for a confined one (confine.c).
        Errors: Broken when it cannot be started, CannotRun when its log cannot be written.
        """
        self.program = Path(command[0]).name
        self.generation = generation
        self.log = log
        self._events: list[Event] = []
        self._spoke = False
        self.lines = 0  # of output, so far
        self.prose = ""  # the last line that was not an event, for a person
        self._news = threading.Condition()
        self._ended = False
        self.killed = False  # by kill()
        self.told = 0  # times, by go()
        self.limit = math.inf  # s: said() and wait() never wait longer
        self._unwritten: OSError | None = None
        with files.writing(log):
            self._log_fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            self._popen = Child(
                [str(word) for word in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            os.close(self._log_fd)
            raise Broken(f"cannot start {command[0]}: {error.strerror}; run: make") from error
        self.pid = self._await(generation)
        self._reader = threading.Thread(target=self._read, name=self.program, daemon=True)
        self._reader.start()

    def _await(self, generation: int) -> int:
        """The pid of the program that counts, or of what was started if that ends before."""
        while len(family := descendants(self._popen.pid)) <= generation and self.running:
            time.sleep(0.0002)  # the next look; confine needs some 1.5 ms
        return family[generation] if len(family) > generation else self._popen.pid

    def _read(self) -> None:
        """Copy output to the log, unbuffered, and note the events; the reader thread runs this."""
        assert self._popen.stdout
        room = MOST_LOG
        for line in iter(lambda: self._popen.stdout.readline(MOST_LINE), b""):
            self.lines += 1
            room -= len(line)
            if room < 0:  # it babbles; reading on keeps it from blocking
                continue
            try:
                os.write(self._log_fd, line)
            except OSError as error:
                self._unwritten = error
            text = printable(line.decode(errors="replace").rstrip("\n"))
            event = parse_event(text)
            self.prose = self.prose if event else text
            if event or not self._spoke:
                with self._news:
                    self._spoke = True
                    self._events += [event] if event else []
                    self._news.notify_all()
        os.close(self._log_fd)
        with self._news:
            self._ended = True
            self._news.notify_all()

    def events(self, name: str = "", **fields: object) -> list[Event]:
        """The events so far with that name (or any) and these fields, oldest first."""
        wanted = wanted_items(name, fields) if name else set()
        with self._news:
            return [event for event in self._events if wanted <= event.items()]

    def said(self, name: str, times: int = 1, within: float = LONGEST, **fields: object) -> Event:
        """Wait until an event has been reported that many times; returns the last of them.

        within: seconds; fields: what it must contain: said("recv", err="ECONNRESET"). Errors: NotHeld when
        the deadline passes or the program ends first.
        """
        within = min(shortened(within), self.limit)
        wanted = wanted_items(name, fields)
        found: list[Event] = []
        looked_at = 0

        def enough() -> bool:
            nonlocal looked_at
            new = self._events[looked_at:]
            found.extend(event for event in new if wanted <= event.items())
            looked_at += len(new)
            return len(found) >= times or self._ended

        with self._news:
            self._news.wait_for(enough, within)
            ended = self._ended
        if len(found) >= times:
            return found[times - 1]
        if ended:  # its output has ended; the program follows at once, unless it only closed its output
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(1.0)
        why = self.ending() if ended else f"{within:g} s passed"
        event = words_of(name, fields)
        failure = Failure(EVENT, self.program, event, f">= {times}", len(found), why)
        raise not_held([failure], self.tail())

    def speaks(self, within: float) -> None:
        """Wait until the program has printed a line of any kind.

        within: seconds. Errors: NotHeld when the deadline passes or the program ends first.
        """
        with self._news:
            self._news.wait_for(lambda: self._spoke or self._ended, within)
            if self._spoke:
                return
            why = "" if self._ended else f"is still silent after {within:g} s"
        raise NotHeld(f"{self.program} {why or self.ending(1.0)}")

    def wait(self, within: float = LONGEST) -> Process:
        """Wait until the program has ended by itself with status 0; returns itself.

        within: seconds. Errors: NotHeld when it takes longer or ends in another way.
        """
        within = min(shortened(within), self.limit)
        try:
            self._popen.wait(within)
        except subprocess.TimeoutExpired:
            raise self.ended_badly(f"still runs after {within:g} s", "== 0") from None
        self._reader.join()
        if self._popen.returncode:
            raise self.ended_badly(self.ending(), "== 0")
        return self

    def ended_badly(self, because: str, wanted: str) -> NotHeld:
        """The error for a program that ended, or went on, when it should not.

        because: what it did, in words; wanted: its status, or "none" while it should run.
        """
        status = "none" if self.status is None else self.status
        return not_held([Failure(ENDING, self.program, "status", wanted, status, because)],
                        self.tail())  # fmt: skip

    def family(self) -> list[int]:
        """The pids of the program and of everything it started, even if the parent has gone."""
        return descendants(self._popen.pid)[self.generation :]

    def chain(self) -> list[int]:
        """The pids of what confines the program, outermost first, and its own."""
        return descendants(self._popen.pid)[: self.generation + 1]

    def go(self) -> None:
        """Tell a waiting peer (its action "await") to go on; it must have reported that it waits."""
        self.hear("")
        self.told += 1

    def hear(self, line: str, end: str = "\n") -> None:
        """Give the program a line on its standard input; with another end, part of a line.

        Errors: NotHeld when it has ended.
        """
        assert self._popen.stdin
        try:
            os.write(self._popen.stdin.fileno(), f"{line}{end}".encode())  # unbuffered
        except BrokenPipeError:
            raise self.ended_badly(f"{self.ending(1.0)}, it cannot go on", "none") from None

    def signal(self, number: int) -> None:
        """Send the program a signal, if it runs."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the program to end (SIGTERM), without waiting."""
        self.signal(signal.SIGTERM)

    @fault
    def freeze(self) -> None:
        """Stop the program where it is (SIGSTOP); thaw() lets it go on."""
        if not withheld():
            self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen program go on (SIGCONT)."""
        self.signal(signal.SIGCONT)

    @fault
    def kill(self, tree: bool = False) -> None:
        """Kill the program (SIGKILL), with tree also all its descendants, and collect it.

        All descendants of a confined program die with it in any case.
        """
        if withheld():
            return
        family = descendants(self.pid)[1:] if tree else []
        self.killed = True
        self.signal(signal.SIGKILL)
        for pid in family:  # after it, or it would see them die
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._collect()

    def _collect(self) -> None:
        """Wait until the killed processes are gone."""
        self._popen.wait()

    @property
    def cpu_seconds(self) -> float:
        """The time that its main thread has run on a CPU, in seconds; 0 once it has ended."""
        return processor.ran_seconds(self.pid)

    @property
    def computes(self) -> bool:
        """Whether it runs on a CPU or waits for its turn (proc(5), stat: R)."""
        return self.running and processor.stat(self.pid)[1] == "R"

    def busy(self, window: float = 0.5) -> int:
        """Watch the program for window seconds; returns the percentage of them that it was busy.

        That is the CPU time it would use on an idle machine. A tracer works while the program is stopped, so
        its time counts as well.
        """
        return round(processor.busy([self.pid, *processor.tracer(self.pid)], window))

    @property
    def running(self) -> bool:
        """Whether the program has not ended."""
        return self._popen.poll() is None

    @property
    def status(self) -> int | None:
        """The exit status, the negated number of the signal that ended it, or None."""
        return self._popen.poll()

    def ending(self, within: float = 0.0) -> str:
        """How the program ended, in words. within: seconds that it still has to end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(within)
        status = self._popen.poll()
        if status is None:
            return "still runs"
        if status < 0:
            return f"was ended by {signal_name(-status)}"
        return f"ended with status {status}"

    def tail(self, lines: int = 6) -> str:
        """The last lines of the log, to append to a sentence; "" if there are none."""
        return tail_of(self.log, lines)

    def stop(self, grace: float = 1.0) -> None:
        """End the program, with SIGTERM and after grace seconds with SIGKILL, and collect it.

        Errors: as must_be_logged().
        """
        if self.running:
            self._popen.terminate()
            try:
                self._popen.wait(grace)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        self._popen.wait()
        self._reader.join(grace)  # a grandchild may hold the pipe open; it ends with the sandbox
        self.must_be_logged()

    def must_be_logged(self) -> None:
        """Errors: CannotRun when the log could not be written (on a full disk, for example)."""
        if self._unwritten:
            raise files.unwritable(self.log, self._unwritten)
