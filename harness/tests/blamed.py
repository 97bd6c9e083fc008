"""A program that takes connections in every way that descriptors can go, for test_blame_live.py.

It connects to itself: each way keeps one accepted connection whose peer has left. At "ready" it
waits for the end of its standard input.
"""

import os
import socket
import subprocess
import sys
import threading

listener = socket.create_server(("127.0.0.1", 0))


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
