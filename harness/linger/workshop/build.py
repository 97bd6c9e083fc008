"""Runs the compiler in the cage, with the Makefile's options (build/compile), and collects its messages.

A source can make the compiler read any file (`.incbin`, #include), load one (a precompiled header), or use up
all memory and time. So the compiler sees only the system's files and a private /tmp. Our files come on its
standard input, and the program goes to its standard output.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import shlex
import signal
import subprocess
import tarfile
from pathlib import Path

from linger.lab import confine
from linger.lab.errors import Broken, CannotRun, last_sentence
from linger.lab.files import make_folder, unwritable, writing
from linger.lab.foreign import printable_lines
from linger.lab.programs import ROOT, program
from linger.run.results import folder_mode
from linger.workshop.workplace import read_source

SANITIZERS = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-O1"]
COMPILE_WITHIN = 60  # s
# What the linker and the compiler say when the libraries are missing.
MISSING = re.compile(r"\b(?:stdio|event2/event)\.h(?=: No such)|-levent_core\b(?=:|$)", re.M)
# More than a compiler needs for an exercise, even with sanitizers: bytes of memory in total and of
# a file, seconds of CPU time, processes.
LIMITS = {"memory": 512 << 20, "fsize": 16 << 20, "cpu": 20, "nproc": 32, "core": 0}
ROOM = 4 << 20  # bytes: the most that a program needs, with sanitizers
ELSEWHERE = "choose another folder with TMPDIR=DIR"
LIBRARY = "libcommon.a"
# In the cage, in its /tmp: unpack, compile, print the program or the beginning of the messages.
IN_CAGE = """command -v "$1" >/dev/null || exit 127
tar -xf - && "$@" -o program 2>said || failed=1
head -c 65536 said >&2
[ ! "$failed" ] && cat program"""


def command(source: str | Path, *more: str) -> list[str]:
    """The command that compiles and links a student's file, in the folder of the repository.

    Errors: CannotRun before `make`.
    """
    try:
        words = shlex.split(program("compile").read_text())
    except FileNotFoundError:
        raise CannotRun("not built; run: make") from None
    return [str(source) if word == "{source}" else word for word in words] + [*more]


def compile_ours(source: Path, binary: Path) -> None:
    """Compile a program that we wrote, without the cage and quickly; errors: Broken with the complaint."""
    words = command(source, "-O0", "-g0", "-w", "-s", "-o", str(binary))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise Broken(f"{source.name}: {done.stderr}")
    binary.chmod(0o755)  # whatever the umask, as below


def sanitized() -> bool:
    """Whether to build students' programs with sanitizers: to examine a crash, or with SAN=1."""
    return "LINGER_SANITIZED" in os.environ or "-fsanitize" in program("compile").read_text()


def compile(source: Path, binary: Path, *more: str) -> tuple[bool, str]:
    """Compile a program; returns whether it worked, and what the compiler said.

    more: further options. Errors: CannotRun when there is no compiler, or only part of it, no cage, or no
    room for the program; Broken when it hangs; for the source as read_source().
    """
    given = _packed({source.name: read_source(source)})
    make_folder(binary.parent, ELSEWHERE)
    binary.parent.chmod(folder_mode() & 0o755)
    words = [LIBRARY if Path(word).name == LIBRARY else word for word in command(f"./{source.name}", *more)]
    cage = [*confine.closed(**LIMITS), "--", "sh", "-c", IN_CAGE, "sh"]
    with writing(binary, ELSEWHERE), open(binary, "wb") as made:
        status, said = _run([*cage, *words], given, made.fileno())
    if status == 127:
        raise _lacking(words[0])
    if status not in (0, 1):
        _must_have_room(binary.parent)
        raise CannotRun(last_sentence(said) or f"the compiler's cage exited with status {status}")
    if status:
        binary.unlink()
        if missing := MISSING.search(said):
            raise _lacking(missing[0])
    else:
        binary.chmod(0o755)  # whatever the umask: in the sandbox the user nobody runs it
    return not status, shortened(printable_lines(said).replace(f"./{source.name}", source.name))


def _packed(files: dict[str, bytes]) -> bytes:
    """An archive of files by their names, with our library and the headers beside them."""
    ours = [*(ROOT / "harness" / "common").glob("*.h")]
    files = {LIBRARY: program(LIBRARY).read_bytes(), **files}
    files |= {str(path.relative_to(ROOT)): path.read_bytes() for path in ours}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _run(words: list[str], given: bytes, out: int) -> tuple[int, str]:
    """Run the cage; returns its status and its standard error.

    given: its standard input; out: its standard output. Errors: Broken when it hangs.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(words, env=environment, start_new_session=True, stdin=subprocess.PIPE,
                          stdout=out, stderr=subprocess.PIPE) as cage:  # fmt: skip
        try:
            _, said = cage.communicate(given, COMPILE_WITHIN)
        except subprocess.TimeoutExpired:
            raise Broken(f"the compiler did not end within {COMPILE_WITHIN} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):  # everything in the cage ends with it
                os.killpg(cage.pid, signal.SIGKILL)
    return cage.returncode, said.decode(errors="replace")


def _must_have_room(folder: Path) -> None:
    """After a failure: do not tell students that their program does not compile when it could not
    be written. Errors: CannotRun."""
    room = os.statvfs(folder)
    full = room.f_bavail * room.f_frsize < ROOM or (room.f_files and not room.f_favail)
    if full or not os.access(folder, os.W_OK):
        reason = errno.ENOSPC if full else errno.EACCES
        raise unwritable(folder, OSError(reason, os.strerror(reason)), ELSEWHERE)


def _lacking(what: str) -> CannotRun:
    return CannotRun(
        f"exercises need gcc, libc6-dev and libevent-dev, but there is no {what}; run: make deps"
    )


def shortened(complaint: str, most: int = 24) -> str:
    """The beginning of the compiler's output: the first error matters most."""
    lines = complaint.rstrip().splitlines()
    more = len(lines) - most
    return "\n".join(lines[:most] + ([f"... and {more} more lines"] if more > 0 else []))


def wrongs(complaint: str) -> int:
    """How many errors or warnings a compiler reports."""
    return len(re.findall(r"\b(?:error|warning): ", complaint))
