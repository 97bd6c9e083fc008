"""Servers for the tests of `linger check`, each with or without a mistake.

usage: server.py MODE PORT [ADDRESS]
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import select
import signal
import socket
import struct
import sys
import threading
import time

TYPE_CHECKING = False  # importing it from typing would take a quarter of the start
if TYPE_CHECKING:
    from typing import Any, Callable

LARGE = b"x" * (4 << 20)  # bytes of a large reply
LONG = 40_000  # bytes: more than the first flight, but no more than a socket buffer takes
HEAD = b"HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
LIBC, CLONE_FILES = ctypes.CDLL(None), 0x400
MAILBOX = socket.socketpair()
kept: list[socket.socket] = []  # never closed, because of a mistake
free: list[int] = []  # a pool of files
POOL, pool = 6, []  # of pipes


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
    client: socket.socket,
    end: Callable[[socket.socket], None],
    body: bytes = b"",
    part: float = 1.0,
    patience: float = 0.0,
) -> None:
    """Refuse a body before it was read; a GET gets the same answer, with part of its body.

    patience: seconds of silence after which everything that had arrived is read.
    """
    with client:
        try:
            heard = client.recv(4096)
            while heard and patience and select.select([client], [], [], patience)[0]:
                heard = client.recv(1 << 20)
            if heard:
                client.sendall(HEAD % len(body) + body[: int(part * len(body))])
                end(client)
        except OSError:
            pass


def mute(client: socket.socket) -> None:
    """Answer what it knows, and close on anything else."""
    with client:
        if client.recv(4096).startswith(b"GET"):
            client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")


def drain_on(client: socket.socket) -> None:
    """Read on, and leave the close to the client."""
    while client.recv(1 << 16):
        pass


def drain(client: socket.socket) -> None:
    """Close in two steps."""
    client.shutdown(socket.SHUT_WR)
    client.settimeout(1.0)
    while client.recv(1 << 16):
        pass


def fin(client: socket.socket) -> None:
    """Announce the end long enough before close() for the client to read it first."""
    client.shutdown(socket.SHUT_WR)
    time.sleep(0.2)


def leave(client: socket.socket) -> None:
    """Nothing before close()."""


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def keep_in_thread(client: socket.socket) -> None:
    """Hold it in the descriptors of a thread that does not share them."""
    fd, kept_there = client.fileno(), threading.Event()

    def keep() -> None:
        LIBC.unshare(CLONE_FILES)
        os.closerange(0, fd)
        os.closerange(fd + 1, 1024)
        kept_there.set()
        threading.Event().wait()

    threading.Thread(target=keep, daemon=True).start()
    kept_there.wait()


def keep_in_message(client: socket.socket) -> None:
    """Hold it in a message that nobody receives."""
    socket.send_fds(MAILBOX[0], [b"x"], [client.fileno()])


def hiding(keep: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """Answer, and when the client leaves, shut down, hide the socket, and close()."""

    def handle(client: socket.socket) -> None:
        with client:
            with contextlib.suppress(OSError):
                while data := client.recv(4096):
                    client.sendall(b"well\n" * (b"\n" in data))
            with contextlib.suppress(OSError):  # of one that was reset
                client.shutdown(socket.SHUT_RDWR)
            keep(client)

    return threads(handle)


def threads(handle: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    def start(client: socket.socket) -> None:
        threading.Thread(target=handle, args=(client,), daemon=True).start()

    return start


def refusing(*how: Any, **more: Any) -> Callable[[socket.socket], None]:
    return threads(lambda client: refuse(client, *how, **more))


def processes(reaping: bool) -> Callable[[socket.socket], None]:
    if reaping:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits: the kernel reaps

    def start(client: socket.socket) -> None:
        if os.fork() == 0:
            careful(client)
            os._exit(0)
        client.close()

    return start


def crashes_and_is_replaced() -> Callable[[socket.socket], None]:
    """A master that replaces its worker whenever it dies; both have the listener."""
    while (worker := os.fork()) and os.waitpid(worker, 0):
        pass
    return mortal


def file_open(client: socket.socket, leaving: Callable[[int], None]) -> None:
    """Open the reply's file, think, and answer if the client is still there.

    leaving: what happens to the open file when the client is gone.
    """
    with client:
        while heard := client.recv(4096):
            if b"\n" not in heard:
                continue
            file = free.pop() if free else os.open(__file__, os.O_RDONLY)
            time.sleep(0.05)
            try:
                if select.select([client], [], [], 0)[0] and not client.recv(1, socket.MSG_PEEK):
                    raise ConnectionResetError
                client.sendall(b"well\n")
                free.append(file)
            except OSError:
                return leaving(file)


def slow_pool(client: socket.socket) -> None:
    """careful(), and a pool of pipes that grows by one with each client, up to a size."""
    if len(pool) < POOL:
        pool.append(os.pipe())
    careful(client)


def never_ends(client: socket.socket) -> None:
    """careful(), in a thread that then waits for nothing."""
    careful(client)
    threading.Event().wait()


def fixed_pool() -> Callable[[socket.socket], None]:
    """A pool of threads; each ends at the first error that it meets."""
    waiting: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()

    def work() -> None:
        while True:
            talk(waiting.get())

    for _ in range(60):
        threading.Thread(target=work, daemon=True).start()
    return waiting.put


def with_deaf_child() -> Callable[[socket.socket], None]:
    """A child that has the listener too, and that no SIGTERM ends."""
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            signal.pause()
    return threads(careful)


def ticker(client: socket.socket) -> None:
    """A reply without an end."""
    with client:
        with contextlib.suppress(OSError):
            while client.recv(4096) and not select.select([client], [], [], 0)[0]:
                client.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
                while not client.sendall(b"x"):
                    time.sleep(0.05)


def picky(client: socket.socket) -> None:
    """Answer a whole line, and close on less."""
    with client:
        with contextlib.suppress(OSError):
            while client.recv(4096).endswith(b"\n"):
                client.sendall(b"well\n")


def http_impatient(client: socket.socket) -> None:
    """Answer late, or not at all if the client has shut down its side by then."""
    with client:
        heard = client.recv(4096)
        if heard.startswith(b"GET") and not select.select([client], [], [], 0.05)[0]:
            body = LARGE[:LONG]
            client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def impatient(client: socket.socket) -> None:
    """Think before the reply, and drop it if the client has shut down its side by then."""
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
    """careful(), with a reset for every client connected when the server ends."""
    reset(client)
    careful(client)


MODES: dict[str, Callable[[], Callable[[socket.socket], None]]] = {
    "serial": lambda: careful,
    "threads": lambda: threads(careful),
    "hides-in-thread": lambda: hiding(keep_in_thread),
    "hides-in-message": lambda: hiding(keep_in_message),
    "hoard": lambda: threads(hoard),
    "closes-first": lambda: threads(reply_once),
    "zombies": lambda: processes(reaping=False),
    "forks": lambda: processes(reaping=True),
    "crashes": crashes_and_is_replaced,
    "forgets-file": lambda: threads(lambda client: file_open(client, lambda file: None)),
    "pools-file": lambda: threads(lambda client: file_open(client, free.append)),
    "never-ends": lambda: threads(never_ends),
    "fixed-pool": fixed_pool,
    "deaf-child": with_deaf_child,
    "grows-pool": lambda: threads(slow_pool),
    "ticker": lambda: threads(ticker),
    "picky": lambda: threads(picky),
    "http-impatient": lambda: threads(http_impatient),
    "impatient": lambda: threads(impatient),
    "mute": lambda: threads(mute),
    "narrow": lambda: careful,
    "deferred": lambda: threads(careful),
    "failed-daemon": lambda: threads(careful),
    "mortal": lambda: threads(mortal),
    "mortal-narrow": lambda: mortal,
    "abrupt": lambda: threads(abrupt),
    "refuse-close": lambda: refusing(leave),
    "refuse-read-some": lambda: refusing(leave, patience=0.0001),
    "refuse-read-all": lambda: refusing(leave, patience=0.1),
    "refuse-fin": lambda: refusing(fin),
    "refuse-drain": lambda: refusing(drain),
    "refuse-keep": lambda: refusing(drain_on, patience=0.1),
    "refuse-reset": lambda: refusing(reset, LARGE, part=0.5),
    "refuse-long-close": lambda: refusing(leave, LARGE[:LONG]),
    "refuse-long-drain": lambda: refusing(drain, LARGE[:LONG]),
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
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, int(port)))
    if mode == "deferred":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 30)
    listener.listen(5 if mode.endswith("narrow") else 128)
    if mode == "failed-daemon" and os.fork():
        print("failed-daemon: I cannot write my pid file", flush=True)
        os._exit(4)
    handle = MODES[mode]()
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            time.sleep(0.1)  # at the descriptor limit: others must leave first
            continue
        handle(client)


if __name__ == "__main__":
    main(*sys.argv[1:])
