"""Servers for the tests of `linger check`, each with or without one mistake.

usage: server.py MODE PORT [ADDRESS]
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from typing import Callable

LARGE = b"x" * (4 << 20)  # bytes of a large reply
HEAD = b"HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
kept: list[socket.socket] = []  # what a mistake never closes


def talk(client: socket.socket) -> None:
    """A reply for each line, until the client leaves; a large one for "large"."""
    while data := client.recv(4096):
        if b"\n" in data:
            client.sendall(LARGE if b"large" in data else b"well\n")
    client.close()


def careful(client: socket.socket) -> None:
    """talk(), and close whatever happens."""
    with client:
        try:
            talk(client)
        except OSError:
            pass


def hoard(client: socket.socket) -> None:
    """talk(), and forget close() when that fails."""
    try:
        talk(client)
    except OSError:
        kept.append(client)


def reply_once(client: socket.socket) -> None:
    """Close first, after one reply."""
    with client:
        if client.recv(4096):
            client.sendall(b"well\n")


def refuse(
    client: socket.socket, end: Callable[[socket.socket], None], body: bytes = b"", sent: int = 0
) -> None:
    """Refuse a body before it was read; a GET gets the same answer, of whose body so much is sent."""
    with client:
        try:
            if client.recv(4096):
                client.sendall(HEAD % len(body) + body[:sent])
                end(client)
        except OSError:
            pass


def mute(client: socket.socket) -> None:
    """Answer what it knows, and close on all else."""
    with client:
        if client.recv(4096).startswith(b"GET"):
            client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")


def drain(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_WR)
    client.settimeout(1.0)
    while client.recv(1 << 16):
        pass


def fin(client: socket.socket) -> None:
    """Say that all is said, long enough before close() that the client hears it first."""
    client.shutdown(socket.SHUT_WR)
    time.sleep(0.2)


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def threads(handle: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    def start(client: socket.socket) -> None:
        threading.Thread(target=handle, args=(client,), daemon=True).start()

    return start


def processes(reaping: bool) -> Callable[[socket.socket], None]:
    if reaping:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits: the kernel reaps

    def start(client: socket.socket) -> None:
        if os.fork() == 0:
            careful(client)
            os._exit(0)
        client.close()

    return start


def impatient(client: socket.socket) -> None:
    """Think before the reply, and drop it when the client has shut down its side by then."""
    with client:
        while client.recv(4096):
            if select.select([client], [], [], 0.1)[0] and not client.recv(1, socket.MSG_PEEK):
                return
            client.sendall(b"well\n")


def mortal(client: socket.socket) -> None:
    """talk(), and crash when that fails."""
    try:
        talk(client)
    except OSError:
        os.kill(os.getpid(), signal.SIGSEGV)


def abrupt(client: socket.socket) -> None:
    """careful(), with a reset for whoever is connected when the server ends."""
    reset(client)
    careful(client)


MODES: dict[str, Callable[[], Callable[[socket.socket], None]]] = {
    "serial": lambda: careful,
    "threads": lambda: threads(careful),
    "hoard": lambda: threads(hoard),
    "closes-first": lambda: threads(reply_once),
    "zombies": lambda: processes(reaping=False),
    "forks": lambda: processes(reaping=True),
    "impatient": lambda: threads(impatient),
    "mute": lambda: threads(mute),
    "narrow": lambda: careful,
    "mortal": lambda: threads(mortal),
    "abrupt": lambda: threads(abrupt),
    "refuse-close": lambda: threads(lambda client: refuse(client, lambda client: None)),
    "refuse-drain": lambda: threads(lambda client: refuse(client, drain)),
    "refuse-fin": lambda: threads(lambda client: refuse(client, fin)),
    "refuse-reset": lambda: threads(lambda client: refuse(client, reset, LARGE, len(LARGE) // 2)),
}


def background() -> None:
    """Leave the parent, as a daemon does."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)


def main(mode: str, port: str, address: str = "0.0.0.0") -> None:
    if mode == "daemon":
        background()
        mode = "threads"
    if mode == "deaf":
        print("deaf: I listen on nothing", flush=True)
        sys.exit(5)
    handle = MODES[mode]()
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, int(port)))
    listener.listen(5 if mode == "narrow" else 128)
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            time.sleep(0.1)  # at the limit of descriptors: others must leave first
            continue
        handle(client)


if __name__ == "__main__":
    main(*sys.argv[1:])
