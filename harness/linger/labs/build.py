"""The compiler, told what the Makefile tells it (build/compile), and what it complains about."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

from linger.census import program
from linger.errors import Broken, CannotRun
from linger.results import folder_mode
from linger.story import ROOT

SANITIZERS = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-O1"]
PATIENCE = 60  # s


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

    more: further options. Errors: CannotRun when there is no compiler; Broken when it hangs.
    """
    binary.parent.mkdir(parents=True, exist_ok=True)
    binary.parent.chmod(folder_mode() & 0o755)
    words = command(source, binary, *more)
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            words, cwd=ROOT, env=environment, capture_output=True, text=True,
            errors="replace", timeout=PATIENCE,
        )  # fmt: skip
    except FileNotFoundError:
        raise CannotRun(f"{words[0]} is not installed; run: make deps") from None
    except subprocess.TimeoutExpired:
        raise Broken(f"the compiler did not end within {PATIENCE} s") from None
    if not done.returncode:
        binary.chmod(0o755)  # whatever the umask: in the sandbox nobody runs it
    return not done.returncode, shortened(done.stderr.replace(str(source.absolute()), source.name))


def shortened(complaint: str, most: int = 24) -> str:
    """The beginning of what a compiler said: the first error is the one to look at."""
    lines = complaint.rstrip().splitlines()
    more = len(lines) - most
    return "\n".join(lines[:most] + ([f"... and {more} lines more"] if more > 0 else []))


def wrongs(complaint: str) -> int:
    """How many errors or warnings a compiler's complaint holds."""
    return len(re.findall(r"\b(?:error|warning): ", complaint))
