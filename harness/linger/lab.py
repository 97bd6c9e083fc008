"""The lab: hosts joined by links, programs running in them, and what is expected of them.

    client 10.0.0.1 ──veth── 10.0.0.2 server

A scenario proves first that its fault struck (`reached`, `struck`, `heard`), then what it left
behind in the kernel (`settled`) or what a program found out (`found`).
"""

from __future__ import annotations

import json
import textwrap
import time
from pathlib import Path
from typing import Any, Callable, Mapping

from linger import census, netns
from linger.census import Expected
from linger.errors import NotHeld
from linger.faults import Drop
from linger.host import Host, build, remove
from linger.process import Process
from linger.segment import Captured
from linger.verdict import Table, Verdict, make_row

PORT = 9000
DEADLINE = 2.0  # s: a presence must be seen within
WINDOW = 0.2  # s: it, or an absence, must then last


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
        prove: bool = False,
    ) -> None:
        """Build the hosts and links.

        name: unique among the labs of a sandbox; evidence: the directory for logs and timeline.
        connections: how many to prepare for, which sizes the socket tables.
        tell: called with each step in words, for whoever watches.
        prove: expect the expectations to fail, because they are the other variant's.
        """
        self.name = name
        self.evidence = evidence
        self.verdict = Verdict(prove)
        self.snapshot: dict[str, dict[str, Any]] = {}
        self.tell = tell
        self._peers: list[Peer] = []
        self._started = time.monotonic()
        self.hosts = build(name, entries=max(1024, 8 * connections))
        try:
            self._timeline = self._record()
        except BaseException:
            remove(self.hosts)
            raise

    def _record(self) -> Process:
        """Start the census stream; its first line says that it counts."""
        words = census.command(self.paths) + ["--stream"]
        return Process(words, self.evidence / "timeline.jsonl")

    @property
    def paths(self) -> dict[str, Path]:
        """The namespace of each host by its name."""
        return {name: host.path for name, host in self.hosts.items()}

    def server(
        self,
        program: str,
        variant: str = "",
        *options: str,
        descriptors: int = 0,
        at: str = "server",
    ) -> Peer:
        """Start servers/PROGRAM_VARIANT in a host; returns once it listens.

        options: further ones for the program; descriptors: its limit (RLIMIT_NOFILE), if any.
        at: the host's name.
        """
        name = f"{program}_{variant}" if variant else program
        peer = self.start(at, f"servers/{name}", *options, descriptors=descriptors)
        port = peer.said("ready")["port"]
        self.tell(f"{name} listens on {peer.host.address} port {port} (pid {peer.pid})")
        return peer

    def client(
        self, program: str, variant: str = "", *options: str, connections: int = 1
    ) -> Peer:
        """Start clients/PROGRAM_VARIANT in the host "client", pointed at the server."""
        name = f"{program}_{variant}" if variant else program
        self.tell(f"{name} starts")
        return self.start("client", f"clients/{name}", "-n", str(connections), *options)

    def peer(
        self,
        actions: str,
        connections: int = 1,
        at: str = "client",
        port: int = PORT,
        descriptors: int = 0,
    ) -> Peer:
        """Start clients/peer in a host: it does the actions in turn, each on every connection:
        "connect hello fin". At "await" it waits for its go(). With "listen accept ..." it is a
        server that does what it is told, and this returns once it listens.

        at: the host's name; port: the server's; descriptors: as for server().
        """
        words = actions.split()
        self.tell(f"{at}: {connections} x {textwrap.shorten(actions, 60, placeholder=' ...')}")
        options = ("-p", str(port), "-n", str(connections), *words)
        peer = self.start(at, "clients/peer", *options, descriptors=descriptors)
        if "listen" in words:
            peer.said("ready")
        return peer

    def start(
        self, where: str, program: str, *options: str, descriptors: int = 0
    ) -> Peer:
        """Start a built program in a host, told the server's address and port."""
        words: list[str | Path] = [census.program(program)]
        words += ["-l", self.hosts["server"].address, "-p", str(PORT), *options]
        if descriptors:
            words = ["prlimit", f"--nofile={descriptors}:{descriptors}", *words]
        opened = ("PassiveOpens",) if where == "server" else ("ActiveOpens", "AttemptFails")
        log = self.evidence / f"{where}-{Path(program).name}-{len(self._peers) + 1}.log"
        peer = Peer(self.hosts[where], words, log, opened)
        peer.program = Path(program).name  # also under prlimit
        self._peers.append(peer)
        return peer

    def capture(self, where: str, words: str, connections: int = 1) -> Captured:
        """Keep the first segment that passes a host and matches, of each connection; returns once
        it watches. words: "from flags:fin" (harness/segment/main.c).
        """
        file = self.evidence / f"segments-{len(self._peers) + 1}.pcap"
        options = ("-n", str(connections), "capture", str(file), *words.split())
        program = self.start(where, "segment", *options)
        program.said("ready")
        self.tell(f"{where}: capture {words}, of {connections} connections")
        return Captured(program, self.hosts[where], file, connections)

    # The vacuity guard: that the fault happened.

    def reached(
        self, who: Peer, within: float = DEADLINE, hold: float = 0, **expected: int | str
    ) -> None:
        """Prove by the kernel's counts that the fault really happened.

        expected: counts by state, owner class or SNMP counter. ESTABLISHED stands for all the
        connections that the peer's host ever established, by the kernel's own counters
        (RFC 4022), so it holds afterwards too. within: seconds; hold: how long it must then stay
        so. Errors: NotHeld.
        """
        for name, value in expected.items():
            names = who.opened if name == "ESTABLISHED" else (name,)
            sign, number = census.comparison(value)
            variables = [f"{who.host.name}:{variable}" for variable in names]
            until = self._until(f"{' - '.join(variables)} {sign} {number}", within, hold)
            first, *others = (until["values"][variable] for variable in variables)
            self.verdict.guard(who.host.name, name, value, first - sum(others), who.tail())
            self.tell(f"{who.host.name}: {name} {first - sum(others)}")

    def struck(self, fault: Drop, times: int | str = ">= 1", within: float = DEADLINE) -> None:
        """Prove by its own counter that a fault struck so many times, within so many seconds.

        Errors: NotHeld.
        """
        self.observed("network", fault.name, fault.struck, times, within)

    def observed(
        self,
        where: str,
        name: str,
        look: Callable[[], int],
        expected: int | str,
        within: float = DEADLINE,
    ) -> None:
        """Prove a number by looking until it is as expected, within so many seconds.

        Errors: NotHeld.
        """
        deadline = time.monotonic() + within
        while not census.holds(count := look(), expected) and time.monotonic() < deadline:
            time.sleep(0.01)  # the next look
        self.verdict.guard(where, name, expected, count, "")
        self.tell(f"{where}: {name}: {count}")

    def heard(self, who: Peer, event: str, times: int = 1, within: float = 10.0, **fields: object) -> None:
        """Prove by the events of a program that it met the fault: wait for so many of them.

        fields: what each event must say, as heard(server, "recv", N, err="ECONNRESET").
        within: seconds. Errors: NotHeld.
        """
        who.said(event, times, within, **fields)
        count = len(who.events(event, **fields))
        words = " ".join([event, *(f"{name}={value}" for name, value in fields.items())])
        self.verdict.guard(who.program, words, times, count, who.tail())
        self.tell(f"{who.program}: {words}, {count} times")

    # The expectations: what the fault leaves behind.

    def settled(
        self, who: Peer, expected: Expected, within: float = DEADLINE, hold: float = WINDOW
    ) -> None:
        """Expect what is left in the kernel: all of it within a deadline, and then it stays so.

        expected: name (state, STATE.class, descriptors, ghosts, counter...) to a number or a
        comparison such as "<= 1". within, hold: seconds. Every row is measured and recorded,
        also when another one fails. The program must still run, unless the scenario killed it or
        it is a client that ended with status 0. Errors: NotHeld; Broken when no fault was proved
        before.
        """
        host = who.host.name
        variables = {name: f"{host}:{name}" for name in expected}
        terms = (
            "{} {} {}".format(variables[name], *census.comparison(value))
            for name, value in expected.items()
        )
        until = self._until(" and ".join(terms), within, hold)
        rows = []
        for name, value in expected.items():
            row = make_row(host, name, value, until["values"][variables[name]])
            row["peak"] = until["peaks"][variables[name]]
            row["seconds"] = until["seconds"]
            rows.append(row)
        self.verdict.expect(rows, stayed=until["held"])
        done = who.killed or who.status == 0 and not who.events("ready")
        if not who.running and not done:
            raise NotHeld(f"{who.program} {who.ending()} instead of serving on{who.tail()}")
        self.tell(f"{host}: " + ", ".join(f"{row['name']} {row['measured']}" for row in rows))

    def found(self, expected: Mapping[str, int | str], measured: Mapping[str, int | str], by: str = "client") -> None:
        """Expect what a program found out: bytes received, the error it saw, seconds it took.

        expected: name to a number, a comparison, or a word; measured: by the same names.
        by: whose finding it is. Errors: as settled().
        """
        rows = [make_row(by, name, value, measured[name]) for name, value in expected.items()]
        self.verdict.expect(rows)
        self.tell(f"{by}: " + ", ".join(f"{row['name']} {row['measured']}" for row in rows))

    def tabulated(self, title: str, expected: Table, measured: Table) -> None:
        """Expect a table of outcomes, (row, column) to "ok" or an error name; every cell counts.

        A cell may be verdict.ABSENT ("not on this kernel"). Errors: NotHeld naming the cells.
        """
        self.verdict.tabulate(title, expected, measured)
        self.tell(f"{title}: {len(measured)} cells as expected")

    def shows(self, who: Peer, expected: str, within: float = DEADLINE) -> str:
        """What the sockets of a peer's host are, for a cell of a table: "FIN_WAIT1 100".

        Waits until it is as expected, or so many seconds; "-" is no connection at all.
        """
        wanted = dict.fromkeys(census.STATES, 0) | {"LISTEN": ">= 0"}
        if expected != "-":
            state, count = expected.split()
            wanted[state] = int(count)
        terms = (
            "{}:{} {} {}".format(who.host.name, state, *census.comparison(value))
            for state, value in wanted.items()
        )
        self._until(" and ".join(terms), within, hold=0)
        states = self.snapshot[who.host.name]["states"]
        found = [f"{name} {n}" for name, n in states.items() if n and name != "LISTEN"]
        self.tell(f"{who.host.name}: {', '.join(found) or '-'}")
        return ", ".join(found) or "-"

    def _until(self, expression: str, within: float, hold: float) -> dict[str, Any]:
        snapshot = census.until(self.paths, expression, within, hold)
        self.snapshot = {host["host"]: host for host in snapshot["hosts"]}
        return snapshot["until"]

    # The end.

    def result(self) -> dict[str, Any]:
        """What was measured, for result.json."""
        peaks = self._peaks()
        for row in self.verdict.expectations:  # the timeline may have seen more, or lag a sample
            if "peak" in row:
                row["peak"] = max(row["peak"], peaks[row["host"]].get(row["name"], 0))
        return {
            "seconds": round(time.monotonic() - self._started, 4),
            "struck": self.verdict.struck,
            "expectations": self.verdict.expectations,
            "tables": self.verdict.tables,
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
            remove(self.hosts)
