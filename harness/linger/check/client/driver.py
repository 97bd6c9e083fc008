"""A driver: the caller's program that reads requests from a pipe and answers each with a line.

    GET URL          POST URL FILE          QUIT
    {"ok": true, "status": 200, "bytes": 65536, "sha256": "9f86...", "error": null}

One process meets all behaviours of a check, so its library keeps its pool from one to the next. If it dies,
it is started again for the next request.
"""

from __future__ import annotations

import json
import os
import select
from pathlib import Path
from typing import Any, Callable

from linger.check.client.outcome import DIED, DONE, Outcome
from linger.check.client.subject import SAID, Address, Program
from linger.check.client.vigil import LOOK, Watch
from linger.lab.errors import TargetDied
from linger.lab.foreign import printable

MOST = 1 << 16  # bytes of an answer
KEYS: dict[str, tuple[type, ...]] = {
    "ok": (bool,), "status": (int, type(None)), "bytes": (int,), "sha256": (str, type(None)),
    "error": (str, type(None)),
}  # fmt: skip


def understood(line: bytes) -> dict[str, Any]:
    """Parse an answer into its fields. Errors: TargetDied, saying what is wrong with it."""
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise TargetDied(f"the driver's answer is not a line of JSON: {_excerpt(line)}")
    for key, kinds in KEYS.items():
        value = answer.get(key, KEYS)
        if not isinstance(value, kinds) or isinstance(value, bool) and bool not in kinds:
            kind = " or ".join("null" if one is type(None) else one.__name__ for one in kinds)
            raise TargetDied(f'the driver\'s answer lacks "{key}" ({kind}): {_excerpt(line)}')
    return answer


def _excerpt(line: bytes) -> str:
    return printable(line[:SAID].decode(errors="replace"))


class Driver:
    """The driver of one trial."""

    def __init__(self, folder: Path, start: Callable[[Path, Path], Program]) -> None:
        """folder: for its pipes; start: starts the program with two of them as standard input and output.
        Nothing is started before the first request."""
        self._pipes = folder / "requests", folder / "answers"
        for pipe in self._pipes:
            os.mkfifo(pipe)
        # Opened for both directions, so neither end waits for the other to open it (fifo(7)).
        self._in, self._out = (os.open(pipe, os.O_RDWR | os.O_NONBLOCK) for pipe in self._pipes)
        self._start = start
        self._rest = b""
        self.program: Program | None = None
        self._deaths: list[str] = []

    def ask(self, method: str, at: Address, body: Path | None, watch: Watch, limit: float) -> Outcome:
        """Let it make one request, and watch it for at most limit seconds.

        body: of a POST. After WAITS, RETRIES or PENDING it has not answered; end it before the next request.
        Errors: TargetDied for a malformed answer.
        """
        program = self.started()
        words = [method, at.url, *([str(body)] if body else [])]
        os.write(self._in, (" ".join(words) + "\n").encode())
        answers: list[bytes] = []

        def done() -> bool:
            answers.extend(self._lines(within=LOOK))
            return bool(answers) or program.done()

        while (end := watch.look(done, lambda: program.pids, limit)) is None:
            pass
        answers.extend(self._lines(within=0))
        name = at.path.strip("/")
        common = {"seconds": watch.seconds, "connects": watch.connects}
        if answers:
            answer = understood(answers[0])
            status = answer["status"]
            said = printable(answer["error"] or f"status {status}")[:SAID]
            told = answer["ok"], status, answer["bytes"], answer["sha256"]
            return Outcome(name, at.port, DONE, *told, said, **common)
        if not end:
            said, self.program = f"the driver {program.ending()}", None
            self._deaths.append(said + program.last_output())
            return Outcome(name, at.port, DIED, said=said, notes=program.last_lines(), **common)
        said, notes = watch.explained(program.pids)
        return Outcome(name, at.port, end, said=said, notes=notes, **common)

    def died(self) -> str:
        """How it first ended unasked: a sentence and its last output, "" if it never did."""
        if self.program and self.program.done():
            how = f"the driver {self.program.ending()} while it had nothing to do"
            self._deaths.append(how + self.program.last_output())
            self.end()
        return self._deaths[0] if self._deaths else ""

    def started(self) -> Program:
        """The program, started if it does not run."""
        self.died()
        if not self.program:
            self._lines(within=0)
            self._rest = b""
            while select.select([self._in], [], [], 0)[0]:  # requests that a dead driver did not read
                os.read(self._in, MOST)
            self.program = self._start(*self._pipes)
        return self.program

    def end(self) -> None:
        """End it, for example after a request that is not done; the next request starts it again."""
        if self.program:
            self.program.stop()
            self.program = None

    def close(self) -> None:
        self.end()
        os.close(self._in)
        os.close(self._out)

    def _lines(self, within: float) -> list[bytes]:
        """The complete lines that have arrived; waits that many seconds for the first bytes."""
        if not select.select([self._out], [], [], within)[0]:
            return []
        self._rest += os.read(self._out, MOST)
        *lines, self._rest = self._rest.split(b"\n")
        if len(self._rest) > MOST or any(len(line) > MOST for line in lines):
            raise TargetDied(f"the driver's answer is longer than {MOST} bytes")
        return [line for line in lines if line.strip()]
