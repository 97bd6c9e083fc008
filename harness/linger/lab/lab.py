"""The lab: hosts joined by links, and the programs running in them.

    client 10.0.0.1 ──veth── 10.0.0.2 server

expect.py has the expectations, faults.py the faults.
"""

from __future__ import annotations

import contextlib
import os
import textwrap
import time
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, Mapping, NamedTuple, Sequence, TypeVar

from linger.lab import programs, service, unseen, wire
from linger.lab.capture import Captured
from linger.lab.errors import Broken, LingerError
from linger.lab.expect import Expectations, Peer
from linger.lab.host import Host, build, remove
from linger.lab.samples import Samples
from linger.lab.service import Service
from linger.lab.stall import Watchdog
from linger.lab.verdict import Verdict
from linger.lab.withhold import fault, withheld

PORT = 9000
AnyPeer = TypeVar("AnyPeer", bound=Peer)
HURRIED = 4.0  # s: the longest wait in a lab with a user's own program


class Own(NamedTuple):
    """The user's own program: its path, and the words of linger.confine before it."""

    program: Path
    confined: Sequence[str]


class Lab(Expectations):
    """A private network for one variant of one scenario."""

    def __init__(
        self,
        name: str,
        evidence: Path,
        connections: int = 100,
        tell: Callable[[str], None] = lambda step: None,
        verdict: Verdict | None = None,
        instead: Mapping[str, Own] = MappingProxyType({}),
        under: Callable[[str, Path], Sequence[str]] = lambda program, log: (),
    ) -> None:
        """Build the hosts and links.

        name: unique among the labs of a sandbox; evidence: the directory for logs and timeline.
        connections: how many to prepare for, which sizes the socket tables.
        tell: called with each step in words, for a viewer.
        verdict: where the rows go; by default the variant is judged as it is.
        instead: a user's own program in place of one of ours: {"servers/x_fixed": Own(...)}. Such a lab waits
        for nothing longer than HURRIED: nobody should wait a minute to learn that their program hangs.
        under: returns words to put before one of our programs, given its name, "servers/x_buggy", and its
        log.
        """
        super().__init__(verdict or Verdict())
        self.instead = instead
        self.under = under
        self.port = PORT  # the server's
        self.name = name
        self.evidence = evidence
        self.tell = tell
        self.peers: list[Peer] = []
        self.since = 0.0  # seconds since 1970: earlier connections were only preparation
        self._closed = False
        self._folder = os.open(evidence, os.O_PATH | os.O_DIRECTORY)  # as it is before any program runs
        self._judged: float | None = None  # when, in seconds since 1970
        self.watchdog = Watchdog()
        self._began, self._started = time.time(), time.monotonic()
        self.hosts: dict[str, Host] = {}
        self.recorder: wire.Recorder | None = None
        self._samples: Samples | None = None
        try:
            self.hosts = build(name, max(1024, 8 * connections), meanwhile=self._record)
            self._await_recording()
            for host in self.hosts.values():
                host.prepared = unseen.existing(host)
        except BaseException:
            with contextlib.suppress(LingerError):  # the first failure is the cause
                self.close()
            raise

    def _record(self, hosts: dict[str, Host]) -> None:
        """Start to count and record the hosts."""
        if wire.recording():
            self.recorder = wire.Recorder(hosts, self.evidence)
        paths = {name: host.path for name, host in hosts.items()}
        self._samples = Samples(paths, self.evidence / "timeline.jsonl")

    def _await_recording(self) -> None:
        """Wait until nothing from now on can be missed; errors: Broken, CannotRun."""
        if self.recorder:
            self.recorder.await_ready()
        self._samples.await_first()

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
        self.tell(f"{peer.program} listens on {peer.host.address} port {port} (pid {peer.pid})")
        return peer

    @fault
    def client(self, program: str, variant: str = "", *options: str, connections: int = 1) -> Peer:
        """Start clients/PROGRAM_VARIANT in the host "client", pointed at the server."""
        name = f"{program}_{variant}" if variant else program
        self.tell(f"{name} starts")
        if withheld():
            return self.start("client", "clients/peer", "stay")
        return self.start("client", f"clients/{name}", "-n", str(connections), *options)

    @fault
    def peer(
        self,
        actions: str,
        connections: int = 1,
        at: str = "client",
        port: int | None = None,
        descriptors: int = 0,
    ) -> Peer:
        """Start clients/peer in a host: it performs the actions in turn, each on every connection: "connect
        hello fin". At "await" it waits for its go(). With "listen accept ..." it is a scripted server, and
        this returns once it listens.

        at: the host's name; port: by default the server's; descriptors: as for server().
        """
        words = actions.split()
        pretend = ["pretend"] if withheld() else []
        self.tell(f"{at}: {connections} x {textwrap.shorten(actions, 60, placeholder=' ...')}")
        options = ("-p", str(port or self.port), "-n", str(connections), *pretend, *words)
        peer = self.start(at, "clients/peer", *options, descriptors=descriptors)
        if "listen" in words:
            peer.said("ready")
        return peer

    def start(
        self,
        where: str,
        program: str,
        *options: str,
        descriptors: int = 0,
        confined: Sequence[str] = (),
    ) -> Peer:
        """Start a built program in a host, with the server's address and port as arguments.

        confined: words of confine.closed() or confine.opened(), for a third-party program.
        """
        binary = programs.program(program)
        if program in self.instead:
            binary, confined = self.instead[program]
        words: list[str | Path] = [binary]
        words += ["-l", self.hosts["server"].address, "-p", str(self.port), *options]
        if confined:
            limit = ["--limit", f"nofile={descriptors}"] if descriptors else []
            words = [*confined, *limit, "--", *words]
        elif descriptors:
            words = ["prlimit", f"--nofile={descriptors}:{descriptors}", *words]
        log = self.evidence / f"{where}-{binary.name}-{len(self.peers) + 1}.log"
        words = [*self.under(program, log), *words]
        return self.launch(where, words, binary.name, generation=2 if confined else 0)

    def run(
        self,
        words: Sequence[str | Path],
        at: str = "server",
        port: int | None = None,
        name: str = "",
        descriptors: int = 0,
    ) -> Service:
        """Start any command, as its owner would, in a host; with a port, returns once it listens.

        words: the program and its arguments; name: its name, by default the program's. port: peers then
        connect to it. A server listens on 0.0.0.0 or on the host's address. descriptors: as for server().
        Errors: TargetDied with its last output; Usage.
        """
        host = self.hosts[at]
        service.must_be_possible(host, words, port)
        host.sysctl(ip_unprivileged_port_start=0)
        command = service.held_together(words, descriptors)
        name = name or Path(words[0]).name
        program = self.launch(at, command, name, generation=1, kind=Service)
        if port:
            program.await_listening(port)
            self.port = port
            self.tell(f"{name} listens on {host.address} port {port} (pid {program.pid})")
        return program

    def launch(
        self,
        where: str,
        words: list[str | Path],
        name: str,
        generation: int = 0,
        kind: type[AnyPeer] = Peer,
    ) -> AnyPeer:
        """Start any command in a host.

        name: its name, even behind a wrapper such as prlimit; generation: see Process.
        kind: the class of the result.
        """
        opened = ("PassiveOpens",) if where == "server" else ("ActiveOpens", "AttemptFails")
        log = self.evidence / f"{where}-{name}-{len(self.peers) + 1}.log"
        peer = kind(self.hosts[where], words, log, opened, generation)
        peer.program = name
        if self.instead:
            peer.limit = HURRIED
        self.peers.append(peer)
        return peer

    def capture(self, where: str, words: str, connections: int = 1) -> Captured:
        """Keep the first matching segment of each connection that passes a host; returns once it watches.
        words: "from flags:fin"; see `segment --help`.
        """
        file = self.evidence / f"segments-{len(self.peers) + 1}.pcap"
        options = ("-n", str(connections), "capture", str(file), *words.split())
        program = self.start(where, "segment", *options)
        program.said("ready")
        self.tell(f"{where}: capture {words}, of {connections} connections")
        return Captured(program, self.hosts[where], file, connections)

    def result(self) -> dict[str, Any]:
        """What was measured, for result.json."""
        self._samples.catch_up()
        self._judged = time.time()
        peaks = self._samples.peaks()
        for row in self.verdict.expectations:  # each of the two may have missed what was short
            if "peak" in row:
                row["peak"] = max(row["peak"], peaks[row["subject"]].get(row["name"], 0))
        return {
            "began": self._began,
            "seconds": round(time.monotonic() - self._started, 4),
            "stalled": round(self.watchdog.seconds, 3),
            "struck": self.verdict.struck,
            "expectations": self.verdict.expectations,
            "tables": self.verdict.tables,
            "owners": self.owners(),
            "processes": [
                {
                    "host": peer.host.name,
                    "program": peer.program,
                    "pid": peer.pid,
                    "status": peer.status,
                }
                for peer in self.peers
            ],
        }

    def ladder(self) -> dict[str, Any]:
        """What the packets show about each connection so far: the future contents of ladder.json."""
        assert self.recorder
        self._samples.catch_up()  # it is compared with the packets
        return self.recorder.ladder()

    def close(self) -> None:
        """End every process, youngest first, write the ladder, and remove the hosts.

        The packets that end the connections are recorded too. Errors: Broken when a program has replaced the
        folder of the evidence.
        """
        if self._closed:
            return
        self._closed = True
        self.watchdog.stop()
        with contextlib.ExitStack() as ending:
            ending.callback(self._must_be_in_place)
            ending.callback(remove, self.hosts)
            if self.recorder:
                ending.callback(lambda: self.recorder.conclude(self._judged, self.since))
            for process in (self._samples, *self.peers):
                if process:
                    ending.callback(process.stop)

    def _must_be_in_place(self) -> None:
        try:
            same = os.path.samestat(os.fstat(self._folder), os.stat(self.evidence))
        except FileNotFoundError:
            same = False
        os.close(self._folder)
        if not same:
            raise Broken(f"{self.evidence} is no longer the folder that the evidence was written to; "
                         "a program has replaced it, so nothing in it counts")  # fmt: skip
