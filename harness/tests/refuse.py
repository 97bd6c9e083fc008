"""refuse.py KIND COMMAND [ARGUMENT]...: run a command under a filter that refuses unshare(2).

KIND is "always", as Docker does without CAP_SYS_ADMIN, or "namespaces": only with the flags of
namespaces, as systemd does with RestrictNamespaces=.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

UNSHARE = {"x86_64": 272, "aarch64": 97, "riscv64": 97}[platform.machine()]
NAMESPACES = 0x7E020000  # CLONE_NEWNS | CLONE_NEWCGROUP | ... | CLONE_NEWNET
NUMBER, FIRST_ARGUMENT = 0, 16  # in struct seccomp_data; of the argument, the lower half
LOAD, EQUAL, ANY_OF, RETURN = 0x20, 0x15, 0x45, 0x06  # of bpf
ALLOW, FAIL = 0x7FFF0000, 0x00050000
PR_SET_SECCOMP, FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38

MASK = {"always": 0, "namespaces": NAMESPACES}


def program(mask: int) -> bytes:
    """Instructions: the call, then its flags if they matter."""
    flags = [(LOAD, 0, 0, FIRST_ARGUMENT), (ANY_OF, 0, 1, mask)] if mask else []
    steps = [
        (LOAD, 0, 0, NUMBER),
        (EQUAL, 0, len(flags) + 1, UNSHARE),
        *flags,
        (RETURN, 0, 0, FAIL | errno.EPERM),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def main() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    code = program(MASK[sys.argv[1]])
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HP", len(code) // 8, ctypes.addressof(buffer))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, FILTER, header):
        raise OSError(ctypes.get_errno(), "prctl")
    os.execvp(sys.argv[2], sys.argv[2:])


main()
