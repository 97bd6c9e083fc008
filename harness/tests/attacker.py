"""attacker.py FACTS: a program that tries to leave its host and its cage in many ways.

FACTS is JSON: what its starter prepared outside: `witness`, the pid of a process;
`evidence`, a folder of evidence; `mine`, another folder of the caller's, with `secret`; `netns`, the
file of another host; `socket`, `abstract` and `datagram`, names of UNIX sockets; `fifo`; `inherited`,
the number of a descriptor of a directory; `cgroup`, a delegated folder; `terminal`, a pts; `proc`, a
second procfs; `rows`, which to try, or ways of a row. Descriptor 7 is its standard input, a directory
(which Python itself would not take); standard output is a file.

Prints `ev=attack way=NAME outcome=ok` or the name of the error for each, then `ev=ready`. An attack
named ROW.WAY belongs to that row of the table in harness/sandbox/README.md.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import socket
import stat
import sys
from pathlib import Path
from typing import Callable

from attack_calls import (  # fmt: skip
    AT_FDCWD,
    X86,
    as_ia32,
    bpf,
    call,
    checked,
    count_cycles,
    in_child,
    keyring_add,
    keyring_read,
    libc,
    must,
    opens,
    ring,
)
from attack_limits import (  # fmt: skip
    MUCH,
    children_with_memory,
    compute,
    first_in_turn,
    held,
    in_turn,
    many_processes,
    memory_file,
    share_memory,
)
from attack_setuid import HERE, SETUID, fchmod, openat2, setuid_by, temporary, touched

FACTS = json.loads(sys.argv[1])
WITNESS = FACTS["witness"]
EVIDENCE, MINE = Path(FACTS["evidence"]), Path(FACTS["mine"])
INPUT, OUTPUT = 7, 1
TAG = FACTS["abstract"]  # no other attacker has it
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PTRACE_SEIZE, PTRACE_ATTACH, PTRACE_DETACH = 0x4206, 16, 17
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
OPEN_TREE_CLONE = 1


def enter_host() -> None:
    with open(FACTS["netns"]) as there:
        checked(libc.setns(there.fileno(), CLONE_NEWNET))


def trace(pid: int) -> None:
    checked(libc.ptrace(PTRACE_SEIZE, pid, 0, 0))


def mount() -> None:
    target = b"/tmp"
    checked(libc.mount(b"none", target, b"tmpfs", 0, None))
    checked(libc.umount2(target, 0))


def read_memory(pid: int) -> None:
    """A word of its own memory is read at an address; any error but EPERM will do there."""
    word = ctypes.create_string_buffer(8)
    span = (ctypes.c_ulong * 2)(ctypes.addressof(word), 8)
    try:
        call("process_vm_readv", pid, span, 1, span, 1, 0)
    except OSError as error:
        if error.errno != errno.EFAULT:
            raise


def copy_descriptor(pid: int) -> None:
    handle = os.pidfd_open(pid)
    try:
        os.close(call("pidfd_getfd", handle, 0, 0))
    finally:
        os.close(handle)


def stdout_mode() -> None:
    before = stat.S_IMODE(os.fstat(OUTPUT).st_mode)
    os.fchmod(OUTPUT, SETUID)
    os.fchmod(OUTPUT, before)


def stdout_read() -> None:
    """Read what else is in the file of its output."""
    must(os.path.realpath(f"/proc/self/fd/{OUTPUT}").startswith("/"))
    with open(f"/proc/self/fd/{OUTPUT}", "rb", buffering=0) as file:
        must(stat.S_ISREG(os.fstat(file.fileno()).st_mode) and file.read(1))


def stdin_leads() -> None:
    """Through the directory that its input is."""
    must(os.listdir(f"/proc/self/fd/{INPUT}/.."))
    os.close(os.open("..", os.O_RDONLY, dir_fd=INPUT))


def stdin_written() -> None:
    path = os.open("by-stdin", os.O_CREAT | os.O_WRONLY, dir_fd=INPUT)
    os.close(path)


def no_file_among_streams() -> None:
    """It would be a way out if one were a file or a directory."""
    must(any(not stat.S_ISFIFO(os.fstat(fd).st_mode) for fd in (INPUT, OUTPUT, 2)))


def datagram(address: str, by_pair: bool) -> None:
    kind = socket.SOCK_DGRAM
    ends = (
        socket.socketpair(socket.AF_UNIX, kind)
        if by_pair
        else [socket.socket(socket.AF_UNIX, kind)]
    )
    try:
        ends[0].sendmsg([b"from the attacker"], [], 0, address)
    finally:
        for end in ends:
            end.close()


def connect(family: int, address: object) -> None:
    with socket.socket(family) as made:
        made.connect(address)


def ask() -> None:
    """A program outside does what it is asked to, like tmux: here it signals the witness."""
    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(5)
        made.connect(FACTS["socket"])
        made.sendall(b"signal\n")
        must(made.recv(9) == b"done\n")


def bind() -> None:
    path = MINE / "bound"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.fspath(path))
    path.unlink()


def forge() -> None:
    """Replace the evidence by another tree, through the name of its parent."""
    parent = EVIDENCE.parent
    away = parent.with_name(f"{parent.name}-away")
    os.rename(parent, away)
    try:
        EVIDENCE.mkdir(parents=True)
        (EVIDENCE / "forged").write_text("pass")
        (EVIDENCE / "forged").unlink()
        EVIDENCE.rmdir()
        parent.rmdir()
    finally:
        os.rename(away, parent)


def cgroup_made() -> None:
    made = Path(FACTS["cgroup"], TAG)
    made.mkdir()
    made.rmdir()


def cgroup_left() -> None:
    """Move itself, which may free it from a limit, or move another process."""
    Path(FACTS["cgroup"], "cgroup.procs").write_text(str(os.getpid()))


def any_cgroup() -> None:
    """Every mounted hierarchy of control groups; one that only root may write does not count."""
    roots = [words[4] for words in map(str.split, open("/proc/self/mountinfo"))
             if words[words.index("-") + 1] in ("cgroup", "cgroup2")]  # fmt: skip
    tries = [Path(root, "cgroup.procs") for root in roots]
    reasons = []
    for path in tries:
        try:
            return opens(path, os.O_WRONLY)
        except OSError as error:
            reasons.append(error)
    raise reasons[0] if reasons else OSError(errno.ENOENT, "")


def typed(code: int, argument: bytes) -> None:
    terminal = os.open(FACTS["terminal"], os.O_RDWR | os.O_NOCTTY)
    try:
        fcntl.ioctl(terminal, code, argument)
    finally:
        os.close(terminal)


def kernel_setting() -> None:
    """Files of the kernel's that uid 0 may write without any capability."""
    opens("/sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan", os.O_WRONLY)


