"""The server that turns against its clients (harness/turncoat): what it is told, what it has seen."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from linger.lab import Lab
from linger.lab.events import Event
from linger.lab.programs import program

PORT = 9000  # of the first behaviour
# Of a CA that is good for names in .test only, and whose own key nobody has kept.
KEYS = Path(__file__).with_name("keys")
AUTHORITY = KEYS / "authority.pem"
GOOD = "good"
REFUSE = "refuse"


class Turncoat:
    """One turncoat, in the host "server"."""

    def __init__(self, lab: Lab, behaviours: Sequence[str], tls: bool = False) -> None:
        """Start it; returns once it listens on all ports.

        behaviours: as "idle-close=300ms", a port each from PORT on; a second one of the same kind
        is called "idle-close-2" from then on.
        """
        words: list[str | Path] = [program("turncoat"), "--listen", lab.hosts["server"].address]
        words += ["--port", str(PORT)]
        for name in behaviours:
            words += ["--behaviour", name]
        if tls:
            words += ["--tls", "--cert", KEYS / "server.pem", "--key", KEYS / "server.key"]
        self.tls = tls
        self._peer = lab.launch("server", words, "turncoat")
        self._peer.said("ready", times=len(behaviours))
        self._ports: dict[str, int] = {}
        for name, ready in zip(behaviours, self._peer.events("ready")):
            self._ports[self._unused(name.partition("=")[0])] = int(ready["port"])
        self.bodies = {body["what"]: body for body in self._peer.events("body")}

    def _unused(self, name: str) -> str:
        times = sum(known.startswith(name) for known in self._ports)
        return f"{name}-{times + 1}" if times else name

    def port(self, behaviour: str) -> int:
        """The port of a behaviour that it was started with."""
        return self._ports[behaviour]

    @property
    def whole(self) -> int:
        """The bytes of the good body."""
        return int(self.bodies[GOOD]["bytes"])

    def digest(self, what: str = GOOD) -> str:
        """The SHA-256 of a body, "good" or "unsolicited"."""
        return self.bodies[what]["sha256"]

    def accepts(self, port: int) -> int:
        """How many connections it has accepted on a port."""
        return len(self._peer.events("accept", port=port))

    def connections(self, port: int) -> set[str]:
        """The numbers of the connections on a port, as its events have them."""
        return {event["conn"] for event in self._peer.events("accept", port=port)}

    def events(self, port: int, name: str, **fields: object) -> list[Event]:
        """What it reported of the connections on a port, oldest first."""
        ours = self.connections(port)
        return [event for event in self._peer.events(name, **fields) if event["conn"] in ours]

    def reads(self, port: int, method: str = "") -> list[Event]:
        """The requests that it read to their end, with a method or with any."""
        return self.events(port, "request", whole=1, **({"method": method} if method else {}))

    def strikes(self, port: int) -> int:
        """How often it did on a port what the client is to suffer."""
        return len(self.events(port, "strike"))

    def keeps(self, port: int) -> bool:
        """Whether it has a connection on a port that neither side has ended."""
        ended = {event["conn"] for name in ("peer", "closed") for event in self.events(port, name)}
        return bool(self.connections(port) - ended)

    def sync(self) -> None:
        """Wait until it has reported all that has happened so far."""
        self.command(f"sync {PORT}")

    def command(self, words: str) -> None:
        """Have it do something now, such as "refuse 9000"; returns when that is done."""
        times = len(self._peer.events("done")) + 1
        self._peer.hear(words)
        self._peer.said("done", times=times)
