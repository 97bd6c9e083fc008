"""nat-keepalive: tcp_keepalive_time on a router does nothing for the connections that it forwards.

   inside 10.0.1.2 ──> 10.0.1.1 router 10.0.0.1 ──> 10.0.0.2 server, which has closed
     CLOSE_WAIT          masquerade, no socket

condition: tcp_keepalive_time is 1800 on the router. control: on the host inside.

Keepalive belongs to a socket, and a router has none for what passes through it. It keeps an entry
of connection tracking, with timeouts of its own (nf_conntrack_tcp_timeout_*,
nf_conntrack-sysctl.rst). So against a NAT that forgets, set a shorter tcp_keepalive_time at an end
of the connection; there it acts on the sockets with SO_KEEPALIVE (tcp(7)). The timers of the host
inside are read from /proc/net/tcp, so nobody needs to wait for them.
"""

from math import ceil

from linger import connections, scenario
from linger.lab import netns
from linger.lab.host import Host

N = connections(10)

EXPECT = {"condition": {"minutes left": 120}, "control": {"minutes left": 30}}
TUNED = {"condition": "client", "control": "inside"}  # the router is the host "client"
PLUMBING = """
ip netns add {name}
ip link add eth1 type veth peer eth0 netns {name}
ip addr add 10.0.1.1/24 dev eth1
ip link set eth1 up
nft add table ip nat
nft add chain ip nat out {{ type nat hook postrouting priority 100 ; }}
nft add rule ip nat out oifname eth0 masquerade
"""
INSIDE = """
ip addr add 10.0.1.2/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.1.1
"""


def behind(router, name):
    """A host whose only way out is the router, which puts its own address in place of the host's."""
    inside = Host("inside", "10.0.1.2", netns.NETNS / name)
    for host, commands in (router, PLUMBING.format(name=name)), (inside, INSIDE):
        for command in commands.strip().splitlines():
            host.run(*command.split())
    router.sysctl(ip_forward=1)
    return inside


@scenario(claims=["ka-nat-1800"], variants=("condition", "control"), held=N)
def test_nat_keepalive(lab, variant):
    router = lab.hosts["client"]
    inside = behind(router, f"{lab.name}.inside")
    lab.hosts = {**lab.hosts, "inside": inside}
    lab.hosts[TUNED[variant]].sysctl(tcp_keepalive_time=1800)
    server = lab.server("echo", "", "-t", "0.01")
    client = lab.peer("connect keepalive hello stay", connections=N, at="inside")
    lab.happened_event(server, "close", N, why="idle")
    lab.happened(client, CLOSE_WAIT=N)
    timers = inside.keepalives()
    lab.happened_value("inside", "timers", lambda: len(timers), N)
    lab.expect_values(EXPECT[variant], {"minutes left": ceil(max(timers) / 60_000)}, by="kernel")
