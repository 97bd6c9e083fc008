"""The crowd: connections of the host "client", driven together without blocking.

Replies of several connections are read in parallel, never in turn: a server may well serve the
last one first.
"""

from __future__ import annotations

import selectors
import socket
import time
from typing import Callable, Sequence

from linger.check.server.connection import Connection
from linger.check.server.tls import Tls, TlsConnection
from linger.lab import netns
from linger.lab.host import Host

REPLY_WITHIN = 10.0  # s: for a connect() or a reply
TICKETS = 0.05  # s: for what follows a handshake (RFC 8446, section 4.6.1)
LONGEST = 15.0  # s within which a reply must end; a longer one counts as endless


class Crowd:
    """Some connections to one address, opened together."""

    def __init__(
        self,
        host: Host,
        to: tuple[str, int],
        count: int,
        pace: float = 0.0,
        within: float = REPLY_WITHIN,
        receive_buffer: int = 0,
        tls: Tls | None = None,
    ) -> None:
        """Connect from a host; connections not made within that many seconds are not `connected`.

        pace: seconds from one connect() to the next, for servers with a short accept queue.
        receive_buffer: bytes of SO_RCVBUF, 0 for the system's choice.
        tls: how to speak TLS, from the handshake on, which is part of connecting then.
        """
        self.connections: list[Connection] = []
        pending: list[Connection] = []
        began = time.monotonic()
        for number in range(count):
            self._wait(pending, number * pace - (time.monotonic() - began))
            made = _start(host, to, receive_buffer)
            pending.append(TlsConnection(made, tls) if tls else Connection(made))
            self.connections.append(pending[-1])
        self._wait(pending, within, till_all=True)
        for left in pending:
            left.ended = "ETIMEDOUT"
        if tls:
            self._shake_hands(within)

    def _shake_hands(self, within: float) -> None:
        """Complete the handshakes and take the tickets that a server sends after them: what comes later is a
        reply."""
        waiting = [one for one in self.connected if isinstance(one, TlsConnection)]
        left = _each([one for one in waiting if not one.shake()], selectors.EVENT_READ,
                     lambda one: one.shake(), within)  # fmt: skip
        for one in waiting:
            one.connected = one not in left and not one.ended
        self.read(TICKETS)

    @staticmethod
    def _wait(pending: list[Connection], seconds: float, till_all: bool = False) -> None:
        """Wait some seconds, or until all connects have ended."""

        def ended(connection: Connection) -> bool:
            connection.finish_connect()
            return True

        pending[:] = _each(pending, selectors.EVENT_WRITE, ended, seconds, whole=not till_all)

    @property
    def connected(self) -> list[Connection]:
        """The connections that were established, even if they have ended since."""
        return [connection for connection in self.connections if connection.connected]

    @property
    def open(self) -> list[Connection]:
        """The established connections that this side has not closed."""
        return [connection for connection in self.connected if connection.open]

    def send(self, payload: bytes, within: float = REPLY_WITHIN) -> bool:
        """Send on all; True when every byte left in time, where the connection still takes any."""
        rest = {connection: memoryview(payload) for connection in self.open}

        def sent(connection: Connection) -> bool:
            rest[connection] = connection.give(rest[connection])
            return not rest[connection]

        return not _each(self.open, selectors.EVENT_WRITE, sent, within)

    def read(self, within: float, enough: Callable[[Connection], bool] | None = None) -> bool:
        """Read on all until each has enough or has ended, within the given seconds.

        enough: by default only the end. Returns whether all got there in time.
        """

        def done(connection: Connection) -> bool:
            connection.take()
            return bool(connection.ended) or bool(enough and enough(connection))

        waiting = [one for one in self.open if not one.ended and not (enough and enough(one))]
        return not _each(waiting, selectors.EVENT_READ, done, within)

    def read_while_it_comes(
        self, within: float, quiet: float, most: float = LONGEST, enough: int | None = None
    ) -> bool:
        """Read on all until they have ended, have enough, or nothing more comes for a while.

        within: seconds for the first byte; quiet: seconds of silence that end a reply; most:
        seconds for all of it; enough: bytes. Returns False when it comes on and on: the reply has
        no end.
        """
        if self.read(within, lambda connection: connection.received > 0):
            return self.until_quiet(lambda connection: connection.take(), quiet, most, enough)
        return True

    def until_quiet(
        self,
        act: Callable[[Connection], object],
        quiet: float,
        most: float = LONGEST,
        enough: int | None = None,
    ) -> bool:
        """Call act() of each, which reads, whenever something has come in on it, until all have
        ended or have enough, or nothing more comes for a while.

        quiet, most, enough: as for read_while_it_comes(). Returns False for a reply without an end.
        """

        def over(connection: Connection) -> bool:
            return bool(connection.ended) or enough is not None and connection.received >= enough

        def done(connection: Connection) -> bool:
            act(connection)
            return over(connection)

        deadline = time.monotonic() + most
        waiting = [one for one in self.open if not over(one)]
        _each(waiting, selectors.EVENT_READ, done, quiet, most=most)
        return time.monotonic() < deadline

    def at_news(self, done: Callable[[Connection], bool], within: float) -> bool:
        """Call done() of each whenever something has arrived on it, until it is true for all.

        done() reads as much as it wants. Returns whether that was within the given seconds.
        """
        return not _each(self.open, selectors.EVENT_READ, done, within)

    def await_reply(self, within: float) -> bool:
        """Wait until something has arrived on each, and leave it unread."""
        return self.at_news(lambda connection: True, within)

    def becomes(self, done: Callable[[Connection], bool], within: float) -> bool:
        """Wait for a condition that no event reports, on each; returns whether it came in time."""
        deadline = time.monotonic() + within
        while not (reached := all(map(done, self.open))) and time.monotonic() < deadline:
            time.sleep(0.005)  # the next look
        return reached

    def leave_at_reply(self, within: float) -> bool:
        """Close each as soon as something has arrived on it, unread: a RST. True when all did.

        Each at once: a server that serves one after the other may wait for this one to go. Every
        second one sends a FIN before, since after that a RST is EPIPE for the server, with SIGPIPE,
        and otherwise ECONNRESET (Linux 6.18, tcp_reset()).
        """

        def leave(connection: Connection) -> bool:
            if self.connections.index(connection) % 2 == 0:
                connection.half()
            connection.close()
            return True

        return self.at_news(leave, within)

    def leave_before_reply(self, within: float) -> None:
        """Close each when the other side has its request, before a reply: FIN and RST in turn.

        within: seconds for the request to get there. Any reply that has arrived by then stays unread.
        """
        self.becomes(lambda connection: connection.heard, within)
        for number, connection in enumerate(self.open):
            if number % 2:
                connection.reset_it()
            connection.close()

    def half(self) -> None:
        """shutdown(SHUT_WR) on all: a FIN, and go on reading."""
        for connection in self.open:
            connection.half()

    def fin(self) -> None:
        """Close all with a FIN: what is unread is read first, or it would be a RST."""
        for connection in self.open:
            connection.half()
            if not connection.ended:
                connection.take()
            connection.close()

    def rst(self) -> None:
        """Close all with a RST."""
        for connection in self.open:
            connection.reset_it()
            connection.close()

    def close(self) -> None:
        """Close all as they are: a RST where something is unread, else a FIN."""
        for connection in self.connections:
            connection.close()

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _start(host: Host, to: tuple[str, int], receive_buffer: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET
    with netns.inside(host.path):
        made = socket.socket(family, socket.SOCK_STREAM)
    made.setblocking(False)
    if receive_buffer:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    made.connect_ex(to)
    return made


def _each(
    connections: Sequence[Connection],
    event: int,
    done: Callable[[Connection], bool],
    within: float,
    whole: bool = False,
    most: float = 0.0,
) -> list[Connection]:
    """Call done() of each connection whenever the event happens, until it is true for all.

    within: seconds; whole: stay for all of them; most: each event restarts the seconds, up to this total.
    Each event is looked for at least once. Returns the connections that are not done.
    """
    deadline = time.monotonic() + within
    last = time.monotonic() + most
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, event, connection)
        while selector.get_map() or whole:
            left = deadline - time.monotonic()
            events = selector.select(max(0.0, left))
            for key, _ in events:
                if done(key.data):
                    selector.unregister(key.fileobj)
            if events and time.monotonic() < last:
                deadline = min(last, time.monotonic() + within)
            elif left <= 0:
                break
        return [key.data for key in selector.get_map().values()]
