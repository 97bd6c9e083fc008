"""half-close-dropped: a server takes a half-close for a full close and drops the reply.

   client                              server
     request, shutdown(SHUT_WR)  ───>  begins the reply
     FIN                         ───>  recv() = 0: CLOSE_WAIT
     reads                       <───  the rest of the reply

A FIN says "I send no more", not "I read no more". A client that half-closes (shutdown(2), `nc -N`,
many RPC libraries) waits for its answer, and the server may send in CLOSE_WAIT for as long
as it likes (RFC 9293 section 3.6, case 2). Envoy dropped such replies (envoy#2066).

You see a truncated reply and a clean end: no RST, no error, nothing in any counter. Small replies
fit and hide the bug.
"""

from linger import connections, scenario
from linger.lab.holding import listening
from linger.lab.processor import COMPUTING, computing

N = connections(10)
REPLY = 4_000_000  # bytes

EXPECT = {
    "buggy": {"bytes": f"< {N * REPLY}", "dropped": "> 0"},
    "fixed": {"bytes": N * REPLY, "dropped": 0},
}


@scenario(claims=["half-close-is-no-abort"])
def test_half_close_dropped(lab, variant):
    for host in lab.hosts.values():  # a reply fits in no buffer on the way
        host.sysctl(tcp_wmem="4096 65536 65536", tcp_rmem="4096 65536 65536")
    server = lab.server("half_close_dropped", variant)
    peer = lab.peer("connect send:request half await drain", connections=N)
    lab.happened_event(peer, "await")  # it has read nothing yet
    lab.happened_event(server, "eof", N)  # the FIN came while replies were waiting to be sent
    lab.happened_value("server", "processes that listen", lambda: listening(server), 1)
    lab.happened_value("server", COMPUTING, lambda: computing(server.family()), 0)
    peer.go()
    bytes = int(peer.wait().events("done")[3]["bytes"])
    lab.happened_event(peer, "done", action="drain", count=N)  # every client saw a clean end
    lab.happened_event(server, "closed", N)
    dropped = sum(int(closed["dropped"]) for closed in server.events("closed"))
    lab.expect_values(EXPECT[variant], {"bytes": bytes, "dropped": dropped})
