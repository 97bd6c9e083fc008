"""--keep: an interactive shell in the lab of a failed test, before the lab is removed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess

from linger.lab import Lab
from linger.lab.programs import program


def open_in(lab: Lab, message: str | None) -> None:
    """Open a shell on the terminal and return when the user leaves it.

    Several failed labs take turns. Without a terminal there is nobody to wait for: it says so in the lab's
    progress and returns.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        lab.tell("not kept: --keep needs a terminal")
        return
    turn = os.open(os.environ["LINGER_RUN"], os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        os.write(terminal, _greeting(lab, message).encode())
        # Without job control (+m): in this pid namespace the terminal's foreground group has no number, so a
        # shell that took the terminal could not give it back.
        shell = shutil.which("bash") or "/bin/sh"
        environment = {**os.environ, "PS1": f"{lab.name} $ "}
        ends = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
        subprocess.run([shell, "-i", "+m"], env=environment, **ends)
    finally:
        os.close(turn)  # or the next lab that fails in this process would wait for itself
        os.close(terminal)


def _greeting(lab: Lab, message: str | None) -> str:
    hosts = "".join(
        f"    ip netns exec {host.path.name} ss -tanp      # host {host.name}, {host.address}\n"
        f"    {program('census')} --host {host.name}={host.path.name}\n"
        for host in lab.hosts.values()
    )
    return f"\n{lab.name}: {message}\nThe lab is still there:\n{hosts}It is removed when you exit.\n"
