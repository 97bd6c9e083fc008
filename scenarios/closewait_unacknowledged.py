"""closewait-unacknowledged: the retransmission timer ends a CLOSE_WAIT, and leaves its descriptor.

   client                        server, in CLOSE_WAIT: recv() was 0
     N are cut off, no data         nothing in flight: no timer
     N are cut off        × <──     an answer in flight: retransmitted, then given up

condition: tcp_retries2 is 1. control: it is 15, the default (924 s and more, ip-sysctl.rst).

CLOSE_WAIT has no timer of its own, but data in flight has one in every state. RFC 9293 calls it the
user timeout (section 3.10.8); Linux gives up after tcp_retries2 retransmissions, or after
TCP_USER_TIMEOUT (tcp(7)). So a CLOSE_WAIT that sends an answer to a vanished client does end,
without keepalive and without close(). It ends like one that keepalive ended (keepalive-hides-leak):
the row is gone, and the descriptor is still held. The program learns of it by its next send(), which
fails with ETIMEDOUT; recv() goes on returning 0, as after every FIN. Where nothing is in flight, the
same sysctl does nothing.
"""

from linger import connections, scenario
from linger.lab.faults import partition

N = connections(50)

EXPECT = {
    "condition": ({"CLOSE_WAIT": N, "ghosts": N}, {"ETIMEDOUT": N}),
    "control": ({"CLOSE_WAIT": 2 * N, "ghosts": 0}, {"ETIMEDOUT": 0}),
}
RETRIES = {"condition": 1, "control": 15}


@scenario(claims=["cw-retransmission-ends"], variants=("condition", "control"), held=2 * N)
def test_closewait_unacknowledged(lab, variant):
    left, told = EXPECT[variant]
    lab.hosts["server"].sysctl(tcp_retries2=RETRIES[variant])
    talk = "listen accept recv:6 send:hello drain await"
    quiet = lab.peer(f"{talk} stay", connections=N, at="server")
    late = lab.peer(f"{talk} send:more await drain send:more stay", N, at="server", port=9001)
    for port in (9000, 9001):
        lab.peer("connect send:hello recv:6 half stay", connections=N, port=port)
    for server in (quiet, late):
        lab.happened_event(server, "await")  # the end of each stream was read
    lab.happened(quiet, CLOSE_WAIT=2 * N, descriptors=2 * N)
    lost = partition(lab.hosts["client"])
    quiet.go()
    late.go()
    lab.happened_event(late, "done", 2, action="send", count=N)
    lab.happened_fault(lost, f">= {2 * N}")  # each answer, and one retransmission
    lab.happened(late, TCPTimeouts=f">= {2 * N}")  # the third timeout gives up, or not
    lab.expect(quiet, left, hold=1)
    lab.happened(quiet, descriptors=2 * N)  # either way
    late.go()
    lab.happened_event(late, "done", 2, action="drain", count=N)  # recv() = 0, either way
    late.said("stay")
    errors = [error["err"] for error in late.events("error")]
    lab.expect_values(told, {"ETIMEDOUT": errors.count("ETIMEDOUT")}, by="server")
