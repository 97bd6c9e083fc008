"""The server that turns against its clients (harness/turncoat): commands to it, events from it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Sequence

from linger.lab import Lab
from linger.lab.events import Event
from linger.lab.programs import program

PORT = 9000  # of the first behaviour
# From a CA that is valid for names in .test only; its own key was destroyed.
KEYS = Path(__file__).with_name("keys")
AUTHORITY = KEYS / "authority.pem"
GOOD = "good"
REFUSE = "refuse"


class Ports:
    """One turncoat, in the host "server", and what it has seen on its ports."""

    def __init__(self, lab: Lab, words: Sequence[str | Path], names: Sequence[str]) -> None:
        """Start it; returns once it listens on all ports. names: of the ports, in order."""
        self.peer = lab.launch("server", [*words], "turncoat")
        self.peer.said("ready", times=len(names))
        self._ports: dict[str, int] = {}
        times: Counter[str] = Counter()
        for name, ready in zip(names, self.peer.events("ready")):
            times[name] += 1
            self._ports[name if times[name] == 1 else f"{name}-{times[name]}"] = int(ready["port"])

    def port(self, behaviour: str) -> int:
        """The port of a behaviour that it was started with."""
        return self._ports[behaviour]

    def accepted(self, port: int) -> list[Event]:
        """The connections on a port, oldest first."""
        return self.peer.events("accept", port=port)

    def accepts(self, port: int) -> int:
        """How many connections it has accepted on a port."""
        return len(self.accepted(port))

    def connections(self, port: int) -> set[str]:
        """The numbers of the connections on a port, as in its events."""
        return {event["conn"] for event in self.accepted(port)}

    def events(self, port: int, name: str, **fields: object) -> list[Event]:
        """Its events about the connections on a port, oldest first."""
        ours = self.connections(port)
        return [event for event in self.peer.events(name, **fields) if event["conn"] in ours]

    def reads(self, port: int, method: str = "") -> list[Event]:
        """The requests that it read completely, with the given method or any."""
        return self.events(port, "request", whole=1, **({"method": method} if method else {}))

    def struck(self, port: int) -> list[Event]:
        """The strikes on a port, oldest first."""
        return self.events(port, "strike")

    def strikes(self, port: int) -> int:
        """How often it has struck on a port."""
        return len(self.struck(port))

    def keeps(self, port: int) -> bool:
        """Whether it has a connection on a port that neither side has closed."""
        ended = {event["conn"] for name in ("peer", "closed") for event in self.events(port, name)}
        return bool(self.connections(port) - ended)

    def sync(self) -> None:
        """Wait until it has reported all that has happened so far."""
        self.command(f"sync {next(iter(self._ports.values()))}")

    def command(self, words: str) -> None:
        """Send it a command such as "refuse 9000"; returns when that is done."""
        times = len(self.peer.events("done")) + 1
        self.peer.hear(words)
        self.peer.said("done", times=times)


class Turncoat(Ports):
    """A turncoat that is an HTTP server."""

    def __init__(self, lab: Lab, behaviours: Sequence[str], tls: bool = False) -> None:
        """Start it; returns once it listens on all ports.

        behaviours: such as "idle-close=300ms", one port each from PORT on; a second one of the same kind is
        then called "idle-close-2".
        """
        words: list[str | Path] = [program("turncoat"), "--listen", lab.hosts["server"].address]
        words += ["--port", str(PORT)]
        for name in behaviours:
            words += ["--behaviour", name]
        if tls:
            words += ["--tls", "--cert", KEYS / "server.pem", "--key", KEYS / "server.key"]
        self.tls = tls
        super().__init__(lab, words, [name.partition("=")[0] for name in behaviours])
        self.bodies = {body["what"]: body for body in self.peer.events("body")}

    @property
    def whole(self) -> int:
        """The bytes of the good body."""
        return int(self.bodies[GOOD]["bytes"])

    def digest(self, what: str = GOOD) -> str:
        """The SHA-256 of a body, "good" or "unsolicited"."""
        return self.bodies[what]["sha256"]
