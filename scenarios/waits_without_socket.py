"""waits-without-socket: a client waits for an answer, and has no connection that could bring it.

   client                         server
     | ---- 10 x GET /job ------> |
     | <--- FIN, without a reply  |   it read the requests, and ended
     | close()                    |
     poll() on no descriptor, forever

The client notices the end and closes the descriptor: no CLOSE_WAIT, no leak. It forgets the
request that waited for the connection, which is now neither answered nor failed. No socket is left,
so no packet can ever wake the program; keepalive and the kernel's timeouts act on sockets. In a
language with promises, this is a promise that never settles.

Code that closes a connection must settle every request that waits for it. A time limit on the whole
request still ends any that was forgotten.
"""

from linger import connections, scenario

N = connections(10)
GOOD = 9001  # the port of a server that answers
EVENTS = {"settled": "failed", "idle": "idle"}

# Connections that the server got: two batches of N to the good port, and one batch, or two.
EXPECT = {
    "buggy": ({"PassiveOpens": 3 * N}, {"settled": 0, "idle": 0}),
    "fixed": ({"PassiveOpens": 4 * N}, {"settled": 2 * N, "idle": 1}),
}


@scenario(claims=["client-waits-without-socket"])
def test_waits_without_socket(lab, variant):
    server = lab.start("server", "turncoat", "-b", "unanswered-fin", "-b", "good")
    server.said("ready", 2)
    served = lab.client("waits_without_socket", variant, "-p", str(GOOD), connections=N)
    lab.happened_event(served, "answer", 2 * N)
    served.said("idle")
    client = lab.client("waits_without_socket", variant, connections=N)
    server.said("strike", N, what="fin")
    arrived, settled = EXPECT[variant]
    lab.happened(server, PassiveOpens=f">= {3 * N}")
    lab.expect(server, arrived)  # the next batch has come, or will not
    lab.happened(client, descriptors=0, CLOSE_WAIT=0)  # nothing to wait on
    found = {name: len(client.events(event)) for name, event in EVENTS.items()}
    lab.expect_values(settled, found)
