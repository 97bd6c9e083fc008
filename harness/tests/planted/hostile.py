"""A hostile server: its output, its name and its answers are meant to harm its judge. And it forgets close().

usage: hostile.py PORT
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys

# Ends a line and begins one that KTAP or a CI service obeys; controls a terminal; is rich markup, invalid
# XML, invalid UTF-8, and reverses the direction of what follows.
HOSTILE = (
    "\x1b[31mred\x1b]0;title\x07\n::error::owned\nok 9 owned\r##[error]owned\u202e [/b]"
    "[link=http://x.example]x[/link]</failure><script>\x00\x9b\ufffe"
).encode() + b"\xff\n"
NAME = b"x\nok 9 \x1b[31m\xffz"  # 15 bytes at most, of a process
PR_SET_NAME = 15


def main(port: str) -> None:
    ctypes.CDLL(None).prctl(PR_SET_NAME, NAME, 0, 0, 0)
    os.write(1, b"ev=" + HOSTILE)
    try:
        os.ftruncate(1, 300 << 30)  # where its output is a file
        os.lseek(1, 0, os.SEEK_END)
    except OSError:
        pass
    os.write(1, HOSTILE)
    listener = socket.create_server(("0.0.0.0", int(port)), backlog=128)
    kept = []
    while True:
        client, _ = listener.accept()
        kept.append(client)
        if client.recv(4096):
            client.sendall(b"HTTP/1.0 200 " + HOSTILE + b"\r\n" + HOSTILE)


if __name__ == "__main__":
    main(sys.argv[1])
