"""connect-failure-leak: a client that forgets the socket when connect() fails.

   client              server
   SYN   ────────>     nobody listens
         <────────     RST: connect() fails with ECONNREFUSED, and socket() has been called

A failed connect(2) closes nothing. The socket is in CLOSED, so ss and /proc/net/tcp do not list it,
and it keeps its descriptor. A service whose backend is down for a night gets EMFILE in the morning,
and then cannot accept() either. The success path is right, so all tests pass (redis#15529).

A second connect() on the same descriptor works on Linux, but POSIX does not promise it.
"""

from linger import connections, scenario

N = connections(100)

EXPECT = {
    "buggy": {"unconnected": N, "descriptors": N},
    "fixed": {"unconnected": 0, "descriptors": 0},
}


@scenario(claims=["fd-connect-failure"])
def test_connect_failure_leak(lab, variant):
    server = lab.server("echo")
    client = lab.client("connect_failure_leak", variant, connections=N)
    client.go()
    lab.happened_event(client, "probed", up=N)  # while the server is there, all is well
    lab.happened_event(server, "close", N)
    server.kill()
    client.go()
    lab.happened_event(client, "connect", N, err="ECONNREFUSED")
    lab.happened(client, AttemptFails=N)
    lab.expect(client, EXPECT[variant])
