"""A client of servers/recorder.c that moves sequence numbers to where they are wanted.

Each byte sent moves the number of its direction by one, modulo 2^32 (RFC 9293, section 3.4); a new connection
starts at a clock that advances every 64 ns (Linux; RFC 6528).
"""

from __future__ import annotations

import socket
import struct
import time

from linger.lab.events import Event
from linger.lab.host import Host
from linger.lab.sockets import REUSEADDR, create

RECORD = 256  # bytes
STEP = 8 << 20  # bytes
CLOCK = 10**9 / 64  # steps a second
MODULUS = 2**32


class Writer:
    """A connection to the recorder."""

    def __init__(self, client: Host, port: int, server: Host) -> None:
        """Connect from this port, within some 1.5 s. Errors: OSError of connect()."""
        self._began = time.monotonic()
        self._moved = 0
        self._socket = create(client, REUSEADDR)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1500)  # ms
        try:
            self._socket.bind((client.address, port))
            self._socket.connect((server.address, 9000))
        except OSError:
            self._socket.close()
            raise

    def write(self, words: str) -> None:
        """Send a record."""
        self._socket.sendall(words.ljust(RECORD).encode())

    def exchange(self, there: int, back: int) -> None:
        """Advance the number of each direction by that many bytes, there by at least two records."""
        self.write(f"skip {there - 2 * RECORD}")
        self._socket.sendall(bytes(there - 2 * RECORD))
        self.write(f"give {back}")
        while back:
            back -= len(self._socket.recv(min(back, 1 << 20)))

    def outrun(self, seconds: float) -> None:
        """Advance both numbers until the clock needs that many seconds to reach them."""
        while self._moved < (time.monotonic() - self._began + seconds) * CLOCK:
            self.exchange(STEP, STEP)
            self._moved += STEP

    def meet(self, old: Event, begun: Event) -> None:
        """Advance both numbers to those of an old segment that was sent to the server.

        begun: the SYN and ACK of this connection. A number that has already passed the old one stays.
        """
        there = (int(old["seq"]) - int(begun["ack"])) % MODULUS
        back = (int(old["ack"]) - int(begun["next"])) % MODULUS
        if there < MODULUS // 2:
            self.exchange(there, back if back < MODULUS // 2 else 0)

    def end(self, first: str) -> None:
        """End the connection; returns when the other side knows.

        first: who closes first, "client" or "server", or "reset" (SO_LINGER {1, 0}).
        """
        if first == "reset":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif first == "server":
            self.write("close")
            self._socket.recv(1)
        else:
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.recv(1)
        self._socket.close()
