"""port-exhaustion-remedies: every local port is in TIME_WAIT; what makes room for one more?

   client 10.0.0.1, 10.0.0.128/25 ──veth── 10.0.0.2 server, ports 9000 to 9003

A client with 100 local ports (ip_local_port_range) that closes first has 100 connections to a
server port; for the next 60 s connect() fails with EADDRNOTAVAIL. What makes room sooner:
- tcp_tw_reuse=1 (ip-sysctl.rst) after tcp_tw_reuse_delay, 1 s, if the old connection had
  timestamps, which distinguish old segments from new (RFC 6191). The default, 2, is for loopback
  only. The port is not drawn at random: connect() tries those with the parity of the range's low
  end first, one after another, and takes the first that it may.
- More server ports, more client addresses: each combination has 100 ports of its own.
- A fixed port, at once, if old and new socket had SO_REUSEADDR and the connection timestamps.
- IP_BIND_ADDRESS_NO_PORT (ip(7)): without it bind() to port 0 takes one for every destination.
"""

from linger import connections, scenario
from linger.lab.faults import watch
from linger.lab.sockets import NO_PORT, REUSEADDR, connect, use_up
from linger.lab.verdict import absent, table

N = connections(100, even=True)
# With tcp_tw_reuse=1 each port can be used again, the even ones first; with 0 none can.
EXPECT = {
    "condition": ({"TWRecycled": N}, {"even ports": N // 2}),
    "control": ({"TWRecycled": 0}, {"even ports": 0}),
}

OTHER, _, WITHOUT, WITH = PORTS = range(9000, 9004)  # connections WITHOUT timestamps, and WITH
FULL, TAKEN = "EADDRNOTAVAIL", "EADDRINUSE"
WHEN = ["at once", "no timestamps, at once", "after 1 s", "no timestamps, after 1 s"]
REUSE = {
    "tcp_tw_reuse=0": [FULL, FULL, FULL, FULL],
    "tcp_tw_reuse=1": [FULL, FULL, "ok", FULL],
    "tcp_tw_reuse=2": [FULL, FULL, FULL, FULL],
    "tcp_tw_reuse=2, loopback": [FULL, FULL, "ok", FULL],
}
WHERE = ["same server port", "no timestamps", "other server port", "other client address"]
BIND = {
    "bind(30000)": [TAKEN, TAKEN, TAKEN, "ok"],
    "bind(30000), SO_REUSEADDR": ["ok", FULL, "ok", "ok"],
    "bind(0), IP_BIND_ADDRESS_NO_PORT": [FULL, FULL, "ok", "ok"],
    "bind(0)": [TAKEN, TAKEN, TAKEN, "ok"],
}


@scenario(
    variants=list(EXPECT),
    claims=[
        "tw-more-ports-or-addresses",
        "tw-reuse-after-1s",
        "tw-reuse-at-random",
        "tw-reuse-client-only",
        "ports-by-parity",
    ],
)
def test_port_exhaustion_remedies(lab, variant):
    client, server, loopback = lab.hosts["client"], lab.hosts["server"].address, "127.0.0.1"
    client.sysctl(ip_local_port_range=f"40000 {39999 + N}")
    client.run("ip", "route", "add", "local", "10.0.0.128/25", "dev", "lo")
    address = (f"10.0.0.{last}" for last in range(128, 253))
    for port in PORTS:
        client.sysctl(tcp_timestamps=int(port != WITHOUT))
        lab.server("echo", "", "-p", str(port))
        near = lab.server("echo", "", "-l", "0.0.0.0", "-p", str(port), at="client")
        for source in "10.0.0.254", "10.0.0.253", client.address:
            use_up(client, (server, port), (source, 0), NO_PORT)
        use_up(client, (loopback, port))

    def one_more(**delay):
        for reuse, to in zip((0, 1, 2, 2), (server, server, server, loopback)):
            client.sysctl(tcp_tw_reuse=reuse, **delay)
            yield [connect(client, (to, port)) for port in (WITH, WITHOUT)]

    at_once = 4 * [2 * [absent("tcp_tw_reuse_delay came with Linux 6.14")]]
    if client.knows("tcp_tw_reuse_delay"):  # a longer one first: a slow machine is never too late
        at_once = list(one_more(tcp_tw_reuse_delay=60000))
        client.sysctl(tcp_tw_reuse_delay=1000)
    lab.happened(near, TIME_WAIT=4 * (3 + 1) * N, hold=1.1)  # server ports x addresses x N
    client.sysctl(tcp_tw_reuse=int(variant == "condition"))
    _, end = use_up(client, (server, WITH), ("10.0.0.254", 0), NO_PORT)
    lab.happened_value("client", "no port left", lambda: int(end == FULL), 1)
    lab.expect(near, EXPECT[variant][0])
    syn = "tcp flags & (syn|ack) == syn"
    even = watch(lab.hosts["server"], f"ip saddr 10.0.0.253 tcp sport & 1 == 0 {syn}")
    made, end = use_up(client, (server, WITH), ("10.0.0.253", 0), NO_PORT, most=N // 2)
    lab.happened_value("client", "half a range, or no port", lambda: (made > 0) + (end == FULL), 1)
    lab.expect_values(EXPECT[variant][1], {"even ports": even.struck()}, by="client")
    cells = map(list.__add__, at_once, one_more())
    lab.expect_table(
        "one more connection", table(WHEN, REUSE), table(WHEN, dict(zip(REUSE, cells)))
    )

    def bound(port, *options):
        for first, then in (WITH, WITH), (WITHOUT, WITHOUT), (WITH, OTHER):
            client.sysctl(tcp_tw_reuse=0, tcp_timestamps=int(first != WITHOUT))
            source = next(address), port
            use_up(client, (server, first), source, *options)
            yield connect(client, (server, then), source, *options)
        yield connect(client, (server, WITH), (next(address), port), *options)

    cells = bound(30000), bound(30000, REUSEADDR), bound(0, NO_PORT), bound(0)
    lab.expect_table(
        "one more after bind()", table(WHERE, BIND), table(WHERE, dict(zip(BIND, cells)))
    )
