"""Faults: what is done to the network, a host or a process, exactly and counted.

A fault of the network is an nft rule in the receiver's prerouting hook, so the sender's TCP
believes that its packet left (a drop in the sender's own output hook would be told to it).
Every fault in force says how often it struck; a scenario proves that with `lab.struck(...)`.
What the rules drop is gone when their host is gone. Faults of a process are methods of it
(`freeze`, `kill`), those of the peer are its actions (clients/peer.c).
"""

from __future__ import annotations

import json
from typing import Iterable

from linger.host import Host

_TABLE = "inet linger"


class Drop:
    """Packets that hosts lose before their TCP sees them."""

    _created = 0

    def __init__(self, name: str, hosts: Iterable[Host], match: str) -> None:
        """Lose every packet that arrives at one of the hosts and matches.

        name: what is lost, in words; match: in the syntax of nft(8), "" for every packet.
        """
        Drop._created += 1
        self.name = name
        self.hosts = list(hosts)
        self._chain = f"fault{Drop._created}"
        for host in self.hosts:
            _nft(
                host,
                f"add table {_TABLE}; add chain {_TABLE} {self._chain} "
                "{ type filter hook prerouting priority -300; }\n"
                f"add rule {_TABLE} {self._chain} {match} counter drop\n",
            )

    def struck(self) -> int:
        """How many packets were lost so far."""
        return sum(map(self._counted, self.hosts))

    def _counted(self, host: Host) -> int:
        listed = json.loads(_nft(host, f"list chain {_TABLE} {self._chain}\n", "-j"))
        rules = (entry["rule"]["expr"] for entry in listed["nftables"] if "rule" in entry)
        return sum(part["counter"]["packets"] for rule in rules for part in rule if "counter" in part)

    def lift(self) -> None:
        """Let packets through again; a retransmission then gets there."""
        for host in self.hosts:
            _nft(host, f"delete chain {_TABLE} {self._chain}\n")


def drop(at: Host, flags: str = "", match: str = "") -> Drop:
    """Lose what arrives at a host with these TCP flags set ("fin", "rst", "syn"), every time.

    match: further conditions in the syntax of nft(8), such as "tcp sport 9000".
    """
    words = f"tcp flags & {flags} == {flags} {match}" if flags else match
    return Drop(f"{flags or 'packets'} lost at {at.name}", [at], words.strip())


def drop_nth(at: Host, n: int, match: str) -> Drop:
    """Lose exactly the n-th packet (from 1) that arrives at a host and matches, and no other."""
    words = f"{match} numgen inc mod 4294967295 == {n - 1}"
    return Drop(f"packet {n} lost at {at.name}", [at], words)


def partition(*hosts: Host) -> Drop:
    """Lose every TCP packet that arrives at any of the hosts: each is silent to the others."""
    return Drop("all packets lost", hosts, "meta l4proto tcp")


def link_down(host: Host) -> None:
    """Pull the cable of a host: its device goes down, and the other end loses its carrier."""
    host.run("ip", "link", "set", "eth0", "down")


def destroy(host: Host, filter: str) -> int:
    """Destroy the sockets of a host that match a filter of ss(8); returns how many there were."""
    return len(host.run("ss", "-HKtan", filter).splitlines())


def _nft(host: Host, commands: str, *options: str) -> str:
    return host.run("nft", *options, "-f", "-", input=commands)
