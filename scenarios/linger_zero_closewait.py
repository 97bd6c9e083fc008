"""linger-zero-closewait: SO_LINGER {1, 0} does nothing to a CLOSE_WAIT until the program closes.

   client                   server: recv() = 0, CLOSE_WAIT
     FIN_WAIT2                setsockopt(SO_LINGER {1, 0})     still CLOSE_WAIT
               <─── RST       close()                          gone

condition: the server sets the option, and no more. control: it also closes.

SO_LINGER says what close() should do (socket(7)); it doesn't ask for a close. Setting it in a
program that forgets close() is no remedy for CLOSE_WAIT: the leak stays, socket and descriptor.
With close() the option does act: a RST instead of a FIN (RFC 9293 section 3.10.5, ABORT), and
what the peer has not yet received is lost (see linger-zero). A plain close() would have done.
"""

import socket
import struct

from linger import connections, scenario
from linger.lab.sockets import create, listener
from linger.lab.verdict import table

N = connections(100)

EXPECT = {
    "condition": {"CLOSE_WAIT": N, "descriptors": N, "OutRsts": 0},
    "control": {"CLOSE_WAIT": 0, "descriptors": 0, "OutRsts": N},
}
END = {"condition": "", "control": "fin"}

OPTIONS = {"not set": None, "{0, 0}": (0, 0), "{1, 0}": (1, 0), "{1, 5}": (1, 5)}
WHEN = ["the option is set", "the server closes"]
HEARD = {option: ["-", "RST" if option == "{1, 0}" else "FIN"] for option in OPTIONS}


def received(client):
    """What the client has got from the server: "FIN", "RST", or "-" for nothing."""
    try:
        return "FIN" if client.recv(1) == b"" else "data"
    except ConnectionResetError:
        return "RST"
    except BlockingIOError:
        return "-"


def outcome(lab, value):
    """What the client gets when the server, in CLOSE_WAIT, sets the option, and when it closes."""
    with listener(lab.hosts["server"], (lab.hosts["server"].address, 0)) as listening:
        with create(lab.hosts["client"]) as client:
            client.connect(listening.getsockname())
            server, _ = listening.accept()
            with server:
                client.shutdown(socket.SHUT_WR)
                server.recv(1)  # the client's FIN is here
                if value:
                    linger = struct.pack("ii", *value)
                    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                client.setblocking(False)
                first = received(client)
            client.settimeout(2)
            return [first, received(client)]


@scenario(
    claims=["lz-sends-rst", "cw-linger-zero-needs-close"], variants=("condition", "control"), held={"condition": N, "control": 0}
)
def test_linger_zero_closewait(lab, variant):
    actions = f"listen accept recv:6 send:hello drain await linger {END[variant]} stay"
    server = lab.peer(actions, connections=N, at="server")
    lab.peer("connect send:hello recv:6 fin", connections=N).wait()
    lab.happened_event(server, "await")
    lab.happened(server, CLOSE_WAIT=N)
    server.go()
    lab.happened_event(server, "stay")
    lab.happened_event(server, "done", action="linger", count=N)  # the option was set on each
    lab.expect(server, EXPECT[variant])
    heard = {option: outcome(lab, value) for option, value in OPTIONS.items()}
    lab.expect_table("SO_LINGER in CLOSE_WAIT", table(WHEN, HEARD), table(WHEN, heard))