def scratch() -> None:
    """Its traces are looked for outside."""
    (HERE / TAG).write_text("")


def outlive() -> None:
    """Take away from process 1 the signal that ends it, and everything, with the run."""
    checked(libc.ptrace(PTRACE_ATTACH, 1, 0, 0))
    os.waitpid(1, 0)
    checked(libc.ptrace(PTRACE_DETACH, 1, 0, 0))


WAYS: dict[str, Callable[[], object]] = {
    "network.connect": lambda: socket.create_connection(("192.0.2.1", 80), 1),
    "outlive.trace-1": lambda: in_child(outlive),
    "harness.signal": lambda: os.kill(WITNESS, 0),
    "harness.trace": lambda: in_child(lambda: trace(WITNESS)),
    "harness.memory": lambda: opens(f"/proc/{WITNESS}/mem", os.O_WRONLY),
    "harness.vm": lambda: read_memory(WITNESS),
    "harness.descriptors": lambda: os.listdir(f"/proc/{WITNESS}/fd"),
    "harness.pidfd": lambda: copy_descriptor(WITNESS),
    "harness.seen": lambda: os.stat(f"/proc/{WITNESS}"),
    "harness.seen-elsewhere": lambda: os.stat(f"{FACTS['proc']}/{WITNESS}"),
    "keeper.trace": lambda: in_child(lambda: trace(1)),
    "keeper.descriptors": lambda: [os.stat(f"/proc/1/fd/{fd}") for fd in os.listdir("/proc/1/fd")],
    "keeper.program": lambda: opens("/proc/1/exe", os.O_RDONLY),
    "keeper.folder": lambda: os.listdir("/proc/1/cwd"),
    "keeper.root": lambda: os.listdir("/proc/1/root"),
    "keeper.memory": lambda: opens("/proc/1/mem", os.O_RDONLY),
    "keeper.maps": lambda: must(os.listdir("/proc/1/map_files")),
    "keeper.environment": lambda: must(Path("/proc/1/environ").read_bytes() or True),
    "keeper.vm": lambda: read_memory(1),
    "keeper.pidfd": lambda: copy_descriptor(1),
    "keeper.limits": lambda: checked(libc.prlimit(1, 7, None, ctypes.create_string_buffer(16))),
    "host.enter": lambda: in_child(enter_host),
    "host.raw-socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 6).close(),
    "host.packet-socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close(),
    "host.sysctl": lambda: Path("/proc/sys/net/ipv4/tcp_fin_timeout").write_text("60"),
    "host.mount": mount,
    "host.fsopen": lambda: os.close(call("fsopen", b"tmpfs", 0)),
    "host.open_tree": lambda: os.close(call("open_tree", AT_FDCWD, b"/tmp", OPEN_TREE_CLONE)),
    "capabilities.unshare": lambda: in_child(lambda: checked(libc.unshare(CLONE_NEWUSER))),
    "setuid.chmod": setuid_by(lambda path: os.chmod(touched(path), SETUID)),
    "setuid.fchmod": setuid_by(fchmod),
    "setuid.fchmodat": setuid_by(
        lambda path: checked(libc.fchmodat(AT_FDCWD, touched(path).encode(), SETUID, 0))
    ),
    "setuid.fchmodat2": setuid_by(
        lambda path: call("fchmodat2", AT_FDCWD, touched(path).encode(), SETUID, 0)
    ),
    "setuid.open": setuid_by(lambda path: os.close(os.open(path, os.O_CREAT, SETUID))),
    "setuid.openat": setuid_by(
        lambda path: os.close(checked(libc.openat(AT_FDCWD, path.encode(), os.O_CREAT, SETUID)))
    ),
    "setuid.creat": setuid_by(lambda path: os.close(checked(libc.creat(path.encode(), SETUID)))),
    "setuid.openat2": setuid_by(openat2),
    "setuid.tmpfile": setuid_by(temporary),
    "setuid.mknod": setuid_by(lambda path: os.mknod(path, stat.S_IFREG | SETUID)),
    "streams.mode": stdout_mode,
    "streams.truncate": lambda: os.ftruncate(OUTPUT, os.fstat(OUTPUT).st_size),
    "streams.reopen-output": stdout_read,
    "streams.directory": stdin_leads,
    "streams.create": stdin_written,
    "streams.file": no_file_among_streams,
    "streams.inherited": lambda: os.listdir(FACTS["inherited"]),
    "terminal.pts": lambda: opens(FACTS["terminal"], os.O_RDWR | os.O_NOCTTY),
    "terminal.sti": lambda: typed(TIOCSTI, b"x"),
    "evidence.write": lambda: (EVIDENCE / "forged").write_text("pass"),
    "evidence.mode": lambda: os.chmod(EVIDENCE, 0o700),
    "evidence.remove": lambda: os.unlink(EVIDENCE / "kept"),
    "evidence.rename-parent": forge,
    "files.write": lambda: (MINE / "written").write_text("by the attacker"),
    "files.link": lambda: (os.link(MINE / "secret", MINE / "link"), os.unlink(MINE / "link")),
    "read.secret": lambda: must((MINE / "secret").read_text()),
    "read.environment": lambda: must("LINGER_TEST_SECRET" in os.environ),
    "unix.connect": lambda: connect(socket.AF_UNIX, FACTS["socket"]),
    "unix.abstract": lambda: connect(socket.AF_UNIX, "\0" + FACTS["abstract"]),
    "unix.datagram": lambda: datagram(FACTS["datagram"], False),
    "unix.pair": lambda: datagram(FACTS["datagram"], True),
    "unix.pair-abstract": lambda: datagram("\0" + FACTS["abstract"] + "-datagram", True),
    "unix.ask": ask,
    "unix.bind": bind,
    "fifo.write": lambda: opens(FACTS["fifo"], os.O_WRONLY),
    "fifo.read": lambda: opens(FACTS["fifo"], os.O_RDONLY),
    "families.vsock": lambda: socket.socket(socket.AF_VSOCK).close(),
    "families.netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close(),
    "families.algorithms": lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).close(),
    "kernel.io_uring": ring,
    "kernel.bpf": bpf,
    "kernel.perf": count_cycles,
    "kernel.userfaultfd": lambda: os.close(call("userfaultfd", 1)),  # of user space only
    "kernel.settings": kernel_setting,
    "keyring.read": lambda: keyring_read(FACTS["key"]),
    "keyring.add": lambda: keyring_add(TAG),
    "keyring.request": lambda: call("request_key", b"user", FACTS["key"].encode(), None, 0),
    "cgroup.make": cgroup_made,
    "cgroup.move": cgroup_left,
    "cgroup.any": any_cgroup,
    "turn.real-time": lambda: in_child(first_in_turn),
    "limits.memory": lambda: in_child(lambda: held(bytearray(MUCH))),
    "limits.memory-file": lambda: in_child(memory_file),
    "limits.shared-memory": lambda: in_child(share_memory),
    "limits.memory-of-children": children_with_memory,
    "limits.processes": many_processes,
    "limits.time": lambda: in_child(compute),
    "limits.time-in-turn": in_turn,
    "scratch.write": scratch,
}  # fmt: skip
if X86:
    WAYS |= {
        "foreign.ia32": lambda: as_ia32(20),  # getpid
        "foreign.x32": lambda: checked(libc.syscall(ctypes.c_long(0x40000000 | 39))),
    }

for way in [way for way in WAYS if {way, way.partition(".")[0]} & set(FACTS["rows"])]:
    outcome = "ok"
    try:
        WAYS[way]()
    except OSError as error:
        outcome = errno.errorcode.get(error.errno or errno.ETIMEDOUT, str(error.errno))
    print(f"ev=attack way={way} outcome={outcome}", flush=True)
print(f"ev=ready uid={os.getuid()}", flush=True)
