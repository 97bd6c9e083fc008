"""closewait-lifetime: CLOSE_WAIT has no timer of its own; SO_KEEPALIVE may give it one.

   server, socket in CLOSE_WAIT          its timer in the kernel
     condition: SO_KEEPALIVE was set       keepalive, 7200 s after the peer's last segment
     control:   it was not                 none

People say that CLOSE_WAIT lasts two hours. RFC 9293 (section 3.6, case 2) gives the state no timer:
while nothing is in flight, it lasts until the program closes or ends. (Data in flight has the
retransmission timer, in this state as in any: closewait-unacknowledged.) The two hours are
tcp_keepalive_time (tcp(7)): if the program asked for SO_KEEPALIVE, the kernel then sends a probe.
What follows depends on the peer. If it knows the connection, another two hours begin; if not, the
row goes and the descriptor stays (keepalive-hides-leak). Here the kernel's timers are read from
/proc/net/tcp, so nobody needs to wait.
"""

from math import ceil

from linger import connections, scenario

N = connections(50)

EXPECT = {
    "condition": {"timers": N, "minutes left": 120},
    "control": {"timers": 0, "minutes left": 0},
}
OPTION = {"condition": "keepalive", "control": ""}


@scenario(claims=["cw-two-hours"], variants=("condition", "control"), held=N)
def test_closewait_lifetime(lab, variant):
    actions = f"listen accept {OPTION[variant]} recv:6 send:hello drain stay"
    server = lab.peer(actions, connections=N, at="server")
    lab.peer("connect send:hello recv:6 fin", connections=N).wait()
    lab.happened_event(server, "stay")
    lab.happened(server, CLOSE_WAIT=N, descriptors=N)
    timers = server.host.keepalives()
    minutes = ceil(max(timers, default=0) / 60_000)
    lab.expect_values(
        EXPECT[variant], {"timers": len(timers), "minutes left": minutes}, by="kernel"
    )
    lab.happened(server, CLOSE_WAIT=N)  # the timers were read in this state
