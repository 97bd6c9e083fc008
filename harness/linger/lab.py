"""The lab: hosts joined by links, programs running in them, and what is expected of them.

    client 10.0.0.1 ──veth── 10.0.0.2 server

Every host is a network namespace with the sysctls of sysctls.conf and a socket table of its own.
A scenario proves first that its fault struck (`reached`), then what it left behind (`settled`).
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any, Callable

from linger import census, netns
from linger.census import Expected
from linger.errors import Broken, NotHeld
from linger.process import Process

SYSCTLS = Path(__file__).with_name("sysctls.conf")
ADDRESSES = {"client": "10.0.0.1", "server": "10.0.0.2"}
PORT = 9000
DEADLINE = 2.0  # s: a presence must be seen within
WINDOW = 0.2  # s: it, or an absence, must then last


class Host:
    """One host of a lab: a network namespace with an address."""

    def __init__(self, name: str, address: str, path: Path) -> None:
        self.name = name
        self.address = address
        self.path = path

    def sysctl(self, **values: object) -> None:
        """Set sysctls of net.ipv4 in this host: host.sysctl(tcp_fin_timeout=2)."""
        with netns.inside(self.path):
            netns.set_sysctls({f"net.ipv4.{name}": str(value) for name, value in values.items()})


class Peer(Process):
    """A program of the lab together with the host it runs in."""

    def __init__(
        self, host: Host, words: list[str | Path], log: Path, opened: tuple[str, ...]
    ) -> None:
        """opened: SNMP counters; the first less the others is the connections it established."""
        with netns.inside(host.path):
            super().__init__(words, log)
        self.host = host
        self.opened = opened


class Lab:
    """A private network for one variant of one scenario."""

    def __init__(
        self,
        name: str,
        evidence: Path,
        connections: int = 100,
        tell: Callable[[str], None] = lambda step: None,
    ) -> None:
        """Build the hosts and links.

        name: unique among the labs of a sandbox; evidence: the directory for logs and timeline.
        connections: how many to prepare for, which sizes the socket tables.
        tell: called with each step in words, for whoever watches.
        """
        self.name = name
        self.evidence = evidence
        self.struck: list[dict[str, Any]] = []
        self.expectations: list[dict[str, Any]] = []
        self.snapshot: dict[str, dict[str, Any]] = {}
        self.tell = tell
        self._peers: list[Peer] = []
        self._started = time.monotonic()
        self.hosts = {
            host: Host(host, address, netns.NETNS / f"{name}.{host}")
            for host, address in ADDRESSES.items()
        }
        try:
            self._build(max(1024, 8 * connections))
            self._timeline = self._record()
        except BaseException:
            self._remove_hosts()
            raise

    def _build(self, entries: int) -> None:
        """Two hosts, one veth; fixed link-layer addresses, so no ARP packet is ever needed."""
        (client, server) = self.hosts.values()
        with netns.socket_table(entries):
            netns.finish(
                netns.ip_batch(
                    f"netns add {client.path.name}\n"
                    f"netns add {server.path.name}\n"
                    f"link add eth0 address 02:00:00:00:00:01 netns {client.path.name} type veth "
                    f"peer eth0 address 02:00:00:00:00:02 netns {server.path.name}\n"
                )
            )
        pinned = netns.read_sysctls(SYSCTLS)
        plumbing = []
        for number, (host, other) in enumerate(((client, server), (server, client)), 1):
            with netns.inside(host.path):
                netns.set_sysctls(pinned)
                plumbing.append(
                    netns.ip_batch(
                        "link set lo up\n"
                        "link set eth0 up\n"
                        f"addr add {host.address}/24 dev eth0\n"
                        f"neigh add {other.address} lladdr 02:00:00:00:00:0{3 - number} "
                        "dev eth0 nud permanent\n"
                    )
                )
        for ip in plumbing:
            netns.finish(ip)

    def _record(self) -> Process:
        """Start the census stream; its first line says that it counts."""
        words = census.command(self._paths()) + ["--stream"]
        return Process(words, self.evidence / "timeline.jsonl")

    def _paths(self, *names: str) -> dict[str, Path]:
        return {name: self.hosts[name].path for name in names or self.hosts}

    def server(self, program: str, variant: str = "", *options: str) -> Peer:
        """Start servers/PROGRAM_VARIANT in the host "server"; returns once it listens."""
        host = self.hosts["server"]
        name = f"{program}_{variant}" if variant else program
        words = [census.program(f"servers/{name}"), "-l", host.address, "-p", str(PORT), *options]
        peer = self._start(host, words, ("PassiveOpens",))
        peer.said("ready")
        self.tell(f"{name} listens on {host.address} port {PORT} (pid {peer.pid})")
        return peer

    def client(self, program: str, to: Peer, connections: int, *options: str) -> Peer:
        """Start clients/PROGRAM in the host "client", making so many connections to a server."""
        words = [
            census.program(f"clients/{program}"),
            "-l", to.host.address, "-p", str(PORT), "-n", str(connections), *options,
        ]  # fmt: skip
        self.tell(f"{program} opens {connections} connections")
        return self._start(self.hosts["client"], words, ("ActiveOpens", "AttemptFails"))

    def _start(self, host: Host, words: list[str | Path], opened: tuple[str, ...]) -> Peer:
        log = self.evidence / f"{host.name}-{Path(words[0]).name}.log"
        peer = Peer(host, words, log, opened)
        self._peers.append(peer)
        return peer

    def reached(self, who: Peer, within: float = DEADLINE, **expected: int | str) -> None:
        """The vacuity guard: prove that the fault really happened before judging its effect.

        expected: counts by state, owner class or SNMP counter. ESTABLISHED stands for all the
        connections that the peer's host ever established, by the kernel's own counters
        (RFC 4022), so it holds afterwards too. within: seconds. Errors: NotHeld.
        """
        for name, value in expected.items():
            names = who.opened if name == "ESTABLISHED" else (name,)
            sign, number = census.comparison(value)
            variables = [f"{who.host.name}:{variable}" for variable in names]
            until = self._until(f"{' - '.join(variables)} {sign} {number}", within, hold=0)
            first, *others = (until["values"][variable] for variable in variables)
            row = _row(who.host, name, value, first - sum(others))
            self.struck.append(row)
            if not row["held"]:
                raise NotHeld(f"the fault did not strike: {_sentence(row)}{who.tail()}")
            self.tell(f"{who.host.name}: {name} {row['measured']}, so the fault struck")

    def settled(
        self,
        who: Peer,
        expected: Expected,
        within: float = DEADLINE,
        hold: float = WINDOW,
    ) -> None:
        """Expect what the fault leaves behind: all of it within a deadline, and then it stays so.

        expected: name (state, STATE.class, descriptors, ghosts, counter...) to a number or a
        comparison such as "<= 1". within, hold: seconds. Every row is measured and recorded,
        also when another one fails. Errors: NotHeld; Broken when no fault was proved before.
        """
        if not self.struck:
            raise Broken("settled() before reached(): nothing yet proves that the fault struck")
        host = who.host.name
        variables = {name: f"{host}:{name}" for name in expected}
        expression = " and ".join(
            "{} {} {}".format(variables[name], *census.comparison(value))
            for name, value in expected.items()
        )
        until = self._until(expression, within, hold)
        rows = []
        for name, value in expected.items():
            row = _row(who.host, name, value, until["values"][variables[name]])
            row["peak"] = until["peaks"][variables[name]]
            row["seconds"] = until["seconds"]
            rows.append(row)
        self.expectations += rows
        failed = [row for row in rows if not row["held"]]
        if not until["held"] and not failed:  # true in the end, but not for long enough
            failed = rows
        if failed:
            raise NotHeld("; ".join(map(_sentence, failed)) + f" within {within:g} s")
        if not who.running:
            raise NotHeld(f"{who.program} {who.ending()} instead of serving on{who.tail()}")
        self.tell(f"{host}: " + ", ".join(f"{row['name']} {row['measured']}" for row in rows))

    def _until(self, expression: str, within: float, hold: float) -> dict[str, Any]:
        snapshot = census.until(self._paths(), expression, within, hold)
        self.snapshot = {host["host"]: host for host in snapshot["hosts"]}
        return snapshot["until"]

    def result(self) -> dict[str, Any]:
        """What was measured, for result.json."""
        peaks = self._peaks()
        for row in self.expectations:  # the timeline may have seen more, or be a sample behind
            row["peak"] = max(row["peak"], peaks[row["host"]].get(row["name"], 0))
        return {
            "seconds": round(time.monotonic() - self._started, 4),
            "struck": self.struck,
            "expectations": self.expectations,
            "owners": {name: host["owners"] for name, host in self.snapshot.items()},
            "processes": [
                {
                    "host": peer.host.name,
                    "program": peer.program,
                    "pid": peer.pid,
                    "status": peer.status,
                }
                for peer in self._peers
            ],
        }

    def _peaks(self) -> dict[str, dict[str, int]]:
        """The highest count of each state in each host, from the timeline recorded so far."""
        peaks: dict[str, dict[str, int]] = {name: {} for name in self.hosts}
        for line in self._timeline.log.read_text().splitlines():
            sample = json.loads(line)
            highest = peaks[sample["host"]]
            for state, count in sample["states"].items():
                highest[state] = max(count, highest.get(state, 0))
        return peaks

    def close(self) -> None:
        """End every process, youngest first, and remove the hosts."""
        try:
            for process in (*reversed(self._peers), self._timeline):
                process.stop()
        finally:
            self._remove_hosts()

    def _remove_hosts(self) -> None:
        present = [host.path.name for host in self.hosts.values() if host.path.exists()]
        netns.finish(netns.ip_batch("".join(f"netns del {name}\n" for name in present)))


def _row(host: Host, name: str, expected: int | str, measured: int) -> dict[str, Any]:
    return {
        "host": host.name,
        "name": name,
        "expected": "{} {}".format(*census.comparison(expected)),
        "measured": measured,
        "held": census.holds(measured, expected),
    }


def _sentence(row: dict[str, Any]) -> str:
    return f"{row['host']} has {row['name']} {row['measured']}, expected {row['expected']}"
