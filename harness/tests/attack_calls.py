"""System calls for attacker.py, by name or by number, and those that are attacks in themselves."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
from pathlib import Path
from typing import Callable

AT_FDCWD = -100
KEYCTL_SEARCH, KEYCTL_READ, KEYCTL_REVOKE, SESSION_KEYRING = 10, 11, 3, -3
# x86-64, then the common table of all later architectures.
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
    """A system call by name; numbers are as wide as registers, even on the stack."""
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return checked(libc.syscall(ctypes.c_long(NR[name]), *wide))


def in_child(action: Callable[[], object]) -> None:
    """Calls that change the process itself run in another process, which nothing follows."""
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
    """A call that was not refused must also have had its effect."""
    if not condition:
        raise OSError(errno.ENODATA, "")


def opens(path: str | Path, flags: int) -> None:
    os.close(os.open(path, flags | os.O_NONBLOCK))


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


def keyring_read(name: str) -> None:
    """The caller's session keyring holds a key of this name."""
    key = call("keyctl", KEYCTL_SEARCH, SESSION_KEYRING, b"user", name.encode(), 0)
    data = ctypes.create_string_buffer(99)
    must(call("keyctl", KEYCTL_READ, key, data, 99) > 0)


def keyring_add(name: str) -> None:
    """Leave a key; it is revoked, so that a success leaves nothing."""
    key = call("add_key", b"user", name.encode(), b"left", 4, SESSION_KEYRING)
    call("keyctl", KEYCTL_REVOKE, key)


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
