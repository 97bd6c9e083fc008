"""ending.py WHAT EACH COMMAND [ARGUMENT]...: something happens to a process while a command looks at it.

The process has three CLOSE_WAITs, and a second thread. WHAT happens is "leader": its leader ends, and the process
lives on; "process": all of it ends; "exec": its leader has ended already, and the other thread calls execve(2),
which makes it the leader; "hide": it is no longer dumpable, and COMMAND lacks CAP_SYS_PTRACE (ptrace(2)).

The command runs again and again, each time for a new process, whose pid replaces "PID". The command is stopped
before its first system call, then before the one that is EACH later, and so on, until it makes no more calls.
While it is stopped, WHAT happens. For each run, one line: the number of the call, the exit status, and what the
command said first.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import threading
import time

from holder import LIBC, await_leader, check, kept, own_network, three

TRACEME, CONT, SYSCALL, SETOPTIONS = 0, 7, 24, 0x4200
NO_LEAKS = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # LeakSanitizer uses ptrace(), too
PR_SET_DUMPABLE, PR_CAPBSET_DROP, CAP_SYS_PTRACE, CAPABILITY_VERSION_3 = 4, 24, 19, 0x20080522
PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER = 47, 3
ptrace = LIBC.ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def hold(what: str) -> tuple[int, int, int]:
    """Start the process; returns its pid, the descriptor by which happen() asks, and that of the answer."""
    answer, say = os.pipe()
    wait, ask = os.pipe()
    if (pid := os.fork()) == 0:
        if what == "hide":  # the command may see it at first: it has no more capabilities than that
            check(LIBC.capset(struct.pack("Ii", CAPABILITY_VERSION_3, 0), bytes(24)))
        for end in three():
            end.set_inheritable(True)
            kept.append(end)
        threading.Thread(target=stay, args=(what, wait, say)).start()
        os.write(say, b"x")
        if what != "exec":
            os.read(wait, 1)
        if what == "hide":
            check(LIBC.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
            os.write(say, b"x")
            time.sleep(1000)
        if what != "process":
            LIBC.pthread_exit(None)
        os._exit(0)
    os.read(answer, 1)
    if what == "exec":
        await_leader(pid)
    for fd in (say, wait):
        os.close(fd)
    return pid, ask, answer


def stay(what: str, wait: int, say: int) -> None:
    """The second thread."""
    if what == "exec":
        os.read(wait, 1)
        os.execv("/bin/sleep", ["sleep", "1000"])  # closes `say`
    time.sleep(1000)


def happen(what: str, pid: int, ask: int, answer: int) -> None:
    os.write(ask, b"x")
    if what in ("leader", "process"):
        await_leader(pid)
    else:
        os.read(answer, 1)


def start(words: list[str], rights: bool) -> tuple[int, int]:
    """Start a command, stopped at its beginning; returns its pid, and a descriptor of what it says. rights:
    whether it has CAP_SYS_PTRACE."""
    said, say = os.pipe()
    if (pid := os.fork()) == 0:
        os.dup2(say, 1)
        os.dup2(say, 2)
        if not rights:
            check(LIBC.prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0))  # what execve(2) gives root
            check(LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_SYS_PTRACE, 0, 0))  # and others
        ptrace(TRACEME, 0, None, None)
        os.execve(words[0], words, NO_LEAKS)
    os.close(say)
    os.waitpid(pid, 0)
    return pid, said


def go_on(pid: int, how: int) -> int:
    """Until it stops or ends; returns its wait status."""
    ptrace(how, pid, None, None)
    return os.waitpid(pid, 0)[1]


def run(what: str, command: list[str], call: int) -> bool:
    """Run the command once; returns whether it came to that call."""
    pid, ask, answer = hold(what)
    looker, said = start([str(pid) if word == "PID" else word for word in command], what != "hide")
    status = 0
    for _ in range(2 * call + 1):  # it stops before and after each call
        status = go_on(looker, SYSCALL)
        if not os.WIFSTOPPED(status):
            break
    came = os.WIFSTOPPED(status)
    if came:
        happen(what, pid, ask, answer)
        status = go_on(looker, CONT)
    with open(said) as lines:
        print(call, os.waitstatus_to_exitcode(status), lines.readline().strip(), flush=True)
    os.close(ask)
    os.close(answer)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return came


def main(what: str, each: str, *command: str) -> None:
    own_network()
    call = 0
    while run(what, list(command), call):
        call += int(each)


main(*sys.argv[1:])
