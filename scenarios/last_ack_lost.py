"""last-ack-lost: the ACK of the last FIN is lost, and only TIME_WAIT can repeat it.

   client (closes first)                  server
     FIN           ─────────────────────>   reads the end
                   <─────────────────────   FIN: LAST_ACK
     TIME_WAIT  ACK ───────────> lost
                   <─────────────────────   the FIN again, after 0.2 s
     TIME_WAIT  ACK ─────────────────────>  over, without an error

This is the first purpose of TIME_WAIT (RFC 9293, section 3.6): the side that closed first must
stay able to acknowledge the other's FIN again. Where TIME_WAIT is suppressed (tcp_max_tw_buckets
is 0 here; a full table does the same), the retransmitted FIN meets no socket and draws a RST: a
connection on which every byte arrived ends for the other side with ECONNRESET.

This is also what "getting rid of TIME_WAIT" costs.
"""

from linger import connections, scenario
from linger.lab.faults import PURE_ACK, drop_first

N = connections(50)

EXPECT = {
    "condition": (  # no TIME_WAIT
        {"ended well": 0, "ended with ECONNRESET": N},
        {"TIME_WAIT": 0, "TCPTimeWaitOverflow": N, "OutRsts": N},
    ),
    "control": (
        {"ended well": N, "ended with ECONNRESET": 0},
        {"TIME_WAIT": N, "TCPTimeWaitOverflow": 0, "OutRsts": 0},
    ),
}


@scenario(
    claims=["tw-answers-lost-ack", "tw-none-peer-reset"], variants=("condition", "control"), held=N
)
def test_last_ack_lost(lab, variant):
    ends, left = EXPECT[variant]
    if variant == "condition":
        lab.hosts["client"].sysctl(tcp_max_tw_buckets=0)
    talk = "listen accept recv:6 send:hello drain await half over stay"
    server = lab.peer(talk, connections=N, at="server")
    client = lab.peer("connect send:hello recv:6 half drain stay", connections=N)
    lab.happened_event(server, "await")  # every connection served, and its end read
    lab.happened(client, FIN_WAIT2=N)
    lost = drop_first(lab.hosts["server"], PURE_ACK)
    server.go()  # FIN: LAST_ACK
    lab.happened_fault(lost, N)  # of each connection exactly the last ACK
    server.said("stay")  # and TCP is done with each of them
    errors = [event["err"] for event in server.events("error")]
    well, resets = int(server.events("done")[-1]["count"]), errors.count("ECONNRESET")
    lab.expect_values(ends, {"ended well": well, "ended with ECONNRESET": resets}, by="server")
    lab.expect(client, left)
