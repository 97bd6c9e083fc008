"""attacker.py WITNESS FOLDER NETNS SOCKET: a program that tries to leave its host in many ways.

Reports `ev=attack way=NAME outcome=ok` or the name of the error for each, then `ev=ready`.
WITNESS: pid of a process outside; FOLDER: where evidence lies; NETNS: the file of another host;
SOCKET: the path of a Unix socket outside.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys
from pathlib import Path
from typing import Callable

WITNESS, FOLDER, NETNS, SOCKET = int(sys.argv[1]), *sys.argv[2:]
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
SYS_IO_URING_SETUP = 425  # on every machine
libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def in_child(action: Callable[[], object]) -> None:
    """What changes the process itself is done in another one, which nobody follows."""
    child = os.fork()
    if child == 0:
        try:
            action()
            os._exit(0)
        except OSError as error:
            os._exit(error.errno)
    code = os.WEXITSTATUS(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code, "")


def enter_host() -> None:
    with open(NETNS) as there:
        checked(libc.setns(there.fileno(), CLONE_NEWNET))


def trace() -> None:
    checked(libc.ptrace(PTRACE_SEIZE, WITNESS, 0, 0))


def mount() -> None:
    target = FOLDER if os.path.isdir(FOLDER) else "/"  # a closed cage does not show it
    checked(libc.mount(b"none", target.encode(), b"tmpfs", 0, None))
    checked(libc.umount2(target.encode(), 0))


def connect_unix() -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.connect(SOCKET)


def ring() -> None:
    parameters = ctypes.create_string_buffer(120)  # struct io_uring_params
    os.close(checked(libc.syscall(SYS_IO_URING_SETUP, 1, parameters)))


WAYS: dict[str, Callable[[], object]] = {
    "signal": lambda: os.kill(WITNESS, 0),
    "trace": lambda: in_child(trace),
    "memory": lambda: os.close(os.open(f"/proc/{WITNESS}/mem", os.O_WRONLY)),
    "descriptors": lambda: os.listdir(f"/proc/{WITNESS}/fd"),
    "other-host": lambda: in_child(enter_host),
    "mount": mount,
    "sysctl": lambda: Path("/proc/sys/net/ipv4/tcp_fin_timeout").write_text("60"),
    "raw-socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 6).close(),
    "user-namespace": lambda: in_child(lambda: checked(libc.unshare(CLONE_NEWUSER))),
    "evidence": lambda: Path(FOLDER, "forged").write_text("pass"),
    "files": lambda: Path(FOLDER).with_name("written").write_text("by the attacker"),
    "unix-socket": connect_unix,
    "hypervisor": lambda: socket.socket(socket.AF_VSOCK).close(),
    "io_uring": ring,
    "scratch": lambda: Path(f"/tmp/linger-attacker-{WITNESS}").write_text(""),
    "outside": lambda: socket.create_connection(("192.0.2.1", 80), 1),
}

for way, attack in WAYS.items():
    outcome = "ok"
    try:
        attack()
    except OSError as error:
        outcome = errno.errorcode[error.errno or errno.ETIMEDOUT]
    print(f"ev=attack way={way} outcome={outcome}", flush=True)
print("ev=ready", flush=True)
