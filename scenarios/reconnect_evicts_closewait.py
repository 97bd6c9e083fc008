"""reconnect-evicts-closewait: a client that reconnects from the same port evicts the CLOSE_WAIT.

   client, port 40000            server: CLOSE_WAIT, leaked
     has forgotten it
     SYN            ───────>       "I have that connection": a challenge ACK
     RST            <──────>       CLOSED: no row, the descriptor still held
     SYN            ───────>       a new connection

condition: the client comes back from the same port. control: from another one.

The server answers a SYN inside an existing connection with an ACK (RFC 9293 section 3.10.7.4, RFC
5961 section 4). The client knows of no connection and answers with a RST, and its next SYN
finds the port pair free. So the row goes and the leak remains, as a ghost. Clients choose among
28,000 ports: it happens too seldom to help, and often enough to confuse anybody who counts rows.
"""

from linger import connections, scenario
from linger.lab.faults import watch

N = connections(10)

EXPECT = {
    "condition": {"CLOSE_WAIT": 0, "ghosts": N},
    "control": {"CLOSE_WAIT": N, "ghosts": 0},
}
RESETS = {"condition": N, "control": 0}
PORT = {"condition": 40000, "control": 50000}  # and those after it


@scenario(claims=["cw-reconnect-evicts"], variants=("condition", "control"), held=2 * N)
def test_reconnect_evicts_closewait(lab, variant):
    lab.hosts["client"].sysctl(tcp_max_tw_buckets=0)  # forget at once, as if restarted
    server = lab.peer("listen accept recv:6 send:hello drain stay", connections=N, at="server")
    client = lab.peer("rebind:40000 connect send:hello recv:6 fin", connections=N).wait()
    lab.happened_event(server, "stay")
    lab.happened(server, CLOSE_WAIT=N)
    lab.happened(client, TCPTimeWaitOverflow=N)  # its FIN_WAIT2s
    lab.happened(client, FIN_WAIT2=0)
    resets = watch(server.host, "tcp flags & rst == rst")
    again = lab.peer(f"rebind:{PORT[variant]} connect stay", connections=N)
    lab.happened_event(again, "stay")
    lab.happened(server, ESTABLISHED=2 * N)  # it is connected again
    lab.happened_fault(resets, RESETS[variant])  # the answer to as many challenge ACKs
    lab.happened(server, TCPChallengeACK=RESETS[variant])
    lab.expect(server, EXPECT[variant])
    lab.happened(server, descriptors=N)  # leaked in either case
