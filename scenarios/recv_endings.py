"""recv-endings: what recv() returns for each kind of ending; closing only on -1 leaks.

   client                       server
     FIN             ──────>      recv() = 0, again and again: CLOSE_WAIT
     data, RST       ──────>      the data, then -1 ECONNRESET once, then 0
     says nothing                 -1 EAGAIN after SO_RCVTIMEO, and nothing has ended
     is gone           ×          -1 ETIMEDOUT, when the kernel has given up

condition: the server closes when recv() returns -1. control: when it returns 0 as well.

A FIN is not an error: recv() returns 0 (recv(2)). So a program that closes "when recv() fails"
never closes after a FIN, and each client that closes normally costs it a CLOSE_WAIT (RFC 9293
section 3.6, case 2). recv() reports a reset once, after the data that arrived before it; after a
FIN it never reports one. EAGAIN comes from the program's own limit (socket(7)). Windows
calls that WSAETIMEDOUT; on Linux ETIMEDOUT means that the connection is dead. If the network has
said why, that error comes instead: EHOSTUNREACH where the neighbour is gone. On a silent connection
keepalive finds out, and TCP_USER_TIMEOUT overrides its number of probes (tcp(7)).
"""

import errno
import socket
import struct

from linger import connections, scenario
from linger.lab.faults import partition
from linger.lab.sockets import create, listener
from linger.lab.verdict import table

N = connections(20)

EXPECT = {"condition": {"CLOSE_WAIT": N}, "control": {"CLOSE_WAIT": 0}}
CLOSES = {"condition": ("-1",), "control": ("-1", "0")}
CALLS = ["first recv()", "second", "third"]
ENDINGS = {
    "FIN": ["0", "0", "0"],
    "data, then FIN": ["data", "0", "0"],
    "RST": ["-1 ECONNRESET", "0", "0"],
    "data, then RST": ["data", "-1 ECONNRESET", "0"],
    "FIN, then RST": ["0", "0", "0"],
    "nothing for SO_RCVTIMEO": ["-1 EAGAIN", "-1 EAGAIN", "-1 EAGAIN"],
    "gone, an answer in flight": ["-1 ETIMEDOUT", "0", "0"],
    "gone, as the neighbour says": ["-1 EHOSTUNREACH", "0", "0"],
    "gone, 9 probes, TCP_USER_TIMEOUT": ["-1 ETIMEDOUT", "0", "0"],
    "gone, 9 probes": ["-1 EAGAIN", "-1 EAGAIN", "-1 EAGAIN"],
}
AT_ONCE = struct.pack("ii", 1, 0)
PATIENCE = 2  # s, for one recv(); the rows that end in EAGAIN have a tenth of that
PROBES = {"TCP_KEEPIDLE": 1, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 9}  # so keepalive takes 10 s


def heard(connection):
    """What recv() returns: "data", "0", or "-1" and the error."""
    try:
        return "data" if connection.recv(9) else "0"
    except OSError as error:
        return f"-1 {errno.errorcode[error.errno]}"


def end(row, client, server):
    """End a connection from the client's side, as its row says."""
    if "data" in row:
        client.send(b"data")
    if "FIN" in row:
        client.shutdown(socket.SHUT_WR)
    if "RST" in row:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        client.close()
    seconds = PATIENCE / 10 if ENDINGS[row][0] == "-1 EAGAIN" else PATIENCE
    limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    if "probes" in row:
        for option, value in PROBES.items():
            server.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    elif "gone" in row:
        server.send(b"an answer")
    if "gone" in row and row != "gone, 9 probes":
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 500)  # ms


@scenario(
    claims=[
        "cw-fin-is-error",
        "cw-kernel-acks-fin",
        "cw-missing-close",
        "cw-timeout-etimedout",
        "lz-peer-econnreset",
        "ka-finds-the-dead",
        "user-timeout-overrides-probes",
    ],
    variants=("condition", "control"),
)
def test_recv_endings(lab, variant):
    client, server = lab.hosts["client"], lab.hosts["server"]
    client.run("ip", "addr", "add", "10.0.0.3/24", "dev", "eth0")  # with no entry at the server
    listening = listener(server, (server.address, 9000))
    witness = lab.peer("stay", at="server")
    lab.peer("connect fin", connections=N).wait()
    lab.happened(witness, ESTABLISHED=N, accept_queue=N)
    crowd = [listening.accept()[0] for _ in range(N)]
    told = [heard(connection) for connection in crowd]
    lab.happened_value("server", "recv() = 0", lambda: told.count("0"), N)
    for connection, word in zip(crowd, told):
        if word in CLOSES[variant]:
            connection.close()
    lab.expect(witness, EXPECT[variant])

    pairs = {}
    for row in ENDINGS:
        near = create(client)
        near.bind(("10.0.0.3" if "neighbour" in row else client.address, 0))
        near.connect(listening.getsockname())
        pairs[row] = near, listening.accept()[0]
    lost = partition(client)
    client.run("ip", "addr", "del", "10.0.0.3/24", "dev", "eth0")
    server.run(*"ip ntable change name arp_cache dev eth0 retrans 50".split())
    server.run("ip", "neigh", "flush", "to", "10.0.0.3")
    for row, ends in pairs.items():
        end(row, *ends)
    heard_by = {row: [heard(far) for _ in CALLS] for row, (_, far) in pairs.items()}
    lab.happened_fault(lost)
    lab.expect_table("what recv() returns", table(CALLS, ENDINGS), table(CALLS, heard_by))
