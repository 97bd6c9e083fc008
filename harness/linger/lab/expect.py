"""What a scenario proves and expects: that the fault happened, and what it left behind.

There are two families of methods. `happened` guards against testing nothing: it comes first, and if it does
not hold, nothing was tested.

    happened         kernel counts: ESTABLISHED=100
    happened_event   events of a program: recv with n=0, 100 times
    happened_fault   how often a fault struck, by its own counter
    happened_value   any other number, polled until it is right

What a scenario `expect`s is its claim.

    expect           what stays in the kernel: CLOSE_WAIT 100, descriptors 100
    expect_values    what a program found out: bytes, errors, seconds
    expect_table     a table of outcomes

The rows go into the lab's verdict.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, Mapping

from linger.lab import census, netns
from linger.lab.census import Expected
from linger.lab.events import words_of
from linger.lab.faults import Drop
from linger.lab.host import Host
from linger.lab.process import LONGEST, Process
from linger.lab.verdict import Table, Verdict, make_row
from linger.lab.withhold import shortened

DEADLINE = 2.0  # s: what is present must be seen within this time
WINDOW = 0.2  # s: presence or absence must then last this long
STILL = 0.06  # s: longer than a delayed ACK (40 ms)


class Peer(Process):
    """A program of the lab, with the host it runs in."""

    def __init__(
        self,
        host: Host,
        words: list[str | Path],
        log: Path,
        opened: tuple[str, ...],
        generation: int = 0,
    ) -> None:
        """opened: SNMP counters; the first minus the others is the number of connections it established.

        generation: as for Process().
        """
        with netns.inside(host.path):
            super().__init__(words, log, generation)
        self.host = host
        self.opened = opened

    @property
    def serves(self) -> bool:
        """Whether it is a server: a server that ends, with any status, has ended too early."""
        return bool(self.events("ready"))


class Expectations:
    """The part of a lab that proves and expects; the lab has the hosts."""

    paths: dict[str, Path]
    tell: Callable[[str], None]

    def __init__(self, verdict: Verdict) -> None:
        """verdict: where the rows go."""
        self.verdict = verdict
        # Of each host: the last count, with the owners of the last that looked for them; None: none has.
        self.snapshot: dict[str, dict[str, Any]] = {}

    # The vacuity guard: the fault happened.

    def happened(
        self, who: Peer, within: float = DEADLINE, hold: float = 0, **expected: int | str
    ) -> None:
        """Prove by kernel counts that the fault really happened.

        expected: counts by state, owner class or SNMP counter. ESTABLISHED stands for all connections that
        the peer's host ever established, by the kernel's own counters (RFC 4022), so it still holds
        afterwards. within: seconds; hold: how long it must then stay true. Errors: NotHeld.
        """
        within = _deadline(within)
        for name, value in expected.items():
            names = who.opened if name == "ESTABLISHED" else (name,)
            variables = [f"{who.host.name}:{variable}" for variable in names]
            owners = not all(map(_is_plain, names))
            until = self.until(census.term(" - ".join(variables), value), within, hold, owners)
            first, *others = (until["values"][variable] for variable in variables)
            self.verdict.guard(who.host.name, name, value, first - sum(others), who.tail())
            self.tell(f"{who.host.name}: {name} {first - sum(others)}")

    def happened_fault(
        self, fault: Drop, times: int | str = ">= 1", within: float = DEADLINE
    ) -> None:
        """Prove by its own counter that a fault struck that many times, within that many seconds.

        Errors: NotHeld.
        """
        self.happened_value("network", fault.name, fault.struck, times, within)

    def happened_value(
        self,
        where: str,
        name: str,
        look: Callable[[], int],
        expected: int | str,
        within: float = DEADLINE,
    ) -> None:
        """Prove a number by polling until it is as expected, within that many seconds.

        Errors: NotHeld.
        """
        deadline = time.monotonic() + _deadline(within)
        while not census.holds(count := look(), expected) and time.monotonic() < deadline:
            time.sleep(0.01)  # the next look
        self.verdict.guard(where, name, expected, count, "")
        self.tell(f"{where}: {name}: {count}")

    def happened_event(
        self, who: Peer, event: str, times: int = 1, within: float = LONGEST, **fields: object
    ) -> None:
        """Prove by a program's events that it met the fault: wait for count of them.

        fields: what each event must contain: happened_event(server, "recv", N, err="ECONNRESET").
        within: seconds. Errors: NotHeld.
        """
        who.said(event, times, within, **fields)
        count = len(who.events(event, **fields))
        words = words_of(event, fields)
        self.verdict.guard(who.program, words, times, count, who.tail())
        self.tell(f"{who.program}: {words}, {count} times")

    # The expectations: what the fault leaves behind.

    def expect(
        self,
        who: Peer,
        expected: Expected = MappingProxyType({}),
        within: float = DEADLINE,
        hold: float = WINDOW,
        **more: int | str,
    ) -> None:
        """Expect what is left in the kernel: all of it within a deadline, and then lasting for a while.

        expected, more: name (state, STATE.class, descriptors, ghosts, counter...) to a number or a
        comparison such as "<= 1". within, hold: seconds. Every row is measured and recorded, even if another
        fails. The program must still run, unless the scenario killed it or it is a client that ended with
        status 0. Errors: NotHeld; Broken when no fault was proved before.
        """
        host = who.host.name
        expected = {**expected, **more}
        if self.verdict.withhold:
            within = hold = 0  # nothing is judged
        variables = {name: f"{host}:{name}" for name in expected}
        terms = (census.term(variables[name], value) for name, value in expected.items())
        until = self.until(" and ".join(terms), min(within, who.limit), hold)
        rows = []
        for name, value in expected.items():
            row = make_row(host, name, value, until["values"][variables[name]])
            row["peak"] = until["peaks"][variables[name]]
            row["seconds"] = until["seconds"]
            rows.append(row)
        self.verdict.expect(rows, stayed=until["held"])
        done = who.killed or who.status == 0 and not who.serves
        if not who.running and not done:
            raise who.ended_badly(f"{who.ending()} instead of continuing to serve", "none")
        self.tell(f"{host}: " + ", ".join(f"{row['name']} {row['measured']}" for row in rows))

    def expect_values(
        self,
        expected: Mapping[str, int | str],
        measured: Mapping[str, int | str],
        by: str = "client",
    ) -> None:
        """Expect what a program reported: bytes received, the error it saw, seconds it took.

        expected: name to a number, a comparison, or a word; measured: by the same names. by: who found it.
        Errors: as expect().
        """
        rows = [make_row(by, name, value, measured[name]) for name, value in expected.items()]
        self.verdict.expect(rows)
        self.tell(f"{by}: " + ", ".join(f"{row['name']} {row['measured']}" for row in rows))

    def expect_table(self, title: str, expected: Table, measured: Table) -> None:
        """Expect a table of outcomes, (row, column) to "ok" or an error name; every cell counts.

        A cell may be verdict.absent(why): this kernel cannot tell. Errors: NotHeld naming the cells.
        """
        self.verdict.tabulate(title, expected, measured)
        self.tell(f"{title}: {len(measured)} cells as expected")

    def shows(self, who: Peer, expected: str, within: float = DEADLINE) -> str:
        """The sockets of a peer's host, for a cell of a table: "FIN_WAIT1 100".

        Waits until it is as expected and stays so, or for that many seconds; "-" means no connection.
        """
        wanted = {state: 0 for state in census.STATES if state not in ("CLOSED", "LISTEN")}
        if expected != "-":
            state, count = expected.split()
            wanted[state] = int(count)
        host = who.host.name
        terms = (census.term(f"{host}:{state}", value) for state, value in wanted.items())
        until = self.until(" and ".join(terms), _deadline(within), STILL, owners=False)
        found = [f"{state} {n}" for state in wanted if (n := until["values"][f"{host}:{state}"])]
        self.tell(f"{host}: {', '.join(found) or '-'}")
        return ", ".join(found) or "-"

    def until(
        self, expression: str, within: float, hold: float, owners: bool = True
    ) -> dict[str, Any]:
        """Ask the census about all hosts; see census.until(). Returns its "until".

        Without owners, it looks for them only if the expression does not hold: the evidence then names them.
        """
        # These are our own programs, so descriptors may be copied to tell whether one was ever connected.
        counted = census.until(self.paths, expression, within, hold, copies=owners, owners=owners)
        until: dict[str, Any] = counted["until"]
        if not owners and not until["held"]:
            counted, owners = census.until(self.paths, expression, 0, 0, copies=True), True
        for host in counted["hosts"]:
            if not owners:
                host["owners"] = self.snapshot.get(host["host"], {"owners": None})["owners"]
            self.snapshot[host["host"]] = host
        return until

    def owners(self) -> dict[str, list[dict[str, Any]]]:
        """Who holds the connections of each host that was counted, from the last count that looked for
        owners; from one now if none has."""
        if any(host["owners"] is None for host in self.snapshot.values()):
            self.snapshot = census.count(self.paths)
        return {name: host["owners"] for name, host in self.snapshot.items()}


def _is_plain(variable: str) -> bool:
    """Whether a variable of the census is a state or a counter, for which no process matters."""
    return variable[0].isupper() and "." not in variable


def _deadline(within: float) -> float:
    """The default deadline may be shortened; one that a scenario chose may not."""
    return shortened(within) if within == DEADLINE else within
