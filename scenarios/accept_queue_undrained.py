"""accept-queue-undrained: a server that stopped accepting collects CLOSE_WAITs that nobody owns.

   clients ──> kernel of the server: handshake, FIN, ACK ──> accept queue ──X  accept()

A busy server disabled its listener at its limit of clients, and forgot to enable it when they had
gone. The kernel goes on: it completes handshakes and acknowledges FINs without the program
(listen(2)). Clients that give up leave a CLOSE_WAIT (RFC 9293 section 3.6, case 2) with inode 0: no
process, no descriptor, "-" in the owner column of netstat. The listener's Recv-Q in `ss -lt` counts
them. uwsgi#2472 shows the sight. When the queue is full, SYNs are dropped and connect() times out.
"""

from linger import connections, scenario

N = connections(100)
LIMIT = 4  # clients at a time

EXPECT = {
    "buggy": {"CLOSE_WAIT.unaccepted": N, "accept_queue": N},
    "fixed": {"CLOSE_WAIT.unaccepted": 0, "accept_queue": 0},
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
    server = lab.server("accept_queue_undrained", variant, "-n", str(LIMIT))
    lab.peer("connect hello fin", connections=LIMIT).wait()  # served, and gone
    lab.heard(server, "full")
    lab.reached(server, CLOSE_WAIT=0, descriptors=0)  # both have closed what they accepted
    lab.peer("connect fin", connections=N).wait()
    lab.reached(server, ESTABLISHED=LIMIT + N)
    lab.settled(server, EXPECT[variant])
    lab.reached(server, descriptors=0)  # none of them has one, in either variant
