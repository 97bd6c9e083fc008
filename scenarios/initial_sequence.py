"""initial-sequence: on the same ports, initial sequence numbers follow a clock.

   from 10.0.0.1:40000   SYN seq 1,500,000,000   and 0.1 s later, from the same port again
   from 10.0.0.1:40000   SYN seq 1,501,562,500   the clock has advanced 1,562,500 steps of 64 ns

condition: all connections use one pair of ports. control: each has another local port.

"Ports and initial sequence numbers are random, so an old segment hardly ever fits." On Linux the
number is a clock plus a hash of both addresses and both ports under a secret key (RFC 6528, RFC
9293 section 3.4.1). Other ports have another hash, which nobody can guess: as good as random. The
same ports have the same hash, and the number moves on with the clock, 15.6 million a second. That
is on purpose: a new connection then begins above an old one that was slower than the clock. A
faster one has already used higher numbers (old-duplicate).
"""

import time

from linger import connections, scenario

N = connections(10, least=2)
CLOCK = 10**9 / 64  # steps a second
MODULUS = 2**32

EXPECT = {
    "condition": {"in step": N - 1},
    "control": {"in step": f"<= {N // 4}"},  # by chance
}
PORT = {"condition": lambda number: 40000, "control": lambda number: 40000 + number}


def in_step(first, second):
    """Whether the second of two connections began where the clock had advanced to by then."""
    moved = (second["number"] - first["number"]) % MODULUS / CLOCK  # s
    return second["before"] - first["after"] <= moved <= second["after"] - first["before"]


@scenario(claims=["tw-random-numbers"], variants=("condition", "control"))
def test_initial_sequence(lab, variant):
    server = lab.server("echo")
    begun = []
    for number in range(N):
        port = PORT[variant](number)
        syn = lab.capture("server", f"to flags:syn port:{port}")
        before = time.monotonic()
        lab.peer(f"rebind:{port} connect hello rst").wait()
        after = time.monotonic()
        [segment] = syn.taken()
        begun.append({"number": int(segment["seq"]), "before": before, "after": after})
    lab.happened(server, ESTABLISHED=N)
    steps = sum(in_step(*two) for two in zip(begun, begun[1:]))
    lab.expect_values(EXPECT[variant], {"in step": steps}, by="kernel")
