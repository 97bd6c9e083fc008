"""port-parity: connect() and bind() each prefer half of the local ports.

   ip_local_port_range   40000 40001 40002 40003 ...
   connect()             40000       40002        first, and the others when those are used up
   bind(), port 0              40001       40003  first

condition: the range begins with an even port. control: with an odd one.

connect() takes the ports with the parity of the range's low end first, and bind() to port 0 the
others, so that programs that bind leave the ports that connect() can share (since Linux 4.2, in
inet_hashtables.c). Only half of the range is cheap to find: once that half is in use, each call
searches all of it before it tries the other.

A socket can have a range of its own within that one, with IP_LOCAL_PORT_RANGE (ip(7), Linux 6.3, and
6.1 by a later update). Since Linux 6.8 connect() on such a socket takes either parity; bind() works
as before.
"""

import platform
import re
import struct

from linger import connections, scenario
from linger.lab.faults import watch
from linger.lab.sockets import LOCAL_PORT_RANGE, NO_PORT, create, use_up
from linger.lab.verdict import absent, table

# Ports to choose from. Each way takes half of them, and of 32 some have the other parity by chance.
N = connections(100, least=64, even=True)
LOW = {"condition": 40000, "control": 40001}
EXPECT = {"condition": {"even ports": N // 2}, "control": {"even ports": 0}}

OWN = {"connect()": (NO_PORT,), "bind(), port 0": ()}
KERNEL = [int(part) for part in re.findall(r"\d+", platform.release())[:2]]
FREE = "either" if KERNEL >= [6, 8] else "as the low end"
PREFERRED = {"connect()": ["as the low end", FREE], "bind(), port 0": 2 * ["the other"]}
WHOSE = ["the range of the host", "a range of its own"]
WORDS = {N // 2: "as the low end", 0: "the other"}


@scenario(
    claims=["ports-bind-other-parity", "ports-own-range"], variants=("condition", "control")
)
def test_port_parity(lab, variant):
    client, low = lab.hosts["client"], LOW[variant]
    server = lab.server("echo")
    to = (server.host.address, 9000)
    client.sysctl(ip_local_port_range=f"{low} {low + N - 1}")
    client.run("ip", "route", "add", "local", "10.0.0.128/25", "dev", "lo")
    sources = (f"10.0.0.{last}" for last in range(128, 253))  # each has all the ports

    def alike(*options):
        """How many ports of half a range have the parity of its low end, and how many are even."""
        source = next(sources)
        syn = f"ip saddr {source} tcp sport & 1 == 0 tcp flags & (syn|ack) == syn"
        watched = watch(server.host, syn)
        made, _ = use_up(client, to, (source, 0), *options, most=N // 2)
        lab.happened_value("client", "half a range", lambda: made, N // 2)
        even = watched.struck()
        return (made - even if low % 2 else even), even

    own = (*LOCAL_PORT_RANGE, struct.pack("HH", low, low + N - 1))
    try:
        create(client, own).close()
    except OSError:
        own = None
    met = {}
    for way, options in OWN.items():
        preferred, even = alike(*options)
        if way == "connect()":
            lab.expect_values(EXPECT[variant], {"even ports": even}, by="client")
        met[way] = [WORDS.get(preferred, "either"), absent("IP_LOCAL_PORT_RANGE came with Linux 6.3")]
        if own:
            met[way][1] = WORDS.get(alike(*options, own)[0], "either")
    lab.expect_table("ports taken first", table(WHOSE, PREFERRED), table(WHOSE, met))
