"""refuse.py KIND COMMAND [ARGUMENT]...: run a command under a filter that refuses a system call.

KIND is

    always      unshare(2), as Docker does without CAP_SYS_ADMIN
    namespaces  only with the flags of namespaces, as systemd does with RestrictNamespaces=
    sock_diag   a netlink socket of sock_diag, as gVisor does
    copies      pidfd_getfd(2), with death: a caller does not live to hide it
    compare     kcmp(2), as Docker does without CAP_SYS_PTRACE
    bpf         bpf(2), as Docker does without CAP_BPF
    iterators   only to run a BPF iterator that is loaded, as if descriptors were short
"""

import ctypes
import errno
import os
import platform
import struct
import sys

X86 = platform.machine() == "x86_64"
UNSHARE, SOCKET, KCMP, BPF = (272, 41, 312, 321) if X86 else (97, 198, 272, 280)
PIDFD_GETFD = 438  # on every architecture
NAMESPACES = 0x7E020000  # CLONE_NEWNS | CLONE_NEWCGROUP | ... | CLONE_NEWNET
NUMBER, FIRST_ARGUMENT, THIRD_ARGUMENT = 0, 16, 32  # in struct seccomp_data; of the argument, the lower half
LOAD, EQUAL, ANY_OF, RETURN = 0x20, 0x15, 0x45, 0x06  # of bpf
ALLOW, FAIL, KILL = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, NO_PROTOCOL = FAIL | errno.EPERM, FAIL | errno.EPROTONOSUPPORT
BPF_ITER_CREATE = 33
NETLINK_SOCK_DIAG = 4  # and not an IPv4 protocol that anybody uses
PR_SET_SECCOMP, FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38

Step = tuple[int, int, int, int]  # code, how far to go when true, when false; value
RULES: dict[str, tuple[int, list[Step], int]] = {  # the call, its argument if it matters; what then
    "always": (UNSHARE, [], EPERM),
    "namespaces": (
        UNSHARE,
        [(LOAD, 0, 0, FIRST_ARGUMENT), (ANY_OF, 0, 1, NAMESPACES)],
        EPERM,
    ),
    "sock_diag": (
        SOCKET,
        [(LOAD, 0, 0, THIRD_ARGUMENT), (EQUAL, 0, 1, NETLINK_SOCK_DIAG)],
        NO_PROTOCOL,
    ),
    "copies": (PIDFD_GETFD, [], KILL),
    "compare": (KCMP, [], EPERM),
    "bpf": (BPF, [], EPERM),
    "iterators": (BPF, [(LOAD, 0, 0, FIRST_ARGUMENT), (EQUAL, 0, 1, BPF_ITER_CREATE)], FAIL | errno.EMFILE),
}


def program(kind: str) -> bytes:
    """The instructions of a filter."""
    call, argument, action = RULES[kind]
    steps = [
        (LOAD, 0, 0, NUMBER),
        (EQUAL, 0, len(argument) + 1, call),
        *argument,
        (RETURN, 0, 0, action),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def main() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    code = program(sys.argv[1])
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HP", len(code) // 8, ctypes.addressof(buffer))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, FILTER, header):
        raise OSError(ctypes.get_errno(), "prctl")
    os.execvp(sys.argv[2], sys.argv[2:])


main()
