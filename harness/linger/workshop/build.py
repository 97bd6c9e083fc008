"""The compiler, told what the Makefile tells it (build/compile), and what it complains about."""

from __future__ import annotations

import errno
import os
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from linger.lab.errors import Broken, CannotRun
from linger.lab.files import make_folder, unwritable
from linger.lab.programs import ROOT, program
from linger.run.results import folder_mode

SANITIZERS = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-O1"]
COMPILE_WITHIN = 60  # s
# What the linker and the compiler say when only they are installed.
MISSING = re.compile(r"\b(?:stdio|event2/event)\.h(?=: No such)|-levent_core\b(?=:|$)", re.M)
ROOM = 4 << 20  # bytes: what a compiler may need, with sanitizers
ELSEWHERE = "choose another folder with LABS=DIR"


def command(source: Path, binary: Path, *more: str) -> list[str]:
    """The words that compile and link a student's file. Errors: CannotRun before `make`."""
    try:
        words = shlex.split(program("compile").read_text())
    except FileNotFoundError:
        raise CannotRun("not built; run: make") from None
    # They refer to the project's folder, where they run; these are the caller's.
    return [str(source.absolute()) if word == "{source}" else word for word in words] + [
        *more, "-o", str(binary.absolute()),
    ]  # fmt: skip


def sanitized() -> bool:
    """Whether students' programs are built with sanitizers: to look at a crash, or by SAN=1."""
    return "LINGER_SANITIZED" in os.environ or "-fsanitize" in program("compile").read_text()


def compile(source: Path, binary: Path, *more: str) -> tuple[bool, str]:
    """Compile a program; returns whether it worked, and what the compiler said.

    more: further options. Errors: CannotRun when there is no compiler, or not all of it, or no room
    for what it writes; Broken when it hangs.
    """
    make_folder(binary.parent, ELSEWHERE)
    binary.parent.chmod(folder_mode() & 0o755)
    words = command(source, binary, *more)
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            words, cwd=ROOT, env=environment, capture_output=True, text=True,
            errors="replace", timeout=COMPILE_WITHIN,
        )  # fmt: skip
    except FileNotFoundError:
        raise _lacking(words[0]) from None
    except subprocess.TimeoutExpired:
        raise Broken(f"the compiler did not end within {COMPILE_WITHIN} s") from None
    if done.returncode:
        if missing := MISSING.search(done.stderr):
            raise _lacking(missing[0])
        _must_have_room(binary.parent, ELSEWHERE)
        _must_have_room(Path(tempfile.gettempdir()), "choose another folder with TMPDIR=DIR")
    else:
        binary.chmod(0o755)  # whatever the umask: in the sandbox nobody runs it
    return not done.returncode, shortened(done.stderr.replace(str(source.absolute()), source.name))


def _must_have_room(folder: Path, otherwise: str) -> None:
    """After a failure: a student is not to be told that his program does not compile, when the
    compiler could not write. Errors: CannotRun."""
    room = os.statvfs(folder)
    full = room.f_bavail * room.f_frsize < ROOM or (room.f_files and not room.f_favail)
    if full or not os.access(folder, os.W_OK):
        reason = errno.ENOSPC if full else errno.EACCES
        raise unwritable(folder, OSError(reason, os.strerror(reason)), otherwise)


def _lacking(what: str) -> CannotRun:
    return CannotRun(
        f"exercises need gcc, libc6-dev and libevent-dev, and there is no {what}; run: make deps"
    )


def shortened(complaint: str, most: int = 24) -> str:
    """The beginning of what a compiler said: the first error is the one to look at."""
    lines = complaint.rstrip().splitlines()
    more = len(lines) - most
    return "\n".join(lines[:most] + ([f"... and {more} lines more"] if more > 0 else []))


def wrongs(complaint: str) -> int:
    """How many errors or warnings a compiler's complaint holds."""
    return len(re.findall(r"\b(?:error|warning): ", complaint))
