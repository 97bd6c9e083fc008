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
from linger.lab.verdict import table

N = connections(10)

SENT_AGAIN = {"condition": "", "control": "flags:syn"}  # as it was; as an old SYN
ARRIVES = {"condition": "& (fin|syn|rst|ack) == fin|ack", "control": "& (fin|syn|rst|ack) == syn"}
EXPECT = {"condition": {"restarted": N}, "control": {"restarted": 0}}
OTHERS = {  # which segment of the server's, what is altered in it, and what the time does
    "old data": ("from bytes:6", "", f"{N} start again"),
    "old ACK": ("from flags:fin", "flags:ack", f"{N} start again"),
    "old SYN": ("from flags:fin", "flags:syn", "0 start again"),
}
TIME = {what: [outcome] for what, (_, _, outcome) in OTHERS.items()}


def crowd(lab, segment):
    """Connections that the client closes first, and of each a segment of the server's."""
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
        gone = 1000 * (time.monotonic() - began)  # ms, by which all have less left than then
        return sum(ms + gone >= 59000 for ms in client.timewaits())

    fin.replay(SENT_AGAIN[variant])
    lab.happened_fault(again, N)  # each met a FIN that acknowledges, or a SYN that does not
    lab.happened_fault(answers, N)  # TIME_WAIT met each of them
    lab.happened(peer, TIME_WAIT=total)  # and lives
    lab.expect_values(EXPECT[variant], {"restarted": restarted()})

    met = {}
    for count, (what, (_, altered, _)) in enumerate(OTHERS.items(), 2):
        before = restarted()
        others[what][0].replay(altered)
        lab.happened_fault(answers, count * N)
        met[what] = [f"{restarted() - before} start again"]
    lab.expect_table("what came again", table(["time"], TIME), table(["time"], met))
