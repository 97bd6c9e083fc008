"""Sockets of the scenario itself: for table cells that are one bind() or one connect().

A socket belongs to the host that it is made in, so the scenario can be a client in any host. Connections made
here close first and wait for the other end, so they end in TIME_WAIT.
"""

from __future__ import annotations

import errno
import socket

from linger.lab import netns
from linger.lab.host import Host
from linger.lab.withhold import fault, withheld

Address = tuple[str, int]
Option = tuple  # level, name, and any value other than 1, as setsockopt() takes it
REUSEADDR = (socket.SOL_SOCKET, socket.SO_REUSEADDR)
REUSEPORT = (socket.SOL_SOCKET, socket.SO_REUSEPORT)
NO_PORT = (socket.IPPROTO_IP, 24)  # IP_BIND_ADDRESS_NO_PORT, ip(7); Python names it from 3.12 on
LOCAL_PORT_RANGE = (socket.IPPROTO_IP, 51)  # IP_LOCAL_PORT_RANGE: low | high << 16
ANY = ("0.0.0.0", 0)
ANSWER_WITHIN = 10.0  # s: an answer that takes longer is an error, ETIMEDOUT


def create(host: Host, *options: Option) -> socket.socket:
    """A TCP socket in a host, with options such as REUSEADDR switched on."""
    with netns.inside(host.path):
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.settimeout(ANSWER_WITHIN)
    for level, option, *value in options:
        made.setsockopt(level, option, *(value or [1]))
    return made


def listener(host: Host, at: Address, *options: Option) -> socket.socket:
    """A socket listening in a host. Errors: OSError, from bind() or listen()."""
    made = create(host, *options)
    try:
        made.bind(at)
        made.listen()
    except OSError:
        made.close()
        raise
    return made


def listen(host: Host, at: Address, *options: Option) -> str:
    """Try to listen, and stop at once: "ok", or the name of the error of bind() or listen()."""
    try:
        listener(host, at, *options).close()
        return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]


def connect(host: Host, to: Address, source: Address = ANY, *options: Option) -> str:
    """Try one connection, and close it: "ok", or the name of the error of bind() or connect().

    source: the source; ANY leaves address and port to connect(), port 0 with an address leaves the port to
    bind(), or with the option NO_PORT to connect().
    """
    return use_up(host, to, source, *options, most=1)[1]


@fault
def use_up(
    host: Host, to: Address, source: Address = ANY, *options: Option, most: int = 10000
) -> tuple[int, str]:
    """Connect until it fails, or that many times, then close them all, each into TIME_WAIT.

    Returns how many were open at the same time, and the name of the error ("ok" without one).
    """
    made: list[socket.socket] = []
    outcome = "ok"
    if withheld():
        return 0, outcome
    try:
        while outcome == "ok" and len(made) < most:
            made.append(create(host, *options))
            try:
                if source != ANY:
                    made[-1].bind(source)
                made[-1].connect(to)
            except OSError as error:
                outcome = errno.errorcode[error.errno or errno.ETIMEDOUT]
                made.pop().close()
        for connection in made:
            connection.shutdown(socket.SHUT_WR)
        for connection in made:
            connection.recv(1)  # the other end's FIN: from here on this end is in TIME_WAIT
        return len(made), outcome
    finally:
        for connection in made:
            connection.close()
