"""Attacks on limits for attacker.py: more memory, processes and time than are permitted."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import time

from attack_calls import checked, libc, must

MUCH = 400 << 20  # bytes: more than is permitted


def held(memory: bytearray) -> None:
    """Touch every page."""
    for page in range(0, len(memory), 4096):
        memory[page] = 1


def memory_file() -> None:
    """Memory in no address space, so that no per-process limit bounds it."""
    file = os.memfd_create("attacker")
    for _ in range(MUCH >> 20):
        os.write(file, bytes(1 << 20))


def share_memory() -> None:
    """The same by System V: blocks that are attached in turn."""
    blocks = []
    libc.shmat.restype = ctypes.c_void_p
    try:
        for _ in range(MUCH // (16 << 20)):
            blocks.append(checked(libc.shmget(0, 16 << 20, 0o600 | 0o1000)))
            address = libc.shmat(blocks[-1], None, 0)
            ctypes.memset(address, 1, 16 << 20)
            libc.shmdt(ctypes.c_void_p(address))
    finally:
        for block in blocks:
            libc.shmctl(block, 0, None)


def children_with_memory() -> None:
    """Each takes a quarter, which would be permitted, and keeps it until all have theirs."""
    ready, told = os.pipe()
    children = []
    for _ in range(4):
        if (child := os.fork()) == 0:
            memory = bytearray(MUCH // 4)
            held(memory)
            os.write(told, b"x"), os.close(told)
            signal.pause()
        children.append(child)
    os.close(told)
    ended = [0]
    while len(ended) < 5 and os.read(ready, 1):
        ended.append(1)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    os.close(ready)
    must(len(ended) == 5)


def many_processes() -> None:
    children = []
    try:
        for _ in range(200):
            if (child := os.fork()) == 0:
                signal.pause()
            children.append(child)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def compute(seconds: float = 1.2) -> None:
    while time.process_time() < seconds:
        pass


def in_turn() -> None:
    """Children that each take what one process may, and are not waited for."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in range(3):
        if (child := os.fork()) == 0:
            compute(0.6)
            os._exit(0)
        handle = os.pidfd_open(child)
        select.select([handle], [], [])
        os.close(handle)


def first_in_turn() -> None:
    """A real-time process runs before all others."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
