"""Separates a worker from all others by namespaces of its own: its counts need not look through their
processes, and what its tests leave behind ends with it."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

from linger.lab import netns
from linger.lab.errors import Broken

PR_SET_PDEATHSIG = 1


def enter(number: int) -> None:
    """Go on as a process of a new pid namespace, with a /proc and a /run of its own.

    The calling process waits until the new one ends, and ends with its status. Process 1 reaps orphans.
    number: the worker's, which determines its pid: workers' pids differ, so names made of them do too. Errors:
    Broken with what the kernel refused.
    """
    passed_over = os.getppid() % 32 + number  # so that it is not the session's pid either
    netns.own_run()
    netns.unshare(netns.CLONE_NEWPID)  # for children only
    _go_on_in_a_child()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if refused := netns.mount("proc", Path("/proc"), 0, "proc"):
        raise Broken(refused)
    for _ in range(passed_over):
        os.waitpid(os.fork() or os._exit(0), 0)
    _go_on_in_a_child()


def _go_on_in_a_child() -> None:
    """Fork. The parent waits for the child, and for the orphans it is given, and ends with the child's status."""
    child = os.fork()
    if child == 0:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child acts on ^C
    ended = 0
    while ended != child:
        ended, status = os.wait()
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
