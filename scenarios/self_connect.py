"""self-connect: a client of a stopped server connects to itself, and the server cannot start.

   client  127.0.0.1:9038 ──SYN──> 127.0.0.1:9000   ECONNREFUSED, try again
           127.0.0.1:9084 ──SYN──> 127.0.0.1:9000   ECONNREFUSED, try again
              ...
           127.0.0.1:9000 ──SYN──> 127.0.0.1:9000   connected
   server  bind() port 9000 = -1 EADDRINUSE

connect() takes its local port from ip_local_port_range (ip(7)). A server whose port is in that
range, on the same host and down, leaves it free. When a try takes it, its SYN reaches its own
sender: a simultaneous open (RFC 9293 section 3.5) with one socket as both ends. What the client
sends comes back, so a health check passes; and the server cannot start, because its port is in use.

Linux tries the ports with the parity of the range's low end first, and the others only when those
are used up. So with 32768-60999 an even port is met after some 11,000 tries, three hours at one
a second (port 40000: 12 times, on average 10,773 tries apart), and an odd one practically never
(40001: not once in 250,000 tries).

A client may compare getsockname() with getpeername(), as here. The better cure is to listen
below the range, or to reserve the port (ip_local_reserved_ports, ip-sysctl.rst).
"""

from linger import scenario

N = 2000  # tries, with 50 ports to choose from

EXPECT = {
    "buggy": {
        "client": "itself",
        "tries": f"< {N}",
        "met itself": 1,
        "restart": "EADDRINUSE",
        "next client": "nobody",
    },
    "fixed": {
        "client": "nobody",
        "tries": N,
        "met itself": "> 1",  # each time it has freed the port again
        "restart": "-",
        "next client": "server",
    },
}


@scenario(claims=["self-connect"])
def test_self_connect(lab, variant):
    here = ("-l", "127.0.0.1")
    lab.hosts["client"].sysctl(ip_local_port_range="9000 9099")  # connect() prefers the even ones
    client = lab.client("self_connect", variant, *here, connections=N)
    first = client.said("done")["with"]
    lab.happened(client, ESTABLISHED=">= 1")  # with itself, because nobody listens
    counters = lab.snapshot["client"]["counters"]
    tries = counters["ActiveOpens"]  # it does not give up
    met = tries - counters.get("AttemptFails", 0)
    server = lab.start("client", "servers/restart_eaddrinuse_fixed", *here)
    restart = server.said("listen")["err"]
    talked = lab.client("self_connect", variant, *here, connections=N).said("done")["with"]
    measured = {"client": first, "tries": tries, "met itself": met, "restart": restart,
                "next client": talked}  # fmt: skip
    lab.expect_values(EXPECT[variant], measured)
    if talked == "server":
        server.said("answered")  # as it says itself, too
