"""Writes linger's files completely or not at all, or fails with a sentence that names the path. Reads other
people's files only if they are regular and of bounded size.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any, Iterator

from linger.lab.errors import CannotRun, Usage

MOST_EVIDENCE = 256 << 20  # bytes of a file that a run left
FULL = (errno.ENOSPC, errno.EDQUOT)
KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
ELSEWHERE = "choose another folder with RESULTS=DIR (--results DIR)"


def unwritable(what: object, error: OSError, otherwise: str = ELSEWHERE) -> CannotRun:
    """The error for something that the system refuses to write.

    what: the path, perhaps with words before it; otherwise: an alternative to making room.
    """
    cure = "free some space there" if error.errno in FULL else "make it writable"
    return CannotRun(f"cannot write {what}: {error.strerror or error}; {cure}, or {otherwise}")


@contextlib.contextmanager
def writing(path: Path, otherwise: str = ELSEWHERE) -> Iterator[None]:
    """In this context something is written to a path, which the system does not always name in errors.

    otherwise: as for unwritable(). Errors: CannotRun instead of OSError.
    """
    try:
        yield
    except OSError as error:
        raise unwritable(path, error, otherwise) from error


@contextlib.contextmanager
def replacing(path: Path, otherwise: str = ELSEWHERE) -> Iterator[Path]:
    """A path to write to, which becomes the file if all went well, and is removed otherwise.

    It is always a new file, even if there is a link at that path; two processes that write the same file at
    the same time each write their own. Errors: as writing().
    """
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    made = False
    try:
        with writing(path, otherwise):
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            made = True
            yield part
            part.replace(path)
    finally:
        if made:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder. Errors: CannotRun when it cannot be made."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="linger-")
    except OSError as error:  # it tries several places and names them
        where = error.filename or "a temporary file"
        raise unwritable(where, error, "choose another folder with TMPDIR=DIR") from error
    with folder as name:
        yield Path(name)


def make_folder(path: Path, otherwise: str = ELSEWHERE) -> None:
    """Create a folder and its parents, unless it exists. Errors: as writing()."""
    with writing(path, otherwise):
        path.mkdir(parents=True, exist_ok=True)


def write_text(path: Path, content: str, otherwise: str = ELSEWHERE) -> None:
    """Write a file completely or not at all. Errors: as writing()."""
    with replacing(path, otherwise) as part:
        part.write_text(content)


def write_json(path: Path, content: dict[str, Any], otherwise: str = ELSEWHERE) -> None:
    """Write a JSON file completely or not at all. Errors: as writing()."""
    write_text(path, json.dumps(content, indent=2) + "\n", otherwise)


def read_regular(file: Path, most: int) -> bytes:
    """The contents of another's file. most: bytes that it may have.

    Errors: OSError; Usage for a file that is not regular (a link may lead to a file that only the caller can
    read, a FIFO or a device has no end) or is larger.
    """
    found = os.open(file, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)  # opens no device
    try:
        status = os.fstat(found)
        if not stat.S_ISREG(status.st_mode):
            kind = KINDS.get(stat.S_IFMT(status.st_mode), "no file")
            raise Usage(f"{file} is {kind}; only a regular file is read; put a file there")
        with open(f"/proc/self/fd/{found}", "rb") as content:
            read = content.read(most + 1)
    finally:
        os.close(found)
    if len(read) > most:
        raise Usage(f"{file} has more than {most} bytes and is not read; make it smaller")
    return read
