"""turncoat between a client and a real backend: commands to it, events from it."""

from __future__ import annotations

from typing import Any, Sequence

from linger.check.client.turncoat import Ports
from linger.lab import Lab
from linger.lab.events import Event
from linger.lab.programs import program

PASS = "pass"
REFUSES = "refuse"  # not a strike of turncoat's: a port on which nothing listens


class Relay(Ports):
    """One turncoat in the host "server", with a port for each strike."""

    def __init__(self, lab: Lab, port: int, to: tuple[str, int], strikes: Sequence[str]) -> None:
        """Start it; returns once it listens on all ports.

        port: its first one; to: address and port of the backend; strikes: such as "fin@2+10", one port each.
        """
        words: list[Any] = [program("turncoat"), "--listen", lab.hosts["server"].address]
        words += ["--port", port, "--to-address", to[0], "--to", to[1]]
        for strike in strikes:
            words += ["--strike", PASS if strike == REFUSES else strike]
        super().__init__(lab, list(map(str, words)), strikes)
        for strike in strikes:
            if strike == REFUSES:
                self.command(f"refuse {self.port(strike)}")

    def open(self, port: int) -> int:
        """How many connections on a port it has not closed."""
        return self.accepts(port) - len(self.events(port, "closed"))

    def said(self) -> list[Event]:
        """The messages so far, on all connections."""
        return self.peer.events("message")

    def talks_since(self, port: int, since: float) -> float | None:
        """When the backend's bytes first reached the client on a port after since, on a connection that was
        not struck; None: not yet. All in seconds since 1970."""
        struck = {event["conn"] for event in self.struck(port)}
        told = [*self.events(port, "served"), *self.events(port, "message", by="backend")]
        times = [float(event["t"]) for event in told if event["conn"] not in struck]
        return min((at for at in times if at > since), default=None)

    def become(self, port: int, strike: str) -> None:
        """Change the strike of a port from now on."""
        self.command(f"become {port} {strike}")
