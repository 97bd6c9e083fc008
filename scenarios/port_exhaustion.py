"""port-exhaustion: a new connection for each request, until no port is left.

   client 40000 ──> 9000 server      close(): TIME_WAIT, 60 s
          40001 ──> 9000             close(): TIME_WAIT
            ...
          40099 ──> 9000             close(): TIME_WAIT
          ?????                      connect() = -1 EADDRNOTAVAIL

A connection is identified by two addresses and two ports; towards one server only the client's port
can differ, and connect() takes it from ip_local_port_range (ip(7)). A client that closes first
leaves each port in TIME_WAIT (RFC 9293 section 3.6.1). Here 100 ports are gone after 100 requests;
the usual 28,232 allow 470 requests a second in the long run. The cure is to keep the connection
for the next request (HTTP/1.1 does, RFC 9112 section 9.3): then a single TIME_WAIT is left.
"""

from linger import connections, scenario

N = connections(100, even=True)

EXPECT = {
    "buggy": ({"answered": N, "error": "EADDRNOTAVAIL"}, {"TIME_WAIT": N}),
    "fixed": ({"answered": 10 * N, "error": "-"}, {"TIME_WAIT": 1}),
}


@scenario(claims=["tw-port-exhaustion", "tw-many-short", "tw-keep-alive-cures"])
def test_port_exhaustion(lab, variant):
    outcome, left = EXPECT[variant]
    ports = f"40000 {40000 + N - 1}"
    lab.hosts["client"].sysctl(ip_local_port_range=ports, tcp_tw_reuse=0)
    server = lab.server("timewait_owner", "fixed")  # it leaves the close to the client
    client = lab.client("port_exhaustion", variant, connections=10 * N).wait()
    lab.happened_event(client, "start", requests=10 * N, ports=N)
    lab.happened(server, ESTABLISHED=">= 1")
    done = client.said("done")
    lab.expect_values(outcome, {"answered": int(done["answered"]), "error": done["err"]})
    lab.expect(client, left)
