"""Captures segments for replay, with build/segment (harness/segment)."""

from __future__ import annotations

from pathlib import Path

from linger.lab.events import Event
from linger.lab.host import Host
from linger.lab.process import Process
from linger.lab.programs import program
from linger.lab.withhold import fault, withheld


class Captured:
    """One segment of each connection, as it passed a host, in a pcap file."""

    def __init__(self, program: Process, host: Host, file: Path, connections: int) -> None:
        """program: the running capture; see Lab.capture()."""
        self._program = program
        self.host = host
        self.file = file
        self.connections = connections

    def taken(self) -> list[Event]:
        """Wait until all are captured; returns their fields: port, toport, seq, ack, next, bytes.

        Errors: NotHeld when one does not come.
        """
        self._program.said("captured", self.connections)
        self._program.wait()
        return self._program.events("captured")

    @fault
    def replay(self, words: str = "") -> None:
        """Replay all of them from the same host, with completed checksums, once all are captured.

        words: what to change first, "flags:rst seq:next empty". Errors: NotHeld, Broken.
        """
        self.taken()
        if not withheld():
            self.host.run(str(program("segment")), "replay", str(self.file), *words.split())
