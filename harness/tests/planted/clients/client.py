"""A client that does everything right, or makes the given mistakes: client.py [MISTAKE]...

It is a driver of `linger check-client`. Each mistake is one line of `if "NAME" in MISTAKES`.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import socket
import ssl
import sys
import time
import zlib
from urllib.parse import urlsplit

MISTAKES = {*sys.argv[1:]}
WITHIN, CONNECT_WITHIN = 6.0, 1.0  # s
NEVER = 1e9
LIMIT = NEVER if "patient" in MISTAKES else WITHIN
LEAKED = []


class Broken(Exception):
    """The exchange failed; `status` is what the server said, if it did."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


class Connection:
    def __init__(self, host: str, port: int, tls: bool) -> None:
        self.buffer = b""
        self.used = False
        self.socket = self._connected(host, port)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int("no-keepalive" not in MISTAKES))
        if tls:
            context = ssl.create_default_context()
            if "no-notify" not in MISTAKES:
                context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # Python's default hides it
            ragged = "no-notify" in MISTAKES
            self.socket = context.wrap_socket(self.socket, server_hostname=host, suppress_ragged_eofs=ragged)

    @staticmethod
    def _connected(host: str, port: int) -> socket.socket:
        """Each address in turn, not for long."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found[: 1 if "one-address" in MISTAKES else None]:
            made = socket.socket(family, kind, protocol)
            made.settimeout(None if "slow-address" in MISTAKES else CONNECT_WITHIN)
            try:
                made.connect(address)
                return made
            except OSError as error:
                why = error
                made.close()
        raise Broken(f"connect: {why}")

    def stale(self) -> bool:
        """Whether anything has arrived: the end, or something unsolicited."""
        return bool(self.buffer or select.select([self.socket], [], [], 0)[0])

    def more(self, deadline: float) -> bool:
        """Read; False at the end of the stream."""
        self.socket.settimeout(max(0.001, min(deadline - time.monotonic(), NEVER)) if LIMIT < NEVER else None)
        data = self.socket.recv(1 << 16)
        self.buffer += data
        return bool(data)

    def send(self, data: bytes, deadline: float) -> bool:
        """Send, until a reply comes; whether all was sent."""
        self.socket.settimeout(None if "deaf" in MISTAKES else 0)
        if "deaf" in MISTAKES:
            self.socket.sendall(data)
            return True
        view = memoryview(data)
        while view:
            readable, writable, _ = select.select([self.socket], [self.socket], [], 1.0)
            if readable and not isinstance(self.socket, ssl.SSLSocket):
                return False
            if time.monotonic() > deadline:
                raise Broken("timeout while sending")
            if writable:
                try:
                    view = view[self.socket.send(view[: 1 << 16]) :]
                except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    pass
        return True


POOL: dict[tuple[str, int, bool], Connection] = {}


def fetch(method: str, url: str, file: str = "") -> dict[str, object]:
    parts = urlsplit(url)
    key = (parts.hostname or "", parts.port or 80, parts.scheme == "https")
    body = open(file.strip(), "rb").read() if file else b""
    if "never-again" in MISTAKES and FAILED:
        raise Broken("I have failed before")
    connection = POOL.pop(key, None)
    if connection and "blind" not in MISTAKES and connection.stale():
        leave(connection)
        connection = None
    connection = connection or Connection(*key)
    head = f"{method} {parts.path} HTTP/1.1\r\nHost: {key[0]}\r\nAccept-Encoding: gzip\r\n"
    head += f"Content-Length: {len(body)}\r\n" if body else ""
    try:
        answer, keep = exchange(connection, head.encode() + b"\r\n" + body)
    except (Broken, OSError, zlib.error) as error:
        if "resends" in MISTAKES or "resends-reused" in MISTAKES and connection.used:
            return exchange(Connection(*key), head.encode() + b"\r\n" + body)[0]
        if "forgets" in MISTAKES:
            connection.socket.close()
            time.sleep(NEVER)
        LEAKED.append(connection) if "leaks" in MISTAKES else connection.socket.close()
        raise error
    connection.used = True
    if "hoards" in MISTAKES and keep:
        LEAKED.append(connection)
    elif keep:
        POOL[key] = connection
    else:
        connection.socket.close()
    return answer


def exchange(connection: Connection, request: bytes) -> tuple[dict[str, object], bool]:
    """One request and its reply; whether the connection can stay."""
    deadline = time.monotonic() + LIMIT
    all_sent = connection.send(request, deadline)
    while b"\r\n\r\n" not in connection.buffer:
        if not connection.more(deadline):
            if "takes-header" in MISTAKES and connection.buffer:
                return told(200, b""), False
            raise Broken("no reply, or half a header")
    head, _, connection.buffer = connection.buffer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = int(first.split()[1])
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    keep = all_sent and fields.get("connection", "").lower() != "close"
    if "chunked" in fields.get("transfer-encoding", "").lower():
        content = chunks(connection, deadline)
    elif "content-length" in fields:
        content = counted(connection, int(fields["content-length"]), deadline)
    else:
        content, keep = to_the_end(connection, deadline), False
    if fields.get("content-encoding") == "gzip":
        decoder = zlib.decompressobj(31)
        content = decoder.decompress(content)
        if not decoder.eof and "takes-gzip" not in MISTAKES:
            raise Broken("the compressed content is cut")
    if connection.buffer and "believes" not in MISTAKES:
        keep = False  # nobody asked for that
    if status >= 400:
        raise Broken(first, status)
    return told(status, content), keep


def counted(connection: Connection, length: int, deadline: float) -> bytes:
    while len(connection.buffer) < length:
        if not ended(connection, deadline):
            continue
        if "takes-length" in MISTAKES:
            break
        raise Broken(f"{len(connection.buffer)} of {length} bytes")
    content, connection.buffer = connection.buffer[:length], connection.buffer[length:]
    return content


def ended(connection: Connection, deadline: float) -> bool:
    try:
        return not connection.more(deadline)
    except ConnectionResetError:
        if "takes-reset" in MISTAKES:
            return True
        raise


def to_the_end(connection: Connection, deadline: float) -> bytes:
    while not ended(connection, deadline):
        pass
    content, connection.buffer = connection.buffer, b""
    return content


def chunks(connection: Connection, deadline: float) -> bytes:
    content = b""
    while True:
        while b"\r\n" not in connection.buffer:
            if ended(connection, deadline):
                return cut(content)
        size, _, connection.buffer = connection.buffer.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        while len(connection.buffer) < length + 2:
            if ended(connection, deadline):
                return cut(content + connection.buffer)
        content += connection.buffer[:length]
        connection.buffer = connection.buffer[length + 2 :]
        if not length:
            return content


def cut(content: bytes) -> bytes:
    if "takes-chunked" in MISTAKES:
        return content
    raise Broken("no last chunk")


def told(status: int, content: bytes) -> dict[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    return {"ok": True, "status": status, "bytes": len(content), "sha256": digest, "error": None}


def leave(connection: Connection) -> None:
    LEAKED.append(connection) if "hoards" in MISTAKES else connection.socket.close()


def next_line(text: bytearray) -> str:
    """The next request; while none comes, idle connections are watched."""
    while b"\n" not in text:
        watched = [] if {"keeps", "blind"} & MISTAKES else list(POOL.items())
        ready, _, _ = select.select([0, *(one.socket for _, one in watched)], [], [])
        for key, connection in watched:
            if connection.socket in ready:
                if "dies-idle" in MISTAKES:
                    sys.exit("an idle connection has ended: nobody thought of that")
                leave(POOL.pop(key))
        if 0 in ready:
            data = os.read(0, 1 << 16)
            if not data:
                return "QUIT"
            text += data
    line, _, rest = bytes(text).partition(b"\n")
    text[:] = rest
    return line.decode()


FAILED = False
WAITING = bytearray()
while (line := next_line(WAITING)) != "QUIT":
    try:
        answer = fetch(*line.split(maxsplit=2))
    except (Broken, OSError, zlib.error) as error:
        FAILED = True
        if "dies" in MISTAKES:
            os.kill(os.getpid(), signal.SIGSEGV)
        answer = {
            "ok": False, "status": getattr(error, "status", None), "bytes": 0, "sha256": None,
            "error": f"{type(error).__name__}: {error}",
        }  # fmt: skip
    print(json.dumps(answer), flush=True)
