"""restart-matrix: who may listen on a port that an old server had, option by option.

   condition: the old listener is closed, but a connection is left, in one state or another
   control:   the same, and the old listener still listens

A new listener gets the port if and only if old and new both have SO_REUSEADDR, or both have
SO_REUSEPORT (socket(7)), in any state of the connection. "SO_REUSEPORT cannot bind over
TIME_WAIT" is true only where the old socket did not have it.

While the old server still listens, SO_REUSEADDR does not count: that is one reason for EADDRINUSE
despite it, and why it never lets two servers share a port by accident. SO_REUSEPORT does just
that, for servers of the same user. The other reason is an outgoing connection that has the port
(listener-port-taken). Nothing here ends the old connection: its state stays as it was.
"""

from itertools import product

from linger import scenario
from linger.lab.faults import drop
from linger.lab.sockets import REUSEADDR, REUSEPORT, create, listen, listener

OPTIONS = {"none": (), "REUSEADDR": (REUSEADDR,), "REUSEPORT": (REUSEPORT,)}
OPTIONS["both"] = (REUSEADDR, REUSEPORT)
CLOSERS = {  # who closes, in this order, to bring the server's end to that state
    "ESTABLISHED": "",
    "CLOSE_WAIT": "client",
    "FIN_WAIT2": "server",
    "TIME_WAIT": "server client",
    "FIN_WAIT1": "server",  # this one and the next while the client's host loses every FIN
    "LAST_ACK": "client server",
}
OLD = list(product(CLOSERS, OPTIONS))
N = len(OLD)


def outcomes(shared_in_vain):
    """Two sockets may share a port by an option that both have, unless it is `shared_in_vain`."""
    cells = {}
    for (state, old), new in product(OLD, OPTIONS):
        common = set(OPTIONS[old]) & set(OPTIONS[new]) - shared_in_vain
        cells[f"{state}, old {old}", f"new {new}"] = "ok" if common else "EADDRINUSE"
    return cells


EXPECT = {
    "condition": ({"restarts of 96": 42}, outcomes(set())),
    "control": ({"restarts of 96": 24}, outcomes({REUSEADDR})),  # not beside a listener
}


def leave(lab, at, state, options):
    """Serve a connection and bring it to a state; returns the listener, and what is still open."""
    old = listener(lab.hosts["server"], at, *options)
    ends = {"client": create(lab.hosts["client"])}
    ends["client"].connect(at)
    ends["server"], _ = old.accept()
    first, *second = CLOSERS[state].split() or [None]
    if first:
        ends.pop(first).close()
    for name in second:
        ends[name].recv(1)  # the FIN of the first is here
        ends.pop(name).close()
    return old, ends


@scenario(
    claims=["tw-reuseaddr-restart", "tw-reuseport", "tw-reuse-ends-timewait", "tw-set-both"],
    variants=("condition", "control"),
)
def test_restart_matrix(lab, variant):
    total, table = EXPECT[variant]
    server = lab.hosts["server"]
    witness = lab.peer("stay", at="server")
    fins = drop(lab.hosts["client"], "fin", f"tcp sport >= {10000 + 4 * 4}")
    held = {}
    for port, (state, options) in enumerate(OLD, 10000):
        at = (server.address, port)
        held[at] = leave(lab, at, state, OPTIONS[options])
    lab.happened(witness, ESTABLISHED=N, **{state: 4 for state in CLOSERS if CLOSERS[state]})
    lab.happened_fault(fins, ">= 8")
    if variant == "condition":
        for old, _ in held.values():
            old.close()
    measured = {}
    for (at, (state, old)), new in product(zip(held, OLD), OPTIONS):
        measured[f"{state}, old {old}", f"new {new}"] = listen(server, at, *OPTIONS[new])
    lab.happened(witness, TIME_WAIT=4)  # none was ended by the new listeners
    lab.expect_table("old and new options", table, measured)
    ok = sum(cell == "ok" for cell in measured.values())
    lab.expect_values(total, {"restarts of 96": ok}, by="server")
