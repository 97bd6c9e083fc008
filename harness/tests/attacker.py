"""attacker.py FACTS: a program that tries to leave its host and its cage in many ways.

FACTS is JSON, what the one who starts it prepared outside: `witness`, the pid of a process;
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
import mmap
import os
import platform
import select
import signal
import socket
import stat
import sys
import time
from pathlib import Path
from typing import Callable

FACTS = json.loads(sys.argv[1])
WITNESS = FACTS["witness"]
EVIDENCE, MINE = Path(FACTS["evidence"]), Path(FACTS["mine"])
SETUID = 0o4755
MUCH = 400 << 20  # bytes: more than is permitted
INPUT, OUTPUT = 7, 1
HERE = Path("/tmp")  # a place that it can write in any case
TAG = FACTS["abstract"]  # no other attacker has it
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PTRACE_SEIZE, PTRACE_ATTACH, PTRACE_DETACH = 0x4206, 16, 17
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
OPEN_TREE_CLONE, AT_FDCWD, O_PATH = 1, -100, os.O_PATH
KEYCTL_READ, KEYCTL_REVOKE, SESSION_KEYRING = 11, 3, -3
# x86-64, then what the table of all later architectures says.
X86 = platform.machine() == "x86_64"
NR = {
    name: numbers[0 if X86 else 1]
    for name, numbers in {
        "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "bpf": (321, 280),
        "perf_event_open": (298, 241), "userfaultfd": (323, 282), "process_vm_readv": (310, 270),
        "fchmodat2": (452, 452), "openat2": (437, 437), "io_uring_setup": (425, 425),
        "pidfd_getfd": (438, 438), "open_tree": (428, 428), "fsopen": (430, 430),
        "memfd_secret": (447, 447),
    }.items()
}  # fmt: skip
libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def call(name: str, *arguments: object) -> int:
    return checked(libc.syscall(NR[name], *arguments))


def in_child(action: Callable[[], object]) -> None:
    """What changes the process itself is done in another one, which nobody follows."""
    child = os.fork()
    if child == 0:
        try:
            action()
            os._exit(0)
        except OSError as error:
            os._exit(error.errno or 255)
    status = os.waitpid(child, 0)[1]
    if status:
        raise OSError(os.WEXITSTATUS(status) or errno.EINTR, "")


def must(condition: object) -> None:
    """What was not refused must also have had its effect."""
    if not condition:
        raise OSError(errno.ENODATA, "")


def enter_host() -> None:
    with open(FACTS["netns"]) as there:
        checked(libc.setns(there.fileno(), CLONE_NEWNET))


def trace(pid: int) -> None:
    checked(libc.ptrace(PTRACE_SEIZE, pid, 0, 0))


def opens(path: str | Path, flags: int) -> None:
    os.close(os.open(path, flags | os.O_NONBLOCK))


def mount() -> None:
    target = b"/tmp"
    checked(libc.mount(b"none", target, b"tmpfs", 0, None))
    checked(libc.umount2(target, 0))


def read_memory(pid: int) -> None:
    """Of itself the word is read at an address; there any will do that is not EPERM."""
    word = ctypes.create_string_buffer(8)
    span = (ctypes.c_ulong * 2)(ctypes.addressof(word), 8)
    if libc.syscall(NR["process_vm_readv"], pid, span, 1, span, 1, 0) < 0:
        must_not = ctypes.get_errno()
        if must_not != errno.EFAULT:
            raise OSError(must_not, "")


def copy_descriptor(pid: int) -> None:
    handle = os.pidfd_open(pid)
    try:
        os.close(call("pidfd_getfd", handle, 0, 0))
    finally:
        os.close(handle)


def is_setuid(path: str | Path) -> bool:
    return bool(os.stat(path).st_mode & stat.S_ISUID)


def setuid_by(action: Callable[[str], object]) -> Callable[[], None]:
    """Make a file of its own setuid by a call that takes its path."""

    def attack() -> None:
        path = HERE / f"{TAG}-setuid"
        path.unlink(missing_ok=True)
        try:
            action(os.fspath(path))
            must(is_setuid(path))
        finally:
            path.unlink(missing_ok=True)

    return attack


def touched(path: str) -> str:
    opens(path, os.O_CREAT | os.O_WRONLY)
    return path


def fchmod(path: str) -> None:
    with open(touched(path)) as file:
        os.fchmod(file.fileno(), SETUID)


def openat2(path: str) -> None:
    how = (ctypes.c_uint64 * 3)(os.O_CREAT | os.O_WRONLY, SETUID, 0)
    os.close(call("openat2", AT_FDCWD, path.encode(), how, ctypes.sizeof(how)))


def temporary(path: str) -> None:
    """A file without a name, which gets one."""
    fd = os.open(HERE, os.O_TMPFILE | os.O_WRONLY, SETUID)
    follow = 0x400  # AT_SYMLINK_FOLLOW
    checked(libc.linkat(AT_FDCWD, f"/proc/self/fd/{fd}".encode(), AT_FDCWD, path.encode(), follow))
    os.close(fd)


def as_ia32(number: int, *arguments: int) -> int:
    """A system call of the 32-bit table, by int $0x80; arguments below 4 GiB."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    words = [number, *arguments, 0, 0, 0][:4]
    moves = b"".join(bytes([op]) + word.to_bytes(4, "little")
                     for op, word in zip((0xB8, 0xBB, 0xB9, 0xBA), words))  # fmt: skip
    code.write(b"\x53" + moves + b"\xcd\x80\x5b\xc3")  # rbx is the caller's
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    result = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    if result < 0:
        raise OSError(-result, "")
    return result


