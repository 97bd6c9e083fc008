"""A server inside TLS for the tests of `linger check --tls`, with or without its mistakes.

usage: tls.py right|serial|rude|impatient PORT [VERSION]

right ends TLS before TCP, and so does serial, which serves one client after the other. impatient drops the
reply if the client has sent close_notify by then. rude answers once and closes without close_notify; and when
a client ends like that, it forgets close().
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
import time
from pathlib import Path

kept: list[socket.socket] = []  # never closed, because of the mistake


def right(client: ssl.SSLSocket) -> None:
    """A reply for each line, until the client leaves; then close_notify."""
    with client, contextlib.suppress(OSError):
        while heard := client.recv(4096):
            if b"\n" in heard:
                client.sendall(b"well\n")
        client.unwrap()


def impatient(client: ssl.SSLSocket) -> None:
    """Think, and answer only a client that has not sent close_notify meanwhile."""
    with client, contextlib.suppress(OSError):
        while b"\n" in client.recv(4096):
            client.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                if not client.recv(4096):
                    return
            client.settimeout(None)
            client.sendall(b"well\n")


def rude(client: ssl.SSLSocket) -> None:
    """One reply, then a FIN."""
    try:
        heard = client.recv(4096)
        while heard and b"\n" not in heard:
            heard += client.recv(4096)
        client.sendall(b"well\n" * bool(heard))
        client.close()
    except ssl.SSLError:
        kept.append(client)


def main(mode: str, port: str, version: str = "TLSv1_3") -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_suffix(".pem"))
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # the client's FIN alone is an error
    context.maximum_version = ssl.TLSVersion[version]
    listener = socket.create_server(("0.0.0.0", int(port)), backlog=128)

    def serve(client: socket.socket) -> None:
        try:
            inside = context.wrap_socket(client, server_side=True, suppress_ragged_eofs=False)
        except OSError:
            return client.close()
        {"right": right, "serial": right, "rude": rude, "impatient": impatient}[mode](inside)

    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            time.sleep(0.1)  # at the descriptor limit: others must leave first
            continue
        if mode == "serial":
            serve(client)
        else:
            threading.Thread(target=serve, args=(client,), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
