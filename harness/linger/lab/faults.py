"""Faults: what is done to the network, a host or a process, exactly and counted.

A fault of the network is an nft rule in the receiver's prerouting hook, so the sender's TCP
believes that its packet left (a drop in the sender's own output hook would be told to it).
Every fault in force says how often it struck; a scenario proves that with `lab.happened_fault(...)`.
What the rules drop is gone when their host is gone. Faults of a process are methods of it
(`freeze`, `kill`), those of the peer are its actions (clients/peer.c).
"""

from __future__ import annotations

import json
from typing import Iterable

from linger.lab.host import Host
from linger.lab.withhold import fault, setting, withheld

_TABLE = "inet linger"
_NOTHING = "tcp dport 0"  # a match that no packet is


class Drop:
    """Packets that hosts lose before their TCP sees them."""

    _created = 0

    def __init__(
        self,
        name: str,
        hosts: Iterable[Host],
        match: str,
        once: bool = False,
        verdict: str = "drop",
    ) -> None:
        """Lose every packet that arrives at one of the hosts and matches.

        name: what is lost, in words; match: in the syntax of nft(8), "" for every packet.
        once: of each connection only the first; verdict: "accept" only counts.
        """
        if verdict == "drop" and withheld():
            match = _NOTHING
        Drop._created += 1
        self.name = name
        self.hosts = list(hosts)
        self._chain = f"fault{Drop._created}"
        ports, seen, memory = "tcp sport . tcp dport", f"{self._chain}seen", ""
        if once:
            memory = f"add set {_TABLE} {seen} {{ typeof {ports}; flags dynamic; size 65535; }}\n"
            match += f" {ports} != @{seen} add @{seen} {{ {ports} }}"
        for host in self.hosts:
            _nft(
                host,
                f"add table {_TABLE}; add chain {_TABLE} {self._chain} "
                "{ type filter hook prerouting priority -300; }\n"
                f"{memory}"
                f"add rule {_TABLE} {self._chain} {match} counter {_log(host, verdict)}{verdict}\n",
            )

    def struck(self) -> int:
        """How many packets were lost so far."""
        return sum(map(self._counted, self.hosts))

    def _counted(self, host: Host) -> int:
        # By arguments: `nft -j -f -` prints nothing for a list command (nftables 1.0.6).
        listed = json.loads(host.run("nft", "-j", "list", "chain", *_TABLE.split(), self._chain))
        rules = (entry["rule"]["expr"] for entry in listed["nftables"] if "rule" in entry)
        return sum(
            part["counter"]["packets"] for rule in rules for part in rule if "counter" in part
        )

    def lift(self) -> None:
        """Let packets through again; a retransmission then gets there."""
        for host in self.hosts:
            _nft(host, f"delete chain {_TABLE} {self._chain}\n")


def _log(host: Host, verdict: str) -> str:
    """The recorder of packets sees them arrive before a rule drops them, so the rule tells it."""
    if verdict != "drop" or host.log_group is None:
        return ""
    return f"log group {host.log_group} queue-threshold 1 "


@fault
def drop(at: Host, flags: str = "", match: str = "") -> Drop:
    """Lose what arrives at a host with these TCP flags set ("fin", "rst", "syn"), every time.

    match: further conditions in the syntax of nft(8), such as "tcp sport 9000".
    """
    words = f"tcp flags & {flags} == {flags} {match}" if flags else match
    return Drop(f"{flags or 'packets'} lost at {at.name}", [at], words.strip())


@fault
def drop_nth(at: Host, n: int, match: str) -> Drop:
    """Lose exactly the n-th packet (from 1) that arrives at a host and matches, and no other."""
    words = f"{match} numgen inc mod 4294967295 == {n - 1}"
    return Drop(f"packet {n} lost at {at.name}", [at], words)


PURE_ACK = "tcp flags & (fin|syn|rst|psh|ack) == ack"  # a match: an ACK and nothing else


@fault
def drop_first(at: Host, match: str) -> Drop:
    """Lose the first packet of each connection that arrives at a host and matches."""
    return Drop(f"first packets lost at {at.name}", [at], match, once=True)


@setting
def watch(at: Host, match: str) -> Drop:
    """Count what arrives at a host and matches, and let it through."""
    return Drop(f"packets at {at.name} ({match})", [at], match, verdict="accept")


@fault
def partition(*hosts: Host) -> Drop:
    """Lose every TCP packet that arrives at any of the hosts: each is silent to the others."""
    return Drop("all packets lost", hosts, "meta l4proto tcp")


class Hold:
    """Packets that a host keeps instead of sending them, and sends later: none is lost.

    The host forgets its neighbours' link-layer addresses, so its packets wait for an answer
    (arp(7)) that it never asks for on the wire. TCP knows that they still wait, and sends none
    of them again.
    """

    def __init__(self, host: Host) -> None:
        """Keep from now on what the host sends on its device eth0, until release()."""
        self.host = host
        self._neighbours = []
        if withheld():
            return
        change = "ntable change name arp_cache dev eth0 queue 100000"
        host.run("ip", *change.split(), *"mcast_probes 0 ucast_probes 0 app_probes 1000".split())
        show = "-j neigh show dev eth0 nud permanent"
        self._neighbours = json.loads(host.run("ip", *show.split()))
        for known in self._neighbours:
            host.run("ip", "neigh", "del", known["dst"], "dev", "eth0")

    def release(self) -> None:
        """Send what was kept, in its order, and keep nothing more."""
        for known in self._neighbours:
            entry = f"{known['dst']} lladdr {known['lladdr']} dev eth0 nud permanent"
            self.host.run("ip", "neigh", "replace", *entry.split())


@fault
def hold(host: Host) -> Hold:
    """Keep what a host sends until release(): late, in order, and complete."""
    return Hold(host)


@setting
def patient(*hosts: Host) -> None:
    """Let hosts wait a minute for an ACK before they send again, on connections made from now on.

    So what hold() keeps back draws no retransmission (ip-route(8), rto_min; tcp_early_retrans).
    """
    for host in hosts:
        host.sysctl(tcp_early_retrans=0)
        _route(host, "rto_min", "60s")


@setting
def quickack(host: Host) -> None:
    """Let a host acknowledge at once, on connections made from now on (ip-route(8), quickack).

    Otherwise the ACK waits 40 ms for data or a FIN that it could go with.
    """
    _route(host, "quickack", "1")


def _route(host: Host, *metrics: str) -> None:
    """Give the route of a host's link a metric more."""
    link = ["dev", "eth0", "scope", "link"]
    shown = host.run("ip", "route", "show", *link).split()
    route = [word for word in shown if word != "lock"]  # shown, but not understood
    host.run("ip", "route", "change", *route, *link, *metrics)


@fault
def link_down(host: Host) -> None:
    """Pull the cable of a host: its device goes down, and the other end loses its carrier."""
    if not withheld():
        host.run("ip", "link", "set", "eth0", "down")


@fault
def destroy(host: Host, filter: str) -> int:
    """Destroy the sockets of a host that match a filter of ss(8); returns how many there were."""
    if withheld():
        return 0
    return len(host.run("ss", "-HKtan", *filter.split()).splitlines())


def _nft(host: Host, commands: str) -> str:
    return host.run("nft", "-f", "-", input=commands)