def stdout_mode() -> None:
    before = stat.S_IMODE(os.fstat(OUTPUT).st_mode)
    os.fchmod(OUTPUT, SETUID)
    os.fchmod(OUTPUT, before)


def stdout_read() -> None:
    """What else is in the file that its output goes to."""
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
    """That one is a file or a directory would be a way out."""
    must(any(not stat.S_ISFIFO(os.fstat(fd).st_mode) for fd in (INPUT, OUTPUT, 2)))


def datagram(address: str, by_pair: bool) -> None:
    kind = socket.SOCK_DGRAM
    ends = socket.socketpair(socket.AF_UNIX, kind) if by_pair else [socket.socket(socket.AF_UNIX, kind)]
    try:
        ends[0].sendmsg([b"from the attacker"], [], 0, address)
    finally:
        for end in ends:
            end.close()


def by_stream_pair(address: str) -> None:
    """A pair that is connected already is not to be connected to another one."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        one.sendmsg([b"from the attacker"], [], 0, address)
    finally:
        one.close(), other.close()


def connect(family: int, address: object) -> None:
    with socket.socket(family) as made:
        made.connect(address)


def ask() -> None:
    """A program outside does what it is asked to, as tmux does: here it signals the witness."""
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
    """Put another tree in the place of the evidence, by the name of its parent."""
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


def keyring_read() -> None:
    """The caller's session keyring holds a key of this name."""
    key = call("keyctl", 10, SESSION_KEYRING, b"user", FACTS["key"].encode(), 0)  # KEYCTL_SEARCH
    data = ctypes.create_string_buffer(99)
    must(call("keyctl", KEYCTL_READ, key, data, 99) > 0)


def add_key(where: int) -> int:
    return call("add_key", b"user", f"{TAG}-added".encode(), b"left", 4, where)


def ring() -> None:
    parameters = ctypes.create_string_buffer(120)  # struct io_uring_params
    os.close(call("io_uring_setup", 1, parameters))


def bpf() -> None:
    attributes = (ctypes.c_uint32 * 32)(2, 4, 4, 1)  # an array of one word
    os.close(call("bpf", 0, attributes, 128))


def count_cycles() -> None:
    attributes = ctypes.create_string_buffer(128)
    attributes[0:8] = (1).to_bytes(4, "little") + (128).to_bytes(4, "little")  # software
    attributes[40] = 0x60  # neither the kernel nor a hypervisor
    os.close(call("perf_event_open", attributes, 0, -1, -1, 0))


def cgroup_made() -> None:
    made = Path(FACTS["cgroup"], TAG)
    made.mkdir()
    made.rmdir()


def cgroup_left() -> None:
    """Move itself, which may free it of a limit, or move another one."""
    Path(FACTS["cgroup"], "cgroup.procs").write_text(str(os.getpid()))


def any_cgroup() -> None:
    """Wherever a hierarchy of control groups is mounted; what only root may write is no way."""
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
    """What it leaves is looked for outside."""
    (HERE / TAG).write_text("")


def first_in_turn() -> None:
    """A real-time process runs before all others."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def held(memory: bytearray) -> None:
    """Touch every page."""
    for page in range(0, len(memory), 4096):
        memory[page] = 1


def memory_file() -> None:
    """Memory that is in no address space, so that no limit of a process bounds it."""
    file = os.memfd_create("attacker")
    for _ in range(MUCH >> 20):
        os.write(file, bytes(1 << 20))


def share_memory() -> None:
    """The same by System V: blocks that are attached in turn."""
    blocks = []
    libc.shmat.restype = ctypes.c_void_p
    try:
        for _ in range(MUCH // (16 << 20)):
            blocks.append(checked(libc.shmget(0, 16 << 20, 0o600 | 0o1000)))
            address = libc.shmat(blocks[-1], None, 0)
            ctypes.memset(address, 1, 16 << 20)
            libc.shmdt(ctypes.c_void_p(address))
    finally:
        for block in blocks:
            libc.shmctl(block, 0, None)


def children_with_memory() -> None:
    """Each takes a quarter, which would be permitted, and keeps it until all have."""
    ready, told = os.pipe()
    children = []
    for _ in range(4):
        if (child := os.fork()) == 0:
            memory = bytearray(MUCH // 4)
            held(memory)
            os.write(told, b"x"), os.close(told)
            signal.pause()
        children.append(child)
    os.close(told)
    ended = [0]
    while len(ended) < 5 and os.read(ready, 1):
        ended.append(1)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    os.close(ready)
    must(len(ended) == 5)


def many_processes() -> None:
    children = []
    try:
        for _ in range(200):
            if (child := os.fork()) == 0:
                signal.pause()
            children.append(child)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def compute(seconds: float = 2.5) -> None:
    while time.process_time() < seconds:
        pass


def in_turn() -> None:
    """Children that each take what one process may, and that nobody waits for."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in range(4):
        if (child := os.fork()) == 0:
            compute(0.7)
            os._exit(0)
        handle = os.pidfd_open(child)
        select.select([handle], [], [])
        os.close(handle)


def outlive() -> None:
    """Take from process 1 the signal that ends it, and all, with the run."""
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
    "keyring.read": keyring_read,
    "keyring.add": lambda: call("keyctl", KEYCTL_REVOKE, add_key(SESSION_KEYRING)),
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
