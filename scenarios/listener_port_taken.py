"""listener-port-taken: a server cannot listen, because an outgoing connection has its port.

   server's host   10.0.0.2:9000 ──> 10.0.0.1:9001   some program's; connect() chose port 9000
   server          bind() port 9000 = -1 EADDRINUSE, though nobody listens there

condition: connect() may choose the port. control: it is in ip_local_reserved_ports.

connect() takes its local port from ip_local_port_range, 32768 to 60999 by default (ip(7)), and the
ports of many servers are in that range. A listener must then share the port with the outgoing
connection. That takes SO_REUSEADDR on both (socket(7)) or SO_REUSEPORT on both, and a program that
connects seldom sets either. So the server's own SO_REUSEADDR does not help, and the port need not
belong to an old server of yours. When the connection closes first, its TIME_WAIT keeps the port for
another minute.

`ss -ltn` shows nobody. `ss -tan 'sport = :9000'` shows the connection. connect() never chooses a
reserved port, and a program can still bind() to it (ip-sysctl.rst).
"""

from linger import connections, scenario
from linger.lab.sockets import ANY, REUSEADDR, REUSEPORT, create, listen, use_up
from linger.lab.verdict import table

N = connections(10, even=True)  # ports to choose from; the server's is the first

EXPECT = {
    "condition": {"error": "EADDRINUSE", "outgoing": N},
    "control": {"error": "-", "outgoing": N - 1},
}
NEW = {"new none": (), "new REUSEADDR": (REUSEADDR,), "new REUSEPORT": (REUSEPORT,)}
OLD = {"TIME_WAIT, old REUSEADDR": (REUSEADDR,), "TIME_WAIT, old REUSEPORT": (REUSEPORT,)}
NO = "EADDRINUSE"
REFUSED = {
    "ESTABLISHED": [NO, NO, NO],
    "TIME_WAIT": [NO, NO, NO],
    "TIME_WAIT, old REUSEADDR": [NO, "ok", NO],
    "TIME_WAIT, old REUSEPORT": [NO, NO, "ok"],
    "TIME_WAIT, reserved": ["ok", "ok", "ok"],
}


@scenario(claims=["port-of-a-client"], variants=("condition", "control"))
def test_listener_port_taken(lab, variant):
    server, far = lab.hosts["server"], (lab.hosts["client"].address, 9001)
    lab.server("echo", "", "-l", far[0], "-p", str(far[1]), at="client")
    witness = lab.peer("stay", at="server")

    def choose_from(first, reserved=False):
        """Let connect() take the ports from `first` on; not `first` itself if it is `reserved`."""
        ports = f"{first} {first + N - 1}"
        kept = first if reserved else "\n"  # an empty list
        server.sysctl(ip_local_port_range=ports, ip_local_reserved_ports=kept)

    choose_from(9000, reserved=variant == "control")
    count, end = use_up(server, far)
    lab.happened_value("server", "no port left", lambda: int(end == "EADDRNOTAVAIL"), 1)
    lab.happened(witness, LISTEN=0, TIME_WAIT=count)
    started = lab.start("server", "servers/restart_eaddrinuse_fixed")  # with SO_REUSEADDR
    measured = {"error": started.said("listen")["err"], "outgoing": count}
    lab.expect_values(EXPECT[variant], measured, by="server")

    met, held = {}, [create(server) for _ in range(N)]
    for first, row in zip(range(9100, 9600, 100), REFUSED):
        choose_from(first, "reserved" in row)
        if row == "ESTABLISHED":
            for connection in held:
                connection.connect(far)
        else:
            use_up(server, far, ANY, *OLD.get(row, ()))
        met[row] = [listen(server, (server.address, first), *new) for new in NEW.values()]
    lab.expect_table("who may listen on the port", table(NEW, REFUSED), table(NEW, met))
    for connection in held:
        connection.close()
