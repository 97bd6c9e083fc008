"""The ways from the clients to a server, for any address that it listens on."""

from __future__ import annotations

from linger.lab.errors import CannotRun
from linger.lab.host import Host

OWN = "::1"  # reachable only from within the host
LINK = {"client": ("fd00::1", "fd00::2", 2), "server": ("fd00::2", "fd00::1", 1)}


def furnish(client: Host, server: Host) -> None:
    """Make every address reachable that a server may listen on, and leave every port to it.

    IPv6 addresses on the link; and 127.0.0.0/8 of the server as seen from the client, which gives up
    its own (ip-sysctl, route_localnet): many servers listen on nothing else by default. For ::1 the kernel
    offers no such route.
    """
    for host in (client, server):
        mine, other, number = LINK[host.name]
        host.sysctl(**{"conf.eth0.route_localnet": 1, "ip_unprivileged_port_start": 0})
        host.run("ip", "-batch", "-", input=(
            f"addr add {mine}/64 dev eth0 nodad\n"
            f"neigh add {other} lladdr 02:00:00:00:00:0{number} dev eth0 nud permanent\n"
        ))  # fmt: skip
    client.run("ip", "-batch", "-", input=(
        "addr flush dev lo\n"
        "route add 127.0.0.0/8 via 10.0.0.2 dev eth0 src 10.0.0.1\n"
    ))  # fmt: skip


def reachable(addresses: list[str]) -> str:
    """The address, of those listened on, that clients connect to. Errors: CannotRun.

    ::1 comes last: only a client on the server's own host gets there, and no network fault strikes there.
    """
    known = {"0.0.0.0": "10.0.0.2", "10.0.0.2": "10.0.0.2"}
    known.update({address: address for address in addresses if address.startswith("127.")})
    known.update({"::": "fd00::2", "fd00::2": "fd00::2", OWN: OWN})
    for address, to in known.items():
        if address in addresses:
            return to
    raise CannotRun(
        f"the server listens on {', '.join(addresses)} only, which the clients, on another host of "
        "the lab, cannot reach; let it listen on 127.0.0.1, 0.0.0.0 or ::"
    )
