"""reuseaddr-keeps-closewait: SO_REUSEADDR shares a leaked CLOSE_WAIT's port, and frees nothing.

   client                              server
     port 40000: CLOSE_WAIT, leaked      port 9000  had closed first
     port 40000 again ──?──>             port 9000  the same remote
     port 40000 again ──?──>             port 9001  another one

condition: old and new sockets have SO_REUSEADDR. control: neither has.

A reconnecting client that leaks takes a new port each time; "reuse the port, and the old socket
goes" is a myth. Without the option bind() fails with EADDRINUSE (ip(7)). With it bind() succeeds,
but two connections cannot be one: connect() to the same remote fails with EADDRNOTAVAIL, and to
another remote it works, beside the leak. The CLOSE_WAIT stays in every case, until close(). And
without bind() the option changes nothing: connect() takes a new port each time.

Only the other end can evict it, by connecting from the same port again
(reconnect-evicts-closewait); even then the descriptor is leaked.
"""

from linger import connections, scenario
from linger.lab.sockets import REUSEADDR, create

N = connections(10)

EXPECT = {
    "condition": {"EADDRINUSE": 0, "EADDRNOTAVAIL": N, "connected elsewhere": N},
    "control": {"EADDRINUSE": 2 * N, "EADDRNOTAVAIL": 0, "connected elsewhere": 0},
}
BIND = {"condition": "rebind:40000", "control": "bind:40000"}  # and the ports after it
REFUSED = {"condition": 0, "control": N}  # by bind() already


@scenario(
    claims=["cw-reuseaddr-keeps", "cw-reuseaddr-evicts"], variants=("condition", "control"), held=3 * N
)
def test_reuseaddr_keeps_closewait(lab, variant):
    server = lab.peer("listen accept recv:6 send:hello fin stay", connections=N, at="server")
    lab.peer("listen stay", at="server", port=9001)
    leak = lab.peer(f"{BIND[variant]} connect send:hello recv:6 drain stay", connections=N)
    lab.happened_event(leak, "stay")
    lab.happened(leak, CLOSE_WAIT=N)
    lab.happened(server, LISTEN=2)
    same = lab.peer(f"{BIND[variant]} connect stay", connections=N)
    other = lab.peer(f"{BIND[variant]} connect stay", connections=N, port=9001)
    for again in (same, other):
        lab.happened_event(again, "stay")
    lab.happened_event(same, "error", N)  # it has tried ...
    lab.happened_value("client", "refused", lambda: len(other.events("error")), REFUSED[variant])
    lab.happened(other, ESTABLISHED=2 * N - REFUSED[variant])  # ... and so has the other
    lab.happened(leak, CLOSE_WAIT=N, hold=0.2)  # nothing evicted them
    free = [create(leak.host, REUSEADDR) for _ in range(N)]  # the option, and no bind()
    for connection in free:
        connection.connect((server.host.address, 9001))
    ports = {connection.getsockname()[1] for connection in free}
    lab.happened_value("client", "ports without bind()", lambda: len(ports), N)
    errors = [error["err"] for again in (same, other) for error in again.events("error")]
    measured = {name: errors.count(name) for name in ("EADDRINUSE", "EADDRNOTAVAIL")}
    measured["connected elsewhere"] = int(other.events("done")[1]["count"])
    lab.expect_values(EXPECT[variant], measured)
