"""four-way-close: FIN, ACK, FIN, ACK, each state of both ends, and why it is often three packets.

   client                             server
   FIN_WAIT1  ─────────FIN────────>  CLOSE_WAIT
   FIN_WAIT2  <────────ACK─────────
              <────────FIN─────────  LAST_ACK
   TIME_WAIT  ─────────ACK────────>  CLOSED

Each direction is closed by a FIN of its own, and each FIN is acknowledged (RFC 9293 section 3.6,
figure 12). A state lasts while a packet is on its way; CLOSE_WAIT and FIN_WAIT2 last until the
server's program closes. Here the packets of both hosts are held back and released in turn, so that
each state stands still and is counted once. No packet is lost, and none is sent twice.

Four packets become three when the server's program closes at once: the ACK of the client's FIN
is delayed some 40 ms, so that it can go with data (RFC 9293 section 3.8.6.3), and the server's FIN
carries it. The client then goes from FIN_WAIT1 to TIME_WAIT without FIN_WAIT2. With quickack on the
route the ACK does not wait, and there are four packets again.
"""

from linger import connections, scenario
from linger.lab import faults
from linger.lab.verdict import table

N = connections(100)

EXPECT = {  # segments of the server: its ACK and its FIN, or its FIN with the ACK
    "condition": {"server's segments": 2 * 5 * N},
    "control": {"server's segments": f"< {2 * 5 * N}"},  # half, if the server is never 40 ms late
}
SIDES = ["client", "server"]
LADDER = {
    "both are open": [f"ESTABLISHED {N}", f"ESTABLISHED {N}"],
    "the client closes": [f"FIN_WAIT1 {N}", f"ESTABLISHED {N}"],
    "its FIN arrives": [f"FIN_WAIT1 {N}", f"CLOSE_WAIT {N}"],
    "the server's ACK arrives": [f"FIN_WAIT2 {N}", f"CLOSE_WAIT {N}"],
    "the server closes": [f"FIN_WAIT2 {N}", f"LAST_ACK {N}"],
    "the server's FIN arrives": [f"TIME_WAIT {N}", f"LAST_ACK {N}"],
    "the client's ACK arrives": [f"TIME_WAIT {N}", "-"],
}


@scenario(
    variants=("condition", "control"),
    claims=["cw-passive-side", "cw-four-packets", "cw-kernel-acks-fin"],
)
def test_four_way_close(lab, variant):
    faults.patient(*lab.hosts.values())
    if variant == "condition":
        faults.quickack(lab.hosts["server"])
    server = lab.peer("listen accept recv:6 send:hello await fin stay", N, at="server")
    client = lab.peer("connect send:hello recv:6 await fin", N)
    client.said("await"), server.said("await")
    lab.happened(server, ESTABLISHED=N)

    rungs, seen = iter(LADDER.items()), {}

    def look():
        step, states = next(rungs)
        seen[step] = [lab.shows(*side) for side in zip((client, server), states)]

    look()
    out = faults.hold(client.host)
    client.go(), look()
    back = faults.hold(server.host)
    out.release(), look()
    back.release(), look()
    back = faults.hold(server.host)
    server.go(), look()
    out = faults.hold(client.host)
    back.release(), look()
    out.release(), look()
    lab.expect_table("states held still", table(SIDES, LADDER), table(SIDES, seen))
    lab.happened(client, RetransSegs=0), lab.happened(server, RetransSegs=0)

    lab.server("echo", "", "-p", "9001")  # it closes as soon as it reads the FIN
    crowds = [lab.peer("connect hello await fin", N, port=9001) for _ in range(5)]
    for crowd in crowds:
        crowd.said("await")
    segments = faults.watch(client.host, "tcp sport 9001")
    for crowd in crowds:
        crowd.go(), crowd.wait()
    lab.happened(client, TIME_WAIT=N + 5 * N)
    lab.expect_values(EXPECT[variant], {"server's segments": segments.struck()})
