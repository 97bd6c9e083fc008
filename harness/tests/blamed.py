"""A program whose connections take every path that descriptors can, for test_blame_live.py.

It connects to itself: each way keeps one accepted connection whose peer has left. At "ready" it
waits for the end of its standard input.
"""

import asyncio
import ctypes
import fcntl
import os
import socket
import subprocess
import sys
import threading

listener = socket.create_server(("127.0.0.1", 0))
libc = ctypes.CDLL(None)


def accepted():
    """An accepted connection whose peer has sent its FIN."""
    with socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
    return connection


def by_thread():
    kept = []
    thread = threading.Thread(target=lambda: kept.append(accepted()))
    thread.start()
    thread.join()
    return kept


def by_dup():
    with accepted() as connection:
        return os.dup(connection.fileno())


def by_asyncio():
    """Serve, in another thread, a client that leaves."""
    served, connections = threading.Event(), []

    async def serve(reader, writer):
        connections.append(writer)
        await reader.read()
        served.set()
        await asyncio.sleep(3600)

    async def run():
        await asyncio.start_server(serve, sock=listener)
        await asyncio.sleep(3600)

    threading.Thread(target=asyncio.run, args=(run(),), daemon=True).start()
    socket.create_connection(listener.getsockname()).close()
    served.wait()
    return connections


def by_dup2():
    """One that is closed by putting another descriptor in its place."""
    with open(os.devnull) as other:
        connection = accepted()
        copy = os.dup(connection.fileno())
        os.dup2(other.fileno(), connection.fileno())
        return copy, connection


def by_range():
    connection = accepted()
    copy = fcntl.fcntl(connection.fileno(), fcntl.F_DUPFD, 100)
    os.closerange(connection.fileno(), connection.fileno() + 1)
    return copy, connection


def by_getfd():
    """Taken from a child, which then closes its own."""
    number, told = os.pipe()
    again, go = os.pipe()
    child = os.fork()
    if child == 0:
        connection = accepted()
        os.write(told, b"%d" % connection.fileno())
        os.read(again, 1)
        connection.close()
        os.write(told, b"x")
        os.read(0, 1)
        os._exit(0)
    pidfd_getfd = 438
    kept = libc.syscall(pidfd_getfd, os.pidfd_open(child), int(os.read(number, 9)), 0)
    os.write(go, b"x")
    os.read(number, 1)
    return kept


def by_fork():
    with accepted():
        return run_child("import sys; sys.stdin.read()")


def by_message():
    """Passed to a process that could not inherit it."""
    here, there = socket.socketpair()
    child = run_child(
        "import socket, sys; s = socket.socket(fileno=int(sys.argv[1]));"
        "kept = socket.recv_fds(s, 10, 1); s.send(b'x'); sys.stdin.read()", there.fileno(),
    )  # fmt: skip
    with accepted() as connection:
        socket.send_fds(here, [b"x"], [connection.fileno()])
        here.recv(1)
    return child, here, there


def run_child(code, *pass_fds):
    held = pass_fds or tuple(fd for fd in range(3, 32) if is_socket(fd) and fd != listener.fileno())
    words = [sys.executable, "-c", code, *map(str, pass_fds)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, pass_fds=held)


def is_socket(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")
    except OSError:
        return False


kept = globals()[f"by_{sys.argv[1]}"]()
print("ready", os.getpid(), flush=True)
sys.stdin.read()
