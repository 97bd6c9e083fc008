"""Programs to be explained: both halves of each pair that leaks, started without any lab.

Each patient is brought to its scenario's final state, with N connections and some healthy ones, on the
caller's loopback. test_explain.py takes a sample, real/explained.py all.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Callable

from linger.lab.process import Process
from linger.lab.programs import program

HERE = "127.0.0.1"
HEALTHY = 3  # connections whose clients stay
LATE = 60.0  # s: a thousand connections on a busy machine


class Ward:
    """Programs that end with the block, and ways to await them."""

    def __init__(self, folder: Path, n: int) -> None:
        """folder: for logs; n: connections."""
        self.n = n
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._started = 0

    def __enter__(self) -> Ward:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def start(self, *words: object) -> Process:
        """Start a program of ours, by its place in build/."""
        return self.run(program(str(words[0])), *words[1:])

    def run(self, *words: object) -> Process:
        """Start a command."""
        self._started += 1
        command = [word if isinstance(word, Path) else str(word) for word in words]
        process = Process(command, self._folder / f"{self._started}.log")
        self._stack.callback(process.kill, tree=True)
        return process

    def server(self, stem: str, variant: str, *options: object) -> tuple[Process, int]:
        """Start half of a pair as a server; returns it and its port."""
        name = f"servers/{stem}_{variant}" if variant else f"servers/{stem}"
        process = self.start(name, "-l", HERE, "-p", 0, *options)
        return process, int(process.said("ready")["port"])

    def client(self, stem: str, variant: str, port: int, *options: object) -> Process:
        return self.start(
            f"clients/{stem}_{variant}", "-l", HERE, "-p", port, "-n", self.n, *options
        )

    def peer(self, port: int, actions: str, n: int | None = None, at: str = HERE) -> Process:
        count = self.n if n is None else n
        return self.start(
            "clients/peer", "-l", at, "-p", port, "-n", count, "-t", LATE, *actions.split()
        )

    def healthy(self, port: int, n: int = HEALTHY) -> None:
        """Clients that are served and stay."""
        self.peer(port, "connect hello stay", n).said("stay", within=LATE)

    def listens(self, port: int, within: float) -> None:
        """Await a listener."""
        words = ["--port", port, "--until", "LISTEN >= 1", "--within", f"{within}s"]
        subprocess.run([program("census"), *map(str, words)], check=True, capture_output=True)

    def left(self, process: Process, expression: str) -> None:
        """Await what the census says about a process."""
        words = ["--pid", process.pid, "--until", expression, "--within", "60s"]
        done = subprocess.run([program("census"), *map(str, words)], capture_output=True, text=True)
        assert done.returncode == 0, f"{expression}: {done.stdout}{done.stderr}"


def _simple(stem: str, actions: str, buggy: str, fixed: str) -> Callable[[Ward, str], Process]:
    """A server whose clients do all that is needed."""

    def bring(ward: Ward, variant: str) -> Process:
        server, port = ward.server(stem, variant)
        ward.healthy(port)
        ward.peer(port, actions).wait(LATE)
        ward.left(server, (buggy if variant == "buggy" else fixed).format(N=ward.n))
        return server

    return bring


NONE = "CLOSE_WAIT == 0 and gone == 0 and FIN_WAIT2 == 0"
closewait_leak = _simple("closewait_leak", "connect hello fin", "CLOSE_WAIT == {N}", NONE)
close_on_free_missing = _simple(
    "close_on_free_missing", "connect hello fin", "CLOSE_WAIT == {N}", NONE
)
reset_leak = _simple("reset_leak", "connect hello rst", "gone == {N}", NONE)


def descriptor_exhaustion(ward: Ward, variant: str, limited: bool = True) -> Process:
    # Three streams, the listener, epoll: the program's own.
    limit = ward.n + HEALTHY + 5 if limited else 20000
    server = ward.run(
        "prlimit", f"--nofile={limit}", program(f"servers/descriptor_exhaustion_{variant}"),
        "-l", HERE, "-p", 0,
    )  # fmt: skip
    port = int(server.said("ready")["port"])
    ward.healthy(port)
    ward.peer(port, "connect hello send:rubbish recv:6 fin").wait(LATE)
    ward.left(server, f"CLOSE_WAIT == {ward.n if variant == 'buggy' else 0}")
    if limited:
        ward.peer(port, "connect stay", 1).said("stay", within=LATE)
        ward.left(server, f"accept_queue == {1 if variant == 'buggy' else 0}")
    return server


def unlimited_descriptors(ward: Ward, variant: str) -> Process:
    """The same before the limit is reached."""
    return descriptor_exhaustion(ward, variant, limited=False)


def emfile_spin(ward: Ward, variant: str) -> Process:
    server = ward.run(
        "prlimit", "--nofile=64", program(f"servers/emfile_spin_{variant}"), "-l", HERE, "-p", 0
    )
    port = int(server.said("ready")["port"])
    ward.healthy(port)
    ward.peer(port, "connect stay", 64 + ward.n).said("stay", within=LATE)
    ward.left(server, "accept_queue >= 1")
    return server


def accept_queue_undrained(ward: Ward, variant: str) -> Process:
    server, port = ward.server("accept_queue_undrained", variant, "-n", 1 + HEALTHY)
    ward.healthy(port)
    first = ward.peer(port, "connect hello await fin", 1)
    server.said("full")
    first.said("await")
    ward.peer(port, "connect fin").wait(LATE)
    first.go()
    first.wait()
    ward.left(server, f"accept_queue == {ward.n if variant == 'buggy' else 0}")
    return server


def half_close_relay(ward: Ward, variant: str) -> Process:
    backend, behind = ward.server("closewait_leak", "buggy")
    relay, port = ward.server("half_close_relay", variant, "-t", 5, HERE, behind)
    ward.healthy(port)
    backend.freeze()
    crowd = ward.peer(port, "connect send:hello half recv:6 stay")
    relay.said("half", ward.n, within=LATE)
    backend.thaw()
    crowd.said("done", action="recv", count=ward.n, within=LATE)
    left = ward.n if variant == "buggy" else 0
    ward.left(relay, f"CLOSE_WAIT == {left} and FIN_WAIT2 == {left}")
    return relay


def inherited_fd(ward: Ward, variant: str) -> Process:
    server, port = ward.server("inherited_fd", variant)
    ward.healthy(port)
    crowd = ward.peer(port, "connect hello send:job recv:4 half drain stay")
    server.said("helper")
    server.said("close", ward.n, n=0, within=LATE)
    ward.left(server, "CLOSE_WAIT == 0")
    assert crowd.running
    return server


def read_disabled_masks_eof(ward: Ward, variant: str) -> Process:
    server, port = ward.server("read_disabled_masks_eof", variant, "-t", 600)
    ward.healthy(port)
    crowd = ward.peer(port, "connect hello send:work await fin")
    server.said("job", ward.n, within=LATE)
    crowd.go()
    crowd.wait(LATE)
    ward.left(server, f"CLOSE_WAIT == {ward.n if variant == 'buggy' else 0}")
    return server


def recv_timeout_leak(ward: Ward, variant: str) -> Process:
    server, port = ward.server("recv_timeout_leak", variant, "-t", 0.002)
    leaving = ward.peer(port, "connect hello fill:3 await fin")
    server.said("recv", ward.n, err="EAGAIN", within=LATE)
    ward.healthy(port)
    leaving.go()
    leaving.wait(LATE)
    ward.left(server, f"CLOSE_WAIT == {ward.n if variant == 'buggy' else 0}")
    return server


def worker_blocked(ward: Ward, variant: str) -> Process:
    address = "127.0.0.2"
    with socket.create_server((address, 0)) as free:  # a port that is free on both addresses
        port = free.getsockname()[1]
    backend = ward.start("servers/echo", "-l", address, "-p", port)
    backend.said("ready")
    server = ward.start(
        f"servers/worker_blocked_{variant}", "-l", HERE, "-p", port, "-t", 0.01, address
    )
    server.said("ready")
    answered = "connect send:hello recv:6"  # with "hello", or with "error" if the backend needs longer than -t
    ward.peer(port, f"{answered} stay", HEALTHY).said("stay", within=LATE)
    crowd = ward.peer(port, f"{answered} await send:work await fin")
    crowd.said("await", within=LATE)
    backend.freeze()
    crowd.go()
    crowd.said("await", 2, within=LATE)
    crowd.go()
    crowd.wait(LATE)
    ward.peer(port, "connect stay", 1).said("stay")
    ward.left(server, f"CLOSE_WAIT == {ward.n if variant == 'buggy' else 0}")
    return server


def shutdown_without_close(ward: Ward, variant: str) -> Process:
    server, port = ward.server("shutdown_without_close", variant)
    ward.peer(port, "connect hello drain fin").wait(LATE)
    staying = ward.peer(port, "connect hello drain stay")
    staying.said("stay", within=LATE)
    ward.left(server, f"descriptors == {2 * ward.n}" if variant == "buggy" else "descriptors == 0")
    return server


def connect_failure_leak(ward: Ward, variant: str) -> Process:
    server, port = ward.server("echo", "")
    server.kill()
    client = ward.client("connect_failure_leak", variant, port)
    client.said("ready")
    client.go()
    client.said("probed", within=LATE)
    return client


def client_reconnect_leak(ward: Ward, variant: str) -> Process:
    server, port = ward.server("echo", "", "-t", 0.002)
    client = ward.client("client_reconnect_leak", variant, port)
    client.said("idle", within=LATE)
    return client


def pool_keeps_dead(ward: Ward, variant: str) -> Process:
    server, port = ward.server("echo", "", "-t", 0.5)
    pool = ward.client("pool_keeps_dead", variant, port)
    pool.said("answer", ward.n, within=LATE)
    server.said("close", ward.n, why="idle", within=LATE)
    ward.left(pool, f"CLOSE_WAIT == {ward.n if variant == 'buggy' else 0}")
    return pool


PATIENTS: dict[str, Callable[[Ward, str], Process]] = {
    "closewait-leak": closewait_leak,
    "close-on-free-missing": close_on_free_missing,
    "reset-leak": reset_leak,
    "descriptor-exhaustion": descriptor_exhaustion,
    "descriptor-exhaustion, unlimited": unlimited_descriptors,
    "emfile-spin": emfile_spin,
    "accept-queue-undrained": accept_queue_undrained,
    "half-close-relay": half_close_relay,
    "inherited-fd": inherited_fd,
    "read-disabled-masks-eof": read_disabled_masks_eof,
    "recv-timeout-leak": recv_timeout_leak,
    "worker-blocked": worker_blocked,
    "shutdown-without-close": shutdown_without_close,
    "connect-failure-leak": connect_failure_leak,
    "client-reconnect-leak": client_reconnect_leak,
    "pool-keeps-dead": pool_keeps_dead,
}


def explained(pid: int, seconds: float) -> list[str]:
    """The scenarios that fit a process, best first."""
    words = [program("linger"), "explain", "--json", "--pid", pid, "--for", seconds]
    done = subprocess.run(
        [*map(str, words)], capture_output=True, text=True, env={**os.environ}, timeout=180
    )
    assert done.returncode == 0, done.stderr
    return [one["scenario"] for one in json.loads(done.stdout)["scenarios"]]
