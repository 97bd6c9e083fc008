"""close-advice: close() does not block, and a shutdown() before it only hides its reset.

   client                                    server
     option? connect(), 1 MB, close()  ──>     reads late: all of it, or a part and ECONNRESET
     <── a request that it does not read       gets FIN, or RST
         shutdown()?, close()

condition: with input unread, shutdown(SHUT_RDWR) comes before close(). control: close() alone.

People say three things about close(). "It blocks while data is unsent": no, by default it returns
at once and the kernel delivers (socket(7)); only SO_LINGER with a time above zero waits. "Set
SO_LINGER only after connect()": no, close() looks at it, so any time before close() will do.
"shutdown(SHUT_RDWR) makes the end orderly": with unread input close() resets (RFC 9293 section
3.6.1), and after shutdown() it still does. But the FIN went first, so the peer reads the end of the
stream and no error. It never learns that its last bytes were not read.
"""

import socket
import struct
import time

from linger import connections, scenario
from linger.lab.faults import watch
from linger.lab.sockets import create, listener
from linger.lab.verdict import table

N = connections(10)
SENT = 1_000_000  # bytes

EXPECT = {
    "condition": {"heard FIN": N, "heard RST": 0},
    "control": {"heard FIN": 0, "heard RST": N},
}
FIRST = {"condition": "shut", "control": ""}
WHEN = ["close() returns", "the other end reads"]
CLOSES = {  # SO_LINGER, and whether it is set before connect()
    "SO_LINGER not set": (None, False),
    "{0, 0}": ((0, 0), False),
    "{1, 0}": ((1, 0), False),
    "{1, 0}, set before connect()": ((1, 0), True),
    "{1, 1}": ((1, 1), False),
}
READ = {
    "SO_LINGER not set": ["at once", "all"],
    "{0, 0}": ["at once", "all"],
    "{1, 0}": ["at once", "a part, then RST"],
    "{1, 0}, set before connect()": ["at once", "a part, then RST"],
    "{1, 1}": ["after 1 s", "all"],
}


def read(connection):
    """Read to the end: how many bytes, and how it ended."""
    count = 0
    try:
        while got := len(connection.recv(1 << 16)):
            count += got
        return count, "FIN"
    except ConnectionResetError:
        return count, "RST"


def outcome(host, listening, linger, early):
    """When close() returns with a megabyte unsent, and what the other end reads afterwards."""
    client = create(host)
    option = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", *linger or (0, 0)))
    if early:
        client.setsockopt(*option)
    client.connect(listening.getsockname())
    server, _ = listening.accept()
    if linger and not early:
        client.setsockopt(*option)
    client.sendall(bytes(SENT))
    began = time.monotonic()
    client.close()
    took = time.monotonic() - began
    count, end = read(server)
    server.close()
    heard = "all" if count == SENT else "a part"
    if end != "FIN":
        heard += f", then {end}"
    return ["after 1 s" if took >= 1 else "at once", heard]


@scenario(
    claims=["cw-shutdown-both-first", "lz-close-locks", "lz-after-connect"],
    variants=("condition", "control"),
)
def test_close_advice(lab, variant):
    client, server = lab.hosts["client"], lab.hosts["server"]
    client.sysctl(tcp_wmem="4096 4194304 4194304")  # send() takes all of it
    server.sysctl(tcp_rmem="4096 65536 65536")  # and the other end has no room for it
    resets = watch(server, "tcp flags rst")
    asking = lab.peer("listen accept send:request await drain fin stay", connections=N, at="server")
    lab.peer(f"connect recv:1 {FIRST[variant]} fin", connections=N).wait()  # 7 bytes are unread
    lab.happened(asking, ESTABLISHED=N)
    lab.happened_fault(resets, f">= {N}")  # either way
    asking.go()
    asking.said("stay")
    heard = [error["err"] for error in asking.events("error")]
    ended = int(asking.events("done", action="drain")[0]["count"])
    found = {"heard FIN": ended, "heard RST": heard.count("ECONNRESET")}
    lab.expect_values(EXPECT[variant], found, by="server")
    with listener(server, (server.address, 9001)) as listening:
        met = {row: outcome(client, listening, *how) for row, how in CLOSES.items()}
    lab.expect_table("a megabyte is unsent", table(WHEN, READ), table(WHEN, met))
