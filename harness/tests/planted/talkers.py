"""Servers that need a dialogue before the first request, for `linger check --dialogue`.

usage: talkers.py smtp|mqtt|redis|ftp|ftp-leak PORT

ftp opens a data port at PASV, and closes it with the client; ftp-leak forgets it.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from typing import Callable

kept: list[socket.socket] = []  # never closed, because of the mistake


def smtp(client: socket.socket) -> None:
    client.sendall(b"220 server ESMTP\r\n")
    greeted = False
    for line in client.makefile("rb"):
        greeted |= line.startswith(b"EHLO ")
        answer = b"250-server\r\n250 OK\r\n" if line.startswith(b"EHLO ") else b"250 OK\r\n"
        client.sendall(answer if greeted else b"503 EHLO first\r\n")


def mqtt(client: socket.socket) -> None:
    if client.recv(4096)[:9] == b"\x10\x12\x00\x04MQTT\x04":
        client.sendall(b"\x20\x02\x00\x00")
        while client.recv(4096) == b"\xc0\x00":
            client.sendall(b"\xd0\x00")


def redis(client: socket.socket) -> None:
    known = False
    for line in client.makefile("rb"):
        known |= line == b"AUTH secret\r\n"
        client.sendall(b"+OK\r\n" if known else b"-NOAUTH Authentication required.\r\n")


def ftp(client: socket.socket, forget: bool = False) -> None:
    client.sendall(b"220 ready\r\n")
    data: list[socket.socket] = []
    for line in client.makefile("rb"):
        if line.startswith(b"PASV"):
            data.append(socket.create_server(("0.0.0.0", 0)))
            port = data[-1].getsockname()[1]
            client.sendall(b"227 Entering Passive Mode (10,0,0,2,%d,%d)\r\n" % divmod(port, 256))
        else:
            client.sendall(b"331 password\r\n" if line.startswith(b"USER") else b"230 OK\r\n")
    if forget:
        kept.extend(data)
    while data:
        data.pop()


HANDLERS: dict[str, Callable[[socket.socket], None]] = {
    "smtp": smtp,
    "mqtt": mqtt,
    "redis": redis,
    "ftp": ftp,
    "ftp-leak": lambda client: ftp(client, forget=True),
}


def serve(name: str, listener: socket.socket) -> None:
    """Serve each client of a listener in its own thread, until the listener is closed."""

    def one(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            HANDLERS[name](client)

    with contextlib.suppress(OSError):
        while True:
            threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    serve(sys.argv[1], socket.create_server(("0.0.0.0", int(sys.argv[2])), backlog=128))
