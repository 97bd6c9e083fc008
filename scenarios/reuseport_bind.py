"""reuseport-bind: which sockets SO_REUSEPORT lets share a port, and which it does not.

   10.0.0.2:9000  a first listener, with SO_REUSEPORT
   10.0.0.2:9000  a second one: EADDRINUSE, or it takes some of the clients?

condition: the second has SO_REUSEPORT. control: it has SO_REUSEADDR.

Two sockets share an address and a port for listening if both have SO_REUSEPORT (socket(7)), whether
the first one listens or is only bound. If one lacks the option, the port is taken. The first may
set it after bind(); the second must set it before. The wildcard address overlaps with every other,
and two different addresses never collide. SO_REUSEADDR shares a port with a socket that is only
bound, never with one that listens.

Each new connection then goes to one of the listeners, chosen by a hash. That is useful for a
handover; a second server that was started by mistake takes clients from the first.
"""

from itertools import count

from linger import connections, scenario
from linger.lab.sockets import REUSEADDR, REUSEPORT, create, listen, listener
from linger.lab.verdict import table

N = connections(100, least=32)  # enough for the hash to send some to each
SECOND = {"condition": REUSEPORT, "control": REUSEADDR}
EXPECT = {
    "condition": ({"the second's clients": ">= 1"}, {"shared of 24": 16}),
    "control": ({"the second's clients": 0}, {"shared of 24": 10}),
}
FIRST = {  # what it sets before bind(), whether it listens, what it sets then
    "bound, none": ((), False, ()),
    "bound, REUSEADDR": ((REUSEADDR,), False, ()),
    "bound, REUSEPORT": ((REUSEPORT,), False, ()),
    "bound, REUSEPORT later": ((), False, (REUSEPORT,)),
    "listening, none": ((), True, ()),
    "listening, REUSEADDR": ((REUSEADDR,), True, ()),
    "listening, REUSEPORT": ((REUSEPORT,), True, ()),
    "listening, REUSEPORT later": ((), True, (REUSEPORT,)),
}
WHERE = ["same address", "every address", "another address"]
OTHER, NO = "10.0.0.128", "EADDRINUSE"
SHARED = {  # the third never meets the first
    variant: {name: 2 * ["ok" if alike(name) else NO] + ["ok"] for name in FIRST}
    for variant, alike in {
        "condition": lambda name: "REUSEPORT" in name,
        "control": lambda name: name == "bound, REUSEADDR",
    }.items()
}


def accepted(listening):
    """Accept and close all connections that wait in a listener's queue; returns how many."""
    listening.setblocking(False)
    got = []
    try:
        while True:
            got.append(listening.accept()[0])
    except BlockingIOError:
        return len(got)
    finally:
        for connection in got:
            connection.close()


@scenario(
    claims=["reuseport-both", "reuseport-later"], variants=("condition", "control"), held=N
)
def test_reuseport_bind(lab, variant):
    host = lab.hosts["server"]
    host.run("ip", "addr", "add", f"{OTHER}/32", "dev", "lo")
    ports, met = count(9100), {}
    for name, (before, listens, later) in FIRST.items():
        met[name] = []
        for where in (host.address, "0.0.0.0", OTHER):
            first, port = create(host, *before), next(ports)
            first.bind((host.address, port))
            if listens:
                first.listen()
            for option in later:
                first.setsockopt(*option, 1)
            met[name].append(listen(host, (where, port), SECOND[variant]))
            first.close()
    sharing = [listener(host, (host.address, lab.port), REUSEPORT)]
    if met["listening, REUSEPORT"][0] == "ok":
        sharing.append(listener(host, (host.address, lab.port), SECOND[variant]))
    crowd = lab.peer("connect stay", connections=N)
    lab.happened_event(crowd, "stay")
    lab.happened(crowd, ESTABLISHED=N)
    got = [0 for _ in sharing]

    def clients():
        for number, one in enumerate(sharing):
            got[number] += accepted(one)
        return sum(got)

    lab.happened_value("server", "clients", clients, N)
    theirs = sum(got[1:])
    lab.expect_values(EXPECT[variant][0], {"the second's clients": theirs}, by="server")
    shared = sum(cell == "ok" for cells in met.values() for cell in cells)
    lab.expect_values(EXPECT[variant][1], {"shared of 24": shared}, by="server")
    lab.expect_table("a second listener", table(WHERE, SHARED[variant]), table(WHERE, met))
