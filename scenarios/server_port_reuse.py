"""server-port-reuse: TIME_WAIT at the server never costs a port; at the client it does.

   client, 50 ports                     server, port 9000
     condition: the server closes first   TIME_WAITs here: 1000 of 1000 connections served
     control:   the client closes first   TIME_WAITs there: 50 served, then EADDRNOTAVAIL

A TIME_WAIT may be reopened by a new SYN from the same port whose sequence number or timestamp is
beyond the old connection's (RFC 9293 section 3.6.1, RFC 6191), and Linux does so: the server's
listener takes the SYN, and the old TIME_WAIT goes. A client cannot: connect() avoids the ports of
its own TIME_WAITs, unless tcp_tw_reuse says otherwise. So thousands of TIME_WAITs on a busy server
are harmless, and turn no client away.

(TcpExtTW counts TIME_WAITs when they begin; on Linux 5.10 it counted them when they ended.)
"""

from linger import connections, scenario

N = connections(10, even=True)  # at a time, in ROUNDS rounds
ROUNDS = 100
PORTS = 5 * N

ACTIONS = {"condition": "connect hello drain fin ", "control": "connect hello fin "}
EXPECT = {
    "condition": {"TIME_WAIT": ">= 1", "PassiveOpens": N * ROUNDS},
    "control": {"TIME_WAIT": 0, "PassiveOpens": PORTS},
}


@scenario(claims=["tw-port-exhaustion", "tw-server-harmless"], variants=("condition", "control"))
def test_server_port_reuse(lab, variant):
    ports = f"40000 {40000 + PORTS - 1}"
    lab.hosts["client"].sysctl(ip_local_port_range=ports, tcp_tw_reuse=0)
    server = lab.server("timewait_owner", "buggy" if variant == "condition" else "fixed")
    crowd = lab.peer(ACTIONS[variant] * ROUNDS + "stay", connections=N)
    lab.happened_event(crowd, "stay")
    lab.happened(server, ESTABLISHED=f">= {PORTS}")
    lab.expect(server, EXPECT[variant])
