"""ending.py WHO EACH COMMAND [ARGUMENT]...: a process with three CLOSE_WAITs ends while a command looks at it.

WHO is "leader", so that the process lives on in its other thread, or "process". The command runs again and
again, each time for a new process, whose pid replaces "PID". It is stopped (ptrace(2)) before its first system
call, then before the one that is EACH later, and so on, until it has no more. While it is stopped, WHO ends.
For each run, one line: the number of the call, the exit status, and what the command said first.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from pathlib import Path

from holder import LIBC, kept, own_network, three

TRACEME, CONT, SYSCALL, SETOPTIONS = 0, 7, 24, 0x4200
NO_LEAKS = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # LeakSanitizer uses ptrace(), too
ptrace = LIBC.ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def hold(who: str) -> tuple[int, int]:
    """Start the process; returns its pid, and the descriptor by which end() asks it to end."""
    ready, say = os.pipe()
    wait, ask = os.pipe()
    if (pid := os.fork()) == 0:
        kept.extend(three())
        threading.Thread(target=time.sleep, args=(1000,)).start()
        os.write(say, b"x")
        os.read(wait, 1)
        if who == "leader":
            LIBC.pthread_exit(None)
        os._exit(0)
    os.read(ready, 1)
    for fd in (ready, say, wait):
        os.close(fd)
    return pid, ask


def end(pid: int, ask: int) -> None:
    os.write(ask, b"x")
    while ") Z " not in Path(f"/proc/{pid}/stat").read_text():
        time.sleep(0.0001)  # the next look


def start(words: list[str]) -> tuple[int, int]:
    """Start a command, stopped at its beginning; returns its pid, and a descriptor of what it says."""
    said, say = os.pipe()
    if (pid := os.fork()) == 0:
        os.dup2(say, 1)
        os.dup2(say, 2)
        ptrace(TRACEME, 0, None, None)
        os.execve(words[0], words, NO_LEAKS)
    os.close(say)
    os.waitpid(pid, 0)
    return pid, said


def go_on(pid: int, how: int) -> int:
    """Until it stops or ends; returns its wait status."""
    ptrace(how, pid, None, None)
    return os.waitpid(pid, 0)[1]


def run(who: str, command: list[str], call: int) -> bool:
    """Run the command once; returns whether it came to that call."""
    pid, ask = hold(who)
    looker, said = start([str(pid) if word == "PID" else word for word in command])
    status = 0
    for _ in range(2 * call + 1):  # it stops before and after each call
        status = go_on(looker, SYSCALL)
        if not os.WIFSTOPPED(status):
            break
    came = os.WIFSTOPPED(status)
    if came:
        end(pid, ask)
        status = go_on(looker, CONT)
    with open(said) as lines:
        print(call, os.waitstatus_to_exitcode(status), lines.readline().strip(), flush=True)
    os.close(ask)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return came


def main(who: str, each: str, *command: str) -> None:
    own_network()
    call = 0
    while run(who, list(command), call):
        call += int(each)


main(*sys.argv[1:])
