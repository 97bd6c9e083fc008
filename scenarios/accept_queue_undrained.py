"""accept-queue-undrained: a server that stops accepting collects CLOSE_WAITs that nobody owns.

   clients ──> kernel of the server: handshake, FIN, ACK ──> accept queue ──X  accept()

A busy server disables its listener at its limit of clients, and forgets to enable it when they have
left. The kernel carries on: it completes handshakes and acknowledges FINs without the program
(listen(2)). Clients that give up leave a CLOSE_WAIT (RFC 9293 section 3.6, case 2) with inode 0: no
process, no descriptor, "-" in the owner column of netstat. The listener's Recv-Q in `ss -lt` counts
them, as in uwsgi#2472 (101 of 100, and about a hundred CLOSE_WAITs). When the queue is full, SYNs
are dropped and connect() times out.
"""

from linger import connections, scenario

LIMIT = 4  # clients at a time
N = connections(100, least=LIMIT)  # so that the clients that waited fill it again

EXPECT = {
    "buggy": ({"CLOSE_WAIT.unaccepted": N, "accept_queue": N}, {"full": 1}),
    "fixed": ({"CLOSE_WAIT.unaccepted": 0, "accept_queue": 0}, {"full": ">= 2"}),  # times
}


@scenario(
    claims=[
        "cw-passive-side",
        "cw-descriptor",
        "cw-cause-missing-close",
        "cw-unaccepted-has-no-owner",
    ]
)
def test_accept_queue_undrained(lab, variant):
    left, busy = EXPECT[variant]
    server = lab.server("accept_queue_undrained", variant, "-n", str(LIMIT))
    first = lab.peer("connect hello await fin", connections=LIMIT)
    lab.happened_event(server, "full")
    lab.happened_event(first, "await")  # they are served, and fill it
    lab.peer("connect fin", connections=N).wait()
    lab.happened(server, ESTABLISHED=LIMIT + N, accept_queue=N)
    first.go()  # now there is room
    first.wait()
    lab.expect(server, left)
    lab.happened(server, descriptors=0)  # both have closed what they accepted
    lab.expect_values(busy, {"full": len(server.events("full"))}, by="server")
