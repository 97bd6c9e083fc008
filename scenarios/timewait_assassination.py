"""timewait-assassination: a reset ends TIME_WAIT long before its time, unless tcp_rfc1337 is 1.

   client (TIME_WAIT)                         server (has forgotten the connection)
               <───────────  old data, FIN or ACK, delayed on the way
     ACK       ───────────>  of a connection I do not have?
               <───────────  RST, with exactly the number that was acknowledged
     gone

RFC 1337 calls it the assassination of TIME_WAIT: an old duplicate is answered with an ACK, as it
should be, and that draws a RST which TIME_WAIT believes. Afterwards the ports are free for a new
connection while more old duplicates may be on their way (see old-duplicate). The remedy in section
3 there is to ignore a RST in TIME_WAIT: tcp_rfc1337=1. Linux's default is 0.

The same thing makes a count of TIME_WAIT too low by a few in a hundred: a late ACK is enough.
"""

from linger import connections, scenario
from linger.lab.faults import PURE_ACK, watch

N = connections(5)

# What is repeated: which segment of the server's, and what is changed in it.
AGAIN = {
    "RST": ("from flags:fin", "flags:rst seq:next empty"),
    "old FIN": ("from flags:fin", ""),
    "old data": ("from bytes:6", ""),
    "old ACK": ("from flags:fin", "flags:ack"),
    "RST outside the window": ("from flags:fin", "flags:rst empty"),
}
FLAGS = "tcp flags & (fin|syn|rst|ack) =="
ARRIVES = {
    "RST": f"{FLAGS} rst",
    "old FIN": f"{FLAGS} fin|ack",
    "old data": f"{FLAGS} ack ip length > 52",  # 20 for IP, 32 for TCP with a timestamp
    "old ACK": f"{FLAGS} ack ip length 52",
    "RST outside the window": f"{FLAGS} rst",
}
ANSWER = {(what, "TIME_WAIT answers"): "-" if "RST" in what else "ACK" for what in AGAIN}
HARMFUL = [what for what in AGAIN if what != "RST outside the window"]
EXPECT = {
    "condition": ({"TIME_WAIT": N}, {f"left after {what}": 0 for what in HARMFUL}),
    "control": ({"TIME_WAIT": 5 * N}, {f"left after {what}": N for what in HARMFUL}),
}
RFC1337 = {"condition": 0, "control": 1}


@scenario(claims=["tw-assassination"], variants=("condition", "control"))
def test_timewait_assassination(lab, variant):
    total, each = EXPECT[variant]
    client, server = lab.hosts["client"], lab.hosts["server"]
    lab.server("echo")
    ports, kept = {}, {}
    for count, (what, (segment, _)) in enumerate(AGAIN.items(), 1):
        kept[what] = lab.capture("server", segment, connections=N)
        peer = lab.peer("connect hello fin", connections=N)
        ports[what] = {event["toport"] for event in kept[what].taken()}
        lab.happened(peer, TIME_WAIT=count * N)

    client.sysctl(tcp_rfc1337=RFC1337[variant])
    resets = watch(client, "tcp flags & rst == rst")
    answers = {}
    for what, (_, altered) in AGAIN.items():
        these = f"{{ {', '.join(ports[what])} }}"
        answers[what] = watch(server, f"{PURE_ACK} tcp sport {these}")
        again = watch(client, f"{ARRIVES[what]} tcp dport {these}")
        kept[what].replay(altered)
        lab.happened_fault(again, N)  # each got the segment that its row names
    # Each TIME_WAIT got a RST, sent here or drawn by its answer.
    lab.happened_fault(resets, len(AGAIN) * N)
    outcome = {0: "-", N: "ACK"}
    counts = {cell: answers[cell[0]].struck() for cell in ANSWER}
    answered = {cell: outcome.get(count, str(count)) for cell, count in counts.items()}
    lab.expect_table("what came again", ANSWER, answered)

    lab.expect(peer, total)
    rows = client.run("ss", "-Htn", "state", "time-wait").splitlines()
    left = {row.split()[2].rpartition(":")[2] for row in rows}
    lab.expect_values(each, {f"left after {what}": len(left & ports[what]) for what in HARMFUL})
