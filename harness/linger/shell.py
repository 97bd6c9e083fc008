"""--keep: an interactive shell in the lab of a test that failed, before the lab goes away."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess

from linger.census import program
from linger.lab import Lab


def open_in(lab: Lab, message: str | None) -> None:
    """Open a shell on the terminal and return when the user leaves it.

    Several labs that failed take turns. Without a terminal there is nobody to wait for: it says
    so on the lab's progress and returns.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        lab.tell("not kept: --keep needs a terminal")
        return
    try:
        fcntl.flock(os.open(lab.evidence.parents[1], os.O_RDONLY), fcntl.LOCK_EX)
        os.write(terminal, _greeting(lab, message).encode())
        shell = os.environ.get("SHELL", "/bin/sh")
        environment = {**os.environ, "PS1": f"{lab.name} $ "}
        subprocess.run(
            [shell, "-i"], stdin=terminal, stdout=terminal, stderr=terminal, env=environment
        )
        # Not every shell gives the terminal back, and the next one would wait for it for ever.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(terminal, os.getpgrp())
    finally:
        os.close(terminal)


def _greeting(lab: Lab, message: str | None) -> str:
    hosts = "".join(
        f"    ip netns exec {host.path.name} ss -tanp      # host {host.name}, {host.address}\n"
        f"    {program('census')} --host {host.name}={host.path.name}\n"
        for host in lab.hosts.values()
    )
    return f"\n{lab.name}: {message}\nThe lab is still there:\n{hosts}It goes when you exit.\n"
