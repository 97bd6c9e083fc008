"""fin-restarts-timewait: a repeated FIN starts the 60 seconds of TIME_WAIT again.

   seconds left at the client
     60 ─────┐ TIME_WAIT            ┌── 60 again: the peer may need all of it
             └─────────┐            │
     59                └── FIN ─────┘
                             └─ ACK ──> server

A FIN that is repeated says that its ACK was lost. TIME_WAIT acknowledges it and restarts the
2 MSL time-out (RFC 9293, section 3.10.7.4), so that the next ACK may be lost as well. Here the
server's FIN is taken from the wire and sent again when less than 59 seconds are left. Linux does
not ask whether it is a FIN: any old segment with an ACK restarts the time. As a control the same
segment goes as a SYN, which has no ACK: it is answered too, and the time runs on.
"""

import time

from linger import connections, scenario
from linger.lab.faults import PURE_ACK, watch

N = connections(10)

SENT_AGAIN = {"condition": "", "control": "flags:syn"}  # as it was; as an old SYN
EXPECT = {"condition": {"restarted": N}, "control": {"restarted": 0}}


@scenario(claims=["tw-fin-restarts"], variants=("condition", "control"))
def test_fin_restarts_timewait(lab, variant):
    client, server = lab.hosts["client"], lab.hosts["server"]
    lab.server("echo")
    fin = lab.capture("server", "from flags:fin", connections=N)
    peer = lab.peer("connect hello fin", connections=N)
    lab.happened(peer, TIME_WAIT=N)
    lab.happened_value("client", "longest left, ms", lambda: max(client.timewaits()), "< 59000", 4)
    answers, began = watch(server, PURE_ACK), time.monotonic()
    fin.replay(SENT_AGAIN[variant])
    lab.happened_fault(answers, N)  # TIME_WAIT met each of them
    lab.happened(peer, TIME_WAIT=N)  # and lives
    gone = 1000 * (time.monotonic() - began)  # ms, by which all have less left than they had then
    restarted = sum(ms + gone >= 59000 for ms in client.timewaits())
    lab.expect_values(EXPECT[variant], {"restarted": restarted})
