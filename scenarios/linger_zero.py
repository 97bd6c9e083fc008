"""linger-zero: a server that sets SO_LINGER {1, 0} to avoid TIME_WAIT.

   client 10.0.0.1: request          reads late: part of the reply, then ECONNRESET
   server 10.0.0.2: reply, close() ─ RST

The reply is longer than the peer's receive buffer, so most of it waits in the server's kernel when
close() is called. A graceful close delivers it first (RFC 9293 section 3.6). With a linger time of
zero close() aborts instead (section 3.10.5): send() took every byte, and they are discarded.

You see no TIME_WAIT at the server, TCPAbortOnData counts up, and the client gets ECONNRESET.
"""

from linger import connections, scenario

N = connections(10)
REPLY = 1_000_000  # bytes

EXPECT = {
    "buggy": ({"bytes": f"< {N * REPLY}", "resets": N}, {"TIME_WAIT": 0, "TCPAbortOnData": N}),
    "fixed": ({"bytes": N * REPLY, "resets": 0}, {"TIME_WAIT": N, "TCPAbortOnData": 0}),
}


@scenario(claims=["lz-reset", "lz-loses-data", "lz-peer-econnreset", "lz-default-graceful"])
def test_linger_zero(lab, variant):
    found, left = EXPECT[variant]
    lab.hosts["server"].sysctl(tcp_wmem="4096 4194304 4194304")  # send() takes a whole reply
    lab.hosts["client"].sysctl(tcp_rmem="4096 65536 65536")  # and the peer has no room for it
    server = lab.server("linger_zero", variant)
    peer = lab.peer("connect send:request await drain fin", connections=N)
    lab.happened_event(peer, "await")  # it has read nothing yet
    lab.happened_event(server, "closed", N)
    lab.happened_event(server, "reply", N, bytes=REPLY)  # all sent, as far as the server can tell
    peer.go()
    bytes = int(peer.wait().events("done")[2]["bytes"])
    resets = [error for error in peer.events("error") if error["err"] == "ECONNRESET"]
    lab.expect_values(found, {"bytes": bytes, "resets": len(resets)})
    lab.expect(server, left)
