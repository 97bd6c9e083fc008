"""client-reconnect-leak: a client reconnects and never closes its old connections.

   client                         server
     | :40001 <------- FIN, idle --- |   client: CLOSE_WAIT on :40001
     | :40002 ------- SYN ---------> |
     | :40002 <------- FIN, idle --- |   client: CLOSE_WAIT on :40002, and so on

The server closes idle connections; the client notices (recv() is 0) and opens a new one. It still
has to close the old one (RFC 9293 section 3.6, case 2). Otherwise each round leaves a CLOSE_WAIT, a
descriptor and a local port in the client. The server shows FIN_WAIT2 for tcp_fin_timeout, then
nothing; it never gets the TIME_WAIT that a complete close leaves. Look at the other side too.

A port that is free again may be chosen again: then its SYN reopens the server's TIME_WAIT (RFC 9293
section 3.6.1, server-port-reuse), and the two connections leave only one.
"""

from linger import connections, scenario

N = connections(30)

EXPECT = {
    "buggy": {
        "client": {"CLOSE_WAIT": N, "descriptors": N},
        "ports": {"ports": N},
        "server": {"FIN_WAIT2": N, "TIME_WAIT": 0},
    },
    "fixed": {
        "client": {"CLOSE_WAIT": 0, "descriptors": 0},
        "ports": {"ports": 0},
        "server": {"FIN_WAIT2": 0, "TIME_WAIT": N},
    },
}
CLOSE_WAITS = "ss -Htn state close-wait".split()


@scenario(claims=["cw-reconnect-port-each", "cw-cause-missing-close"])
def test_client_reconnect_leak(lab, variant):
    server = lab.server("echo", "", "-t", "0.005")
    client = lab.client("client_reconnect_leak", variant, connections=N)
    lab.happened_event(server, "close", N, why="idle")
    lab.happened_event(client, "answer", N)  # both are served, on one port after another
    lab.happened(client, ESTABLISHED=N)
    lab.expect(client, EXPECT[variant]["client"])
    held = {row.split()[2] for row in client.host.run(*CLOSE_WAITS).splitlines()}
    lab.expect_values(EXPECT[variant]["ports"], {"ports": len(held)})
    again = N - len({answer["port"] for answer in client.events("answer")})
    left = EXPECT[variant]["server"]
    lab.expect(server, left | {"TIME_WAIT": left["TIME_WAIT"] - again})
