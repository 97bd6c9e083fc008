"""Faults of the network, a host or a process: exact, and counted.

A network fault is an nft rule in the receiver's prerouting hook, so the sender's TCP believes that its packet
left (it would notice a drop in its own output hook). Every active fault counts how often it struck; a
scenario proves that with `lab.happened_fault(...)`. The rules end with their host. Faults of a process are
its methods (`freeze`, `kill`); those of the peer are its actions (clients/peer.c).
"""

from __future__ import annotations

import json
from typing import Iterable

from linger.lab.host import Host
from linger.lab.withhold import fault, setting, withheld

_TABLE = "inet linger"
_NOTHING = "tcp dport 0"  # matches no packet


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
        """Lose every matching packet that arrives at one of the hosts.

        name: what is lost, in words; match: in the syntax of nft(8), "" for every packet. once: only the
        first of each connection; verdict: "accept" only counts.
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
        """How many packets have been lost so far."""
        return sum(map(self._counted, self.hosts))

    def _counted(self, host: Host) -> int:
        # As arguments: `nft -j -f -` prints nothing for a list command (nftables 1.0.6).
        listed = json.loads(host.run("nft", "-j", "list", "chain", *_TABLE.split(), self._chain))
        rules = (entry["rule"]["expr"] for entry in listed["nftables"] if "rule" in entry)
        return sum(
            part["counter"]["packets"] for rule in rules for part in rule if "counter" in part
        )

    def lift(self) -> None:
        """Let packets through again; a retransmission then arrives."""
        for host in self.hosts:
            _nft(host, f"delete chain {_TABLE} {self._chain}\n")


def _log(host: Host, verdict: str) -> str:
    """The recorder sees packets arrive before a rule drops them, so the rule logs the drop."""
    if verdict != "drop" or host.log_group is None:
        return ""
    return f"log group {host.log_group} queue-threshold 1 "


@fault
def drop(at: Host, flags: str = "", match: str = "") -> Drop:
    """Lose everything that arrives at a host with these TCP flags set ("fin", "rst", "syn").

    match: further conditions in the syntax of nft(8), such as "tcp sport 9000".
    """
    words = f"tcp flags & {flags} == {flags} {match}" if flags else match
    return Drop(f"{flags or 'packets'} lost at {at.name}", [at], words.strip())


@fault
def drop_nth(at: Host, n: int, match: str) -> Drop:
    """Lose exactly the n-th matching packet (from 1) that arrives at a host."""
    words = f"{match} numgen inc mod 4294967295 == {n - 1}"
    return Drop(f"packet {n} lost at {at.name}", [at], words)


PURE_ACK = "tcp flags & (fin|syn|rst|psh|ack) == ack"  # matches an ACK and nothing else


@fault
def drop_first(at: Host, match: str) -> Drop:
    """Lose the first matching packet of each connection that arrives at a host."""
    return Drop(f"first packets lost at {at.name}", [at], match, once=True)


@setting
def watch(at: Host, match: str) -> Drop:
    """Count matching packets that arrive at a host, and let them through."""
    return Drop(f"packets at {at.name} ({match})", [at], match, verdict="accept")


@fault
def partition(*hosts: Host) -> Drop:
    """Lose every TCP packet that arrives at any of the hosts: each seems silent to the others."""
    return Drop("all packets lost", hosts, "meta l4proto tcp")


class Hold:
    """Packets that a host holds back and sends later; none is lost.

    The host forgets its neighbours' link-layer addresses, so its packets wait for an ARP answer (arp(7)) that
    it never requests on the wire. TCP knows that they still wait, and retransmits none.
    """

    def __init__(self, host: Host) -> None:
        """Keep what the host sends on its device eth0 from now on, until release()."""
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
        """Send what was kept, in order, and keep nothing more."""
        for known in self._neighbours:
            entry = f"{known['dst']} lladdr {known['lladdr']} dev eth0 nud permanent"
            self.host.run("ip", "neigh", "replace", *entry.split())


@fault
def hold(host: Host) -> Hold:
    """Keep what a host sends until release(): late, in order, and complete."""
    return Hold(host)


@setting
def patient(*hosts: Host) -> None:
    """Let hosts wait a minute for an ACK before they retransmit, on future connections.

    So what hold() holds back causes no retransmission (ip-route(8), rto_min; tcp_early_retrans).
    """
    for host in hosts:
        host.sysctl(tcp_early_retrans=0)
        _route(host, "rto_min", "60s")


@setting
def quickack(host: Host) -> None:
    """Let a host acknowledge at once, on future connections (ip-route(8), quickack).

    Otherwise the ACK waits 40 ms for data or a FIN to carry it.
    """
    _route(host, "quickack", "1")


def _route(host: Host, *metrics: str) -> None:
    """Add a metric to the route of a host's link."""
    link = ["dev", "eth0", "scope", "link"]
    shown = host.run("ip", "route", "show", *link).split()
    route = [word for word in shown if word != "lock"]  # shown, but not accepted as input
    host.run("ip", "route", "change", *route, *link, *metrics)


@fault
def link_down(host: Host) -> None:
    """Cut the link of a host: its device goes down, and the other end loses its carrier."""
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
