"""fin-restarts-timewait: a retransmitted FIN restarts the 60 seconds of TIME_WAIT.

   seconds left at the client
     60 ─────┐ TIME_WAIT            ┌── 60 again: the peer may need all of it
             └─────────┐            │
     59                └── FIN ─────┘
                             └─ ACK ──> server

A retransmitted FIN says that its ACK was lost. TIME_WAIT acknowledges it and restarts the 2 MSL
timeout (RFC 9293, section 3.10.7.4), so that the next ACK may be lost as well. Here the server's
FIN is captured, and sent again when less than 59 seconds are left. Linux does not check for a FIN:
any old segment with the ACK bit restarts the timer. In the control the same segment is sent as a
SYN, without the ACK bit: it is answered too, and the timer runs on.
"""

import time

from linger import connections, scenario
from linger.lab.faults import PURE_ACK, watch
from linger.lab.verdict import table

N = connections(10)

SENT_AGAIN = {"condition": "", "control": "flags:syn"}  # as it was; as an old SYN
ARRIVES = {"condition": "& (fin|syn|rst|ack) == fin|ack", "control": "& (fin|syn|rst|ack) == syn"}
EXPECT = {"condition": {"restarted": N}, "control": {"restarted": 0}}
OTHERS = {  # which segment of the server's, what is changed in it, and what the timer does
    "old data": ("from bytes:6", "", f"{N} start again"),
    "old ACK": ("from flags:fin", "flags:ack", f"{N} start again"),
    "old SYN": ("from flags:fin", "flags:syn", "0 start again"),
}
TIME = {what: [outcome] for what, (_, _, outcome) in OTHERS.items()}


def crowd(lab, segment):
    """Open connections that the client closes first; capture one segment of each from the server."""
    kept = lab.capture("server", segment, connections=N)
    peer = lab.peer("connect hello fin", connections=N)
    kept.taken()
    return kept, peer


@scenario(claims=["tw-fin-restarts", "tw-ack-restarts"], variants=("condition", "control"))
def test_fin_restarts_timewait(lab, variant):
    client, server = lab.hosts["client"], lab.hosts["server"]
    lab.server("echo")
    fin, _ = crowd(lab, "from flags:fin")
    others = {what: crowd(lab, segment) for what, (segment, _, _) in OTHERS.items()}
    total, (_, peer) = N * (1 + len(OTHERS)), others["old SYN"]
    lab.happened(peer, TIME_WAIT=total)
    lab.happened_value("client", "longest left, ms", lambda: max(client.timewaits()), "< 59000", 4)
    again = watch(client, f"tcp flags {ARRIVES[variant]}")
    answers, began = watch(server, PURE_ACK), time.monotonic()

    def restarted():
        gone = 1000 * (time.monotonic() - began)  # ms that every timer has lost since
        return sum(ms + gone >= 59000 for ms in client.timewaits())

    fin.replay(SENT_AGAIN[variant])
    lab.happened_fault(again, N)  # each met a FIN that acknowledges, or a SYN that does not
    lab.happened_fault(answers, N)  # TIME_WAIT answered each of them
    lab.happened(peer, TIME_WAIT=total)  # and is still there
    lab.expect_values(EXPECT[variant], {"restarted": restarted()})

    met = {}
    for count, (what, (_, altered, _)) in enumerate(OTHERS.items(), 2):
        before = restarted()
        others[what][0].replay(altered)
        lab.happened_fault(answers, count * N)
        met[what] = [f"{restarted() - before} start again"]
    lab.expect_table("what came again", table(["time"], TIME), table(["time"], met))
