"""The client under test: any command and all that it starts, in the host "client" of a lab.

Like a server under test it has the caller's folder, rights and environment (lab/service.py), and also the
lab's names and CA.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from linger.check.client.surroundings import NAME
from linger.check.client.yardstick import Yardstick
from linger.lab import Lab, confine
from linger.lab.errors import TargetDied, Usage, signal_name
from linger.lab.events import Event
from linger.lab.foreign import end_of, printable, tail_of
from linger.lab.process import descendants
from linger.lab.programs import program
from linger.lab.service import as_caller

PATIENCE, LONG = 30.0, 330.0  # s that a client may wait in vain
REST, SHORT_REST = 10.0, 3.0  # s before what an idle client holds is counted
FAILURES = 20
PLACES = ("{url}", "{host}", "{port}", "{out}")
WHERE = PLACES[:3]
PLUGGED = 'exec <"$1" >"$2" || exit; shift 2; exec "$@"'  # of sh(1): IN OUT COMMAND...
SAID = 100  # characters of a program's last line, for a sentence


@dataclass(frozen=True)
class Order:
    """What the caller asked for."""

    command: tuple[str, ...]
    driver: bool = False
    tls: bool = False
    verify: str = ""  # a shell command that tells whether a run succeeded
    patience: float = PATIENCE
    rest: float = REST
    failures: int = FAILURES  # in a row
    yardstick: Yardstick = Yardstick()  # of a command without a driver


@dataclass(frozen=True)
class Address:
    """Where a request goes."""

    port: int
    tls: bool = False
    host: str = NAME
    path: str = "/"

    @property
    def url(self) -> str:
        return f"http{'s' * self.tls}://{self.host}:{self.port}{self.path}"


def patience(options: argparse.Namespace) -> float:
    """How many seconds a client may take to give up. Errors: Usage."""
    if options.quick and options.long:
        raise Usage("--quick and --long exclude each other")
    return LONG if options.long else options.patience


def must_name_the_server(command: tuple[str, ...]) -> None:
    """Errors: Usage for a command that is not given the server's address."""
    if not any(place in word for place in WHERE for word in command):
        raise Usage("the command names no {url}, {host} or {port}, so it cannot find the lab's server; "
                    "use --driver for a program that reads its requests from a pipe")  # fmt: skip


def filled(words: tuple[str, ...], at: Address, out: Path) -> list[str]:
    """A command with its placeholders replaced by an address and a path for its product."""
    values = dict(zip(PLACES, (at.url, at.host, str(at.port), str(out))))
    found = []
    for word in words:
        for place, value in values.items():
            word = word.replace(place, value)
        found.append(word)
    return found


class Program:
    """One start of the client."""

    def __init__(
        self, lab: Lab, words: list[str], trusting: list[str], folder: Path, stdin: Path, stdout: Path
    ) -> None:
        """Start it. trusting: what surroundings.trust() returns; folder: for its standard error.

        Errors: TargetDied with the reason why it cannot be started.
        """
        if why := confine.cannot_start(words[0]):
            raise TargetDied(why)
        self.output = folder / "stderr.log"
        self._stdout = stdout
        plugged: list[str | Path] = ["sh", "-c", PLUGGED, "sh", stdin, stdout]
        command = [program("subreaper"), self.output, *plugged, *trusting, *as_caller(), *words]
        self._peer = lab.launch("client", command, "client")

    @property
    def pids(self) -> list[int]:
        """All its processes."""
        return descendants(self._peer.pid)[1:]

    def done(self) -> bool:
        """Whether its main process has ended."""
        return self.ended is not None

    @property
    def ended(self) -> Event | None:
        """How its main process ended, if it has."""
        return next(iter(self._peer.events("ended", main=1)), None)

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs, and when a signal ended it."""
        ended = self.ended
        return int(ended["status"]) if ended and ended["signal"] == "0" else None

    def ending(self) -> str:
        """How it ended, in words."""
        ended = self.ended
        if not ended:
            return "still runs"
        if ended["signal"] != "0":
            return f"was ended by {signal_name(int(ended['signal']))}"
        return f"ended with status {ended['status']}"

    def last_line(self) -> str:
        """The last line of its standard error, for a sentence; "" for none."""
        lines = [line for line in end_of(self.output).splitlines() if line.strip()]
        return printable(lines[-1].strip()[:SAID]) if lines else ""

    def last_output(self) -> str:
        """Its last lines, to append to a sentence."""
        return tail_of(self.output) or (tail_of(self._stdout) if self._stdout.is_file() else "")

    def last_lines(self) -> list[str]:
        """The same, a line each."""
        return [line.strip() for line in self.last_output().splitlines() if line]

    def stop(self) -> None:
        """End it and all that it has started."""
        self._peer.stop()
