"""The surroundings of a client under test: names for the lab's servers, and trust in the lab's CA.

Both exist only for the processes of one trial, which has its own mounts (netns.own_run()).
"""

from __future__ import annotations

from pathlib import Path

from linger.lab import files, netns
from linger.lab.errors import CannotRun
from linger.lab.host import Host

NAME, TWO = "server.test", "two.test"  # RFC 6761 reserves .test
BLACK_HOLE = "2001:db8::dead"  # RFC 3849; every resolver puts it before an IPv4 address
OURS = "2001:db8::1"
HOSTS = Path("/etc/hosts")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")  # where GnuTLS and others look on Debian
# Variables that name the trusted certificates: OpenSSL; node; Python requests; curl; git; Perl's LWP.
TRUST = (
    "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
    "PERL_LWP_SSL_CA_FILE",
)  # fmt: skip
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")


def name_servers(host: Host, folder: Path) -> None:
    """Let this process and its children find the server of a lab by name. folder: for the file.

    Errors: CannotRun without an /etc/hosts to replace.
    """
    if not HOSTS.is_file():
        raise CannotRun("there is no /etc/hosts to replace with the lab's names; create it")
    lines = [f"{host.address} {NAME}", f"{BLACK_HOLE} {TWO}", f"{host.address} {TWO}"]
    own = folder / "hosts"
    files.write_text(own, "\n".join([*lines, HOSTS.read_text(errors="replace")]))
    netns.bind(own, HOSTS)


def trust(authority: Path, folder: Path) -> list[str]:
    """Arguments of env(1) that let a client trust the lab's CA and use no proxy.

    authority: its certificate. A copy of it in folder also replaces the system's list, which some clients
    always read.
    """
    own = folder / authority.name
    files.write_text(own, authority.read_text())
    if CERTIFICATES.is_file():
        netns.bind(own, CERTIFICATES)
    return [*without_proxies(), *(f"{name}={own}" for name in TRUST)]


def without_proxies() -> list[str]:
    """Arguments of env(1) that let a client use no proxy."""
    return ["env", *(word for name in PROXIES for word in ("-u", name, "-u", name.upper()))]


def reach_two(client: Host) -> None:
    """Give a client's host a route to the black hole: packets leave, but no host is there.

    An address without a neighbour would fail after 3 s. The kernel gives up on a connection after 7 s
    (tcp_syn_retries of 2, without the linear timeouts of Linux 6.5).
    """
    client.run("ip", "-batch", "-", input=(
        f"addr add {OURS}/64 dev eth0 nodad\n"
        f"neigh add {BLACK_HOLE} lladdr 02:00:00:00:00:02 dev eth0 nud permanent\n"
    ))  # fmt: skip
    client.sysctl(tcp_syn_retries=2)
    if client.knows("tcp_syn_linear_timeouts"):
        client.sysctl(tcp_syn_linear_timeouts=0)
