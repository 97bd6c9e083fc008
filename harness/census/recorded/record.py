#!/usr/bin/env python3
"""Record the kernel's answers, for the tests of the parser.

    build/sandbox python3 harness/census/recorded/record.py harness/census/recorded

Run it in a network namespace of its own, with nft(8) and ip(8): it makes at least one socket in
each state that the kernel lists, asks as dump.c does, and writes the bytes of the replies, one
datagram after the other, with the sequence number 7:

    all_states.bin  a dump of all states
    empty.bin       a dump in which there was nothing to list
    refused.bin     the answer to an invalid request (NLMSG_ERROR)

The counts in test_parse.c belong to these files. Recorded on Linux 6.18.
"""

import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

NETLINK_SOCK_DIAG = 4
TCPDIAG_GETSOCK = 18
REQUEST, DUMP = 0x1, 0x300
SEQUENCE = 7
DONE, ERROR = 3, 2
ALL_STATES = 0xFFE

kept = []  # Python would close a socket without a reference


def run(command: str) -> None:
    subprocess.run(command, shell=True, check=True)


def ask(kind: int, states: int) -> bytes:
    """The raw replies to one request for the sockets in states, up to the end."""
    diag = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
    body = struct.pack("=4B48x2I", 0, 0, 0, 0, states, 0)  # struct inet_diag_req
    diag.send(struct.pack("=IHHII", 16 + len(body), kind, REQUEST | DUMP, SEQUENCE, 0) + body)
    replies = b""
    while True:
        reply = diag.recv(32768)
        replies += reply
        if struct.unpack_from("=H", reply, 4)[0] in (DONE, ERROR):
            return replies


def listen(port: int, family: int = socket.AF_INET) -> socket.socket:
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", port))
    listener.listen(16)
    kept.append(listener)
    return listener


def connect(port: int, family: int = socket.AF_INET) -> socket.socket:
    client = socket.socket(family)
    client.connect(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
    kept.append(client)
    return client


def pair(listener: socket.socket) -> tuple[socket.socket, socket.socket]:
    client = connect(listener.getsockname()[1], listener.family)
    server = listener.accept()[0]
    kept.append(server)
    return client, server


def start(port: int) -> None:
    """Start to connect, without waiting."""
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", port))
    kept.append(client)


def drop(match: str) -> None:
    run(f"nft 'add rule t in {match} drop'")


def make_all_states() -> None:
    run("nft 'add table t; add chain t in { type filter hook input priority 0; }'")
    fin = "tcp flags & fin == fin"

    pair(listen(9000))  # ESTABLISHED 2
    pair(listen(9001, socket.AF_INET6))  # ESTABLISHED 2, IPv6

    closed = listen(9002)
    client, server = pair(closed)  # CLOSE_WAIT that has read the EOF; FIN_WAIT2 orphan
    client.close()
    assert server.recv(1) == b""
    pair(closed)[0].close()  # CLOSE_WAIT that has not; FIN_WAIT2 orphan
    pair(closed)[0].shutdown(socket.SHUT_WR)  # CLOSE_WAIT; FIN_WAIT2 that is held

    listen(9003)  # never accepts
    connect(9003)  # ESTABLISHED 2, one of them unaccepted
    connect(9003).close()  # CLOSE_WAIT unaccepted; FIN_WAIT2 orphan

    client, server = pair(listen(9004))  # TIME_WAIT
    client.close()
    assert server.recv(1) == b""
    server.close()

    drop("tcp dport 9005")
    start(9005)  # SYN_SENT
    listen(9006)
    drop("tcp sport 9006")
    start(9006)  # SYN_RECEIVED; SYN_SENT

    client, server = pair(listen(9007))  # FIN_WAIT1 orphan; ESTABLISHED
    drop(f"tcp dport 9007 {fin}")
    client.close()

    client, server = pair(listen(9008))  # LAST_ACK orphan; FIN_WAIT2 orphan
    drop(f"tcp sport 9008 {fin}")
    client.close()
    assert server.recv(1) == b""
    server.close()

    client, server = pair(listen(9009))  # CLOSING, held; FIN_WAIT2, held
    drop(f"tcp sport 9009 {fin}")
    server.shutdown(socket.SHUT_WR)
    client.shutdown(socket.SHUT_WR)
    time.sleep(0.3)  # the last delayed ACKs


def main() -> None:
    folder = Path(sys.argv[1])
    run("ip link set lo up")
    (folder / "empty.bin").write_bytes(ask(TCPDIAG_GETSOCK, ALL_STATES))
    (folder / "refused.bin").write_bytes(ask(23, ALL_STATES))
    make_all_states()
    (folder / "all_states.bin").write_bytes(ask(TCPDIAG_GETSOCK, ALL_STATES))
    if len(sys.argv) > 2:  # a command to compare with, such as: ss -Htan
        subprocess.run(sys.argv[2:], check=True)


if __name__ == "__main__":
    main()
