"""Hosts and the link between them: network namespaces with the sysctls of sysctls.conf.

    client 10.0.0.1 ──veth── 10.0.0.2 server
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Callable, Iterator

from linger.lab import netns
from linger.lab.errors import Broken, CannotRun

SYSCTLS = Path(__file__).with_name("sysctls.conf")
ADDRESSES = {"client": "10.0.0.1", "server": "10.0.0.2"}


class Host:
    """One host of a lab: a network namespace with an address on its device eth0."""

    def __init__(self, name: str, address: str, path: Path) -> None:
        self.name = name
        self.address = address
        self.path = path
        self.prepared = 0  # sockets that the lab's recorders have here
        self.log_group: int | None = None  # of NFLOG, through which wire learns what a fault drops

    def sysctl(self, **values: object) -> None:
        """Set sysctls of net.ipv4 in this host: host.sysctl(tcp_fin_timeout=2)."""
        with netns.inside(self.path):
            netns.set_sysctls({f"net.ipv4.{name}": str(value) for name, value in values.items()})

    def knows(self, name: str) -> bool:
        """Whether this kernel has the sysctl net.ipv4.NAME; an older one may not."""
        with netns.inside(self.path):
            return Path("/proc/sys/net/ipv4", name).exists()

    def timewaits(self) -> list[int]:
        """The milliseconds that each IPv4 TIME_WAIT has left, in steps of ten."""
        return self._timers("06", "03")

    def keepalives(self) -> list[int]:
        """The milliseconds until the keepalive timer of each IPv4 CLOSE_WAIT fires, in steps of ten; those
        without the timer are not in the list."""
        return self._timers("08", "02")

    def timers(self, state: str) -> list[int]:
        """The milliseconds until a timer fires that may end a connection in a state, for each IPv4 connection
        that has one; nothing for a name that is not a state or needs no timer."""
        number = {"CLOSE_WAIT": "08", "ESTABLISHED": "01"}.get(state.partition(".")[0], "")
        return [ms for kind in ("01", "02", "04") for ms in self._timers(number, kind)]

    def unread(self) -> int:
        """The unread bytes on ESTABLISHED IPv4 connections."""
        return sum(int(row[4].partition(":")[2], 16) for row in self._rows("01"))

    def _timers(self, state: str, kind: str) -> list[int]:
        """The time left on timers of a kind in a state, both numbered as in /proc/net/tcp."""
        timers = (row[5].split(":") for row in self._rows(state))
        return [int(left, 16) * 10 for active, left in timers if active == kind]

    def _rows(self, state: str) -> Iterator[list[str]]:
        """The fields of each socket in a state (proc_pid_net(5), proc_net_tcp.rst)."""
        with netns.inside(self.path):
            table = Path("/proc/thread-self/net/tcp").read_text()
        rows = (line.split() for line in table.splitlines()[1:])
        return (row for row in rows if row[3] == state)

    def run(self, *command: str, input: str | None = None) -> str:
        """Run a tool (ip, nft, ss) in this host and return its output.

        Errors: Broken with what the tool says; CannotRun when it is not installed.
        """
        try:
            with netns.inside(self.path):
                done = subprocess.run(command, input=input, capture_output=True, text=True)
        except (FileNotFoundError, PermissionError):  # execvp(3): absent, or unusable
            raise CannotRun(f"{command[0]} is not installed; run: make deps") from None
        if done.returncode:
            raise Broken(f"{' '.join(command)} on {self.name}: {done.stderr.strip()}")
        return done.stdout


def build(
    lab: str, entries: int, meanwhile: Callable[[dict[str, Host]], None] = lambda hosts: None
) -> dict[str, Host]:
    """Create the hosts of a lab, joined by a veth, each with a socket table of entries buckets.

    meanwhile: called once the namespaces exist, before the plumbing does.
    Link-layer addresses are fixed and known to both sides, so no ARP packet is ever needed.
    Errors: Broken with what iproute2 or the kernel refused; then nothing is left behind.
    """
    hosts = {
        name: Host(name, address, netns.NETNS / f"{lab}.{name}")
        for name, address in ADDRESSES.items()
    }
    try:
        _connect(*hosts.values(), entries, lambda: meanwhile(hosts))
    except BaseException:
        remove(hosts)
        raise
    return hosts


def _connect(client: Host, server: Host, entries: int, meanwhile: Callable[[], None]) -> None:
    with netns.socket_table(entries):
        netns.finish(
            netns.ip_batch(
                f"netns add {client.path.name}\n"
                f"netns add {server.path.name}\n"
                f"link add eth0 address 02:00:00:00:00:01 netns {client.path.name} type veth "
                f"peer eth0 address 02:00:00:00:00:02 netns {server.path.name}\n"
            )
        )
    meanwhile()
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
    for host in (client, server):
        with netns.inside(host.path):
            netns.await_link("eth0")


def remove(hosts: dict[str, Host]) -> None:
    """Remove the hosts that exist, and with them their links, rules and sockets."""
    present = [host.path.name for host in hosts.values() if host.path.exists()]
    netns.later(netns.ip_batch("".join(f"netns del {name}\n" for name in present)))
