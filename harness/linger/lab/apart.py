"""A private working folder: several instances of a program write into it without colliding.

Changes by this process and everything it starts go to an overlay in memory, which is private and ends with
them (overlayfs; in a user namespace since Linux 5.11). If the kernel refuses that, they get a copy, if the
folder is small.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

from linger.lab.foreign import printable
from linger.lab.netns import MS_BIND, MS_REC, mount

MOST_COPIED = 64 << 20  # bytes
PLACE = Path("/run/folder")  # netns.own_run() came before
OPTIONS = ("userxattr", "")  # a user namespace needs this; an older kernel does not know it


def keep_apart(evidence: Path) -> str:
    """Put a private layer over the working folder, except a folder of evidence in it.

    Call it after netns.own_run(), before anything is started. Returns "", or a clause that says why the
    folder stays shared.
    """
    folder = Path.cwd()
    if why := _unsuitable(folder):
        return why
    kept = os.open(evidence, os.O_PATH)
    try:
        if refused := _overlay(folder):
            if _larger_than(MOST_COPIED, folder):
                return f"{refused}, and it is larger than {MOST_COPIED >> 20} MiB"
            copied = subprocess.run(["cp", "-a", folder, PLACE / "copy"], capture_output=True)
            if copied.returncode or mount(str(PLACE / "copy"), folder, MS_BIND):
                return f"{refused}, and it cannot be copied"
        os.chdir(folder)
        if evidence.absolute().is_relative_to(folder):
            mount(f"/proc/self/fd/{kept}", evidence.absolute(), MS_BIND | MS_REC)
    finally:
        os.close(kept)
    return ""


def _unsuitable(folder: Path) -> str:
    """Why a layer over a folder would hide something; "" if it does not."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mounted = Path(line.split()[4].encode().decode("unicode_escape"))
        if mounted != folder and mounted.is_relative_to(folder):
            return f"{printable(str(mounted))} is mounted in it"
    return ""


def _overlay(folder: Path) -> str:
    """Mount an overlay over a folder; returns why it was refused, or ""."""
    upper, work = PLACE / "upper", PLACE / "work"
    for made in (upper, work):
        made.mkdir(parents=True)
    seen = folder.stat()
    upper.chmod(seen.st_mode & 0o7777)
    with contextlib.suppress(OSError):  # of a user not mapped here
        os.chown(upper, seen.st_uid, seen.st_gid)
    lower = "".join(f"\\{c}" if c in "\\:," else c for c in str(folder))
    refused = ""
    for more in OPTIONS:
        options = f"lowerdir={lower},upperdir={upper},workdir={work},{more}".rstrip(",")
        refused = mount("overlay", folder, 0, "overlay", options)
        if not refused:
            return ""
    return refused


def _larger_than(most: int, folder: Path) -> bool:
    """Whether the files of a folder have more bytes than allowed."""
    size = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(path, name)).st_size
            if size > most:
                return True
    return False
