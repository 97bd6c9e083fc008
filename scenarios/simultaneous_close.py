"""simultaneous-close: both ends close before either gets a FIN, and both end in TIME_WAIT.

   client                            server
   FIN_WAIT1  ───FIN───╲ ╱───FIN───  FIN_WAIT1
   CLOSING    <─────────╳─────────>  CLOSING
              ───ACK───╱ ╲───ACK───
   TIME_WAIT  <────────   ────────>  TIME_WAIT

Each FIN crosses the other on the way (RFC 9293 section 3.6, case 3, figure 13). An end that gets a
FIN while its own is not yet acknowledged goes to CLOSING instead of TIME_WAIT, and the ACK takes it
there. Nobody was first, so both ends keep a TIME_WAIT for 60 s. When one FIN arrives before the
other end closes, that end goes through CLOSE_WAIT and LAST_ACK and keeps nothing.

CLOSING lasts for one trip of a packet, so a tool that samples hardly ever shows it. Here the
packets of both hosts are held back and released in turn: no packet is lost, and none is sent twice.
"""

from linger import connections, scenario
from linger.lab import faults

N = connections(100)

EXPECT = {  # at the server, when the client's FINs are there, and when all is over
    "condition": ({"CLOSING": N, "LAST_ACK": 0}, {"TIME_WAIT": N}),
    "control": ({"CLOSING": 0, "LAST_ACK": N}, {"TIME_WAIT": 0}),
}


@scenario(variants=("condition", "control"), claims=["tw-active-side", "tw-simultaneous-close"])
def test_simultaneous_close(lab, variant):
    faults.patient(*lab.hosts.values())
    server = lab.peer("listen accept recv:6 send:hello await fin stay", N, at="server")
    client = lab.peer("connect send:hello recv:6 await fin", N)
    client.said("await"), server.said("await")
    lab.happened(server, ESTABLISHED=N)
    on_the_way, back = faults.hold(client.host), faults.hold(server.host)
    client.go()
    lab.happened(client, FIN_WAIT1=N, hold=0.1)  # its FINs are kept
    if variant == "control":
        on_the_way.release()
        lab.happened(server, CLOSE_WAIT=N)  # it has the client's FIN, and closes after it
    server.go()
    server.said("stay")
    on_the_way.release()
    lab.expect(server, EXPECT[variant][0])
    back.release()
    lab.expect(server, EXPECT[variant][1])
    lab.happened(client, TIME_WAIT=N, RetransSegs=0)
    lab.happened(server, RetransSegs=0)
