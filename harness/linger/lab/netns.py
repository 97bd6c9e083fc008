"""Network namespaces: entering them by setns(2), building them with iproute2.

Entering by setns costs microseconds and works in containers with a masked /sys, where
`ip netns exec` does not.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import Iterator

from linger.lab.errors import Broken, CannotRun

CLONE_NEWNET = 0x40000000
CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
KINDS = {CLONE_NEWNET: "net", CLONE_NEWNS: "mnt", CLONE_NEWPID: "pid"}
MS_BIND, MS_REC = 0x1000, 0x4000  # mount(2)
SIOCGIFFLAGS = 0x8913  # netdevice(7)
IFF_RUNNING = 0x40
NETNS = Path("/run/netns")
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    if result < 0:
        error = ctypes.get_errno()
        raise Broken(f"{call}: {os.strerror(error)}")


def unshare(kind: int) -> None:
    """unshare(2): a new namespace, of one of KINDS.

    Errors: CannotRun when there are as many as the system allows, Broken with anything else that the kernel
    refused.
    """
    result = _libc.unshare(kind)
    if result < 0 and ctypes.get_errno() == errno.ENOSPC:  # namespaces(7)
        name, why = KINDS[kind], os.strerror(errno.ENOSPC)
        raise CannotRun(f"no more {name} namespaces are allowed here (unshare: {why}); "
                        f"run: sudo sysctl -w user.max_{name}_namespaces=10000")  # fmt: skip
    _check(result, "unshare")


@contextlib.contextmanager
def inside(path: Path) -> Iterator[None]:
    """Run a block with this thread in the network namespace at path; children inherit it."""
    with open("/proc/thread-self/ns/net") as home, open(path) as there:
        _check(_libc.setns(there.fileno(), CLONE_NEWNET), f"setns {path.name}")
        try:
            yield
        finally:
            _check(_libc.setns(home.fileno(), CLONE_NEWNET), "setns back")


def own_run() -> None:
    """Give this process, and all it starts from now on, a private, empty /run.

    So the pid files and UNIX sockets of several instances of one server do not collide, nor do the names of
    the labs built there. Only before the process has threads.
    """
    unshare(CLONE_NEWNS)
    _must(mount("tmpfs", Path("/run"), 0, "tmpfs", "mode=755"))
    for name in ("netns", "lock"):
        Path("/run", name).mkdir()


def bind(file: Path, over: Path) -> None:
    """Replace a file by another, for this process and its children; after own_run().

    Errors: Broken with what the kernel refused.
    """
    _must(mount(str(file), over, MS_BIND))


def mount(source: str, target: Path, flags: int, kind: str = "none", options: str = "") -> str:
    """mount(2), in the sandbox or after own_run(); returns what was refused and why, or ""."""
    words = (os.fsencode(text) for text in (source, str(target), kind))
    if _libc.mount(*words, flags, os.fsencode(options)) == 0:
        return ""
    return f"mount {target if kind == 'none' else kind}: {os.strerror(ctypes.get_errno())}"


def _must(refused: str) -> None:
    if refused:
        raise Broken(refused)


@contextlib.contextmanager
def socket_table(entries: int) -> Iterator[None]:
    """Namespaces created in this block get their own socket table with that many buckets.

    Otherwise they share the machine's table of some 262144 buckets, and each count walks all of it. The
    kernel reads tcp_child_ehash_entries (Linux 6.1) from the namespace of the creating process, so the block
    runs in a throw-away namespace; on older kernels the table is shared.
    """
    with open("/proc/thread-self/ns/net") as home:
        unshare(CLONE_NEWNET)
        try:
            set_sysctls({"-net.ipv4.tcp_child_ehash_entries": str(entries)})
            yield
        finally:
            _check(_libc.setns(home.fileno(), CLONE_NEWNET), "setns back")


def set_sysctls(values: dict[str, str]) -> None:
    """Write sysctls of the namespace this thread is in.

    values: name to value; a name with a leading "-" may be absent from this kernel.
    """
    for name, value in values.items():
        try:
            with open(f"/proc/sys/{name.lstrip('-').replace('.', '/')}", "w") as sysctl:
                sysctl.write(value)
        except FileNotFoundError:
            if not name.startswith("-"):
                raise CannotRun(f"this kernel has no sysctl {name}; a newer one may") from None
        except OSError as error:
            raise Broken(f"sysctl {name} = {value}: {error.strerror}") from error


def read_sysctls(path: Path) -> dict[str, str]:
    """The names and values of a file in the syntax of sysctl.d(5), in its order."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def await_link(device: str, within: float = 120.0) -> None:
    """Wait until a device of the current namespace passes packets.

    After "up" the kernel attaches the queue of a veth from a work queue, a little later; on a busy machine
    that takes long, and packets sent earlier are lost: a lost SYN costs whole seconds. within: seconds.
    Errors: Broken when it takes longer.
    """
    request = struct.pack("16sh22x", device.encode(), 0)  # struct ifreq
    deadline = time.monotonic() + within
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        while not _flags(any_socket, request) & IFF_RUNNING:
            if time.monotonic() > deadline:
                raise Broken(f"{device} is not running after {within:g} s")
            time.sleep(0.0005)  # the next look


def _flags(any_socket: socket.socket, request: bytes) -> int:
    return struct.unpack_from("16sh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]


def ip_batch(commands: str) -> subprocess.Popen[str]:
    """Start `ip -batch` with these commands in the current namespace; see finish()."""
    ip = subprocess.Popen(
        ["ip", "-batch", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert ip.stdin
    ip.stdin.write(commands)
    ip.stdin.close()
    ip.stdin = None
    return ip


_removing: list[subprocess.Popen[str]] = []


def later(ip: subprocess.Popen[str]) -> None:
    """Let an ip_batch() that removes namespaces take its time: nothing waits for it, and what it leaves ends
    with the sandbox. Errors: as finish(), for earlier ones."""
    for earlier in [ip for ip in _removing if ip.poll() is not None]:
        _removing.remove(earlier)
        finish(earlier)
    _removing.append(ip)


def await_removed() -> None:
    """Wait until everything given to later() is removed. Errors: as finish()."""
    while _removing:
        finish(_removing.pop())


def finish(ip: subprocess.Popen[str]) -> None:
    """Wait for an ip_batch().

    Errors: Broken with what iproute2 said; CannotRun when the kernel lacks a requested feature.
    """
    _, complaint = ip.communicate()
    if "Unknown device type" in complaint or "not supported" in complaint:
        raise CannotRun(f"this kernel cannot build the lab ({complaint.strip()}); it needs veth")
    if ip.returncode:
        raise Broken(f"iproute2 refused: {complaint.strip()}")
