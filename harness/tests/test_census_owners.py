"""Owners by BPF and by /proc: the same answer, however sockets are held.

Only root may use BPF. For an ordinary user the census chooses, and must choose /proc.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_census_truth import VALID, census, holding

from linger.lab.programs import program

WAYS = """leader table away alone ring mapping flight doubled high crowd mptcp subflows gone fin_with_data
    unreadable states few_buckets one_bucket""".split()
STATES = {
    *"ESTABLISHED SYN_SENT SYN_RECEIVED FIN_WAIT2 TIME_WAIT CLOSE_WAIT LISTEN".split()
}
# What changes with time and with other tests, and processes that only one of the two may examine.
PASSING = ("counters", "processes", "unplaced", "unreadable_processes", "unreadable")


BY_PROC = ["--owners", "proc"]
# Processes that end when their input does.
MANY = "exec 3<&0; for i in $(seq $1); do (read _ <&3) & done; echo ready; wait"


@pytest.fixture(scope="module")
def fast() -> list[str]:
    """The options with which the owners come from the kernel, if they may."""
    words = ["--owners", "bpf"]
    done = census(*words)
    if done.returncode == 77 and os.geteuid() != 0:
        return []
    if done.returncode == 77:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    return words


def counted(*words: object) -> dict[str, Any]:
    done = census("--json", *words)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    VALID.validate(document)
    return {key: value for key, value in document["hosts"][0].items() if key not in PASSING}


def keepalives(host: dict[str, Any]) -> list[int]:
    """The time left of each row, in ms; -1: none runs. They are taken out of the rows."""
    return [row.pop("keepalive_ms") or -1 for row in host["rows"]]


def there(pid: int) -> list[str]:
    """The namespace of a process, by its last thread: the first may have ended."""
    alive = [task for task in Path(f"/proc/{pid}/task").iterdir() if (task / "ns/net").exists()]
    task = max(alive, key=lambda task: int(task.name))
    return ["--host", f"local={task}/ns/net"]


@pytest.mark.parametrize("how", WAYS)
def test_both_say_the_same(fast: list[str], how: str) -> None:
    with holding(how) as holder:
        words = there(holder.pid)
        settled = ["--until", "FIN_WAIT1 == 0"]  # the clients' FINs are acknowledged
        assert census(*words, *settled).returncode == 0
        by_bpf, by_proc = (counted(*by, *words) for by in (fast, BY_PROC))
        for host in (by_bpf, by_proc):  # why no owner was found depends on which processes may be examined
            host["unknown"] = sum(host["unknown"].values())
        assert keepalives(by_bpf) == pytest.approx(keepalives(by_proc), abs=5000)
        assert by_bpf == by_proc
        assert how != "states" or {name for name, count in by_bpf["states"].items() if count} == STATES
        assert sum(by_bpf["states"].values()) or how == "away" or how == "alone"


def test_in_a_pid_namespace_of_its_own(fast: list[str]) -> None:
    """There processes have other pids, which are not the kernel's own."""
    script = f"""import socket, subprocess
subprocess.run(["ip", "link", "set", "lo", "up"])
listener = socket.create_server(("127.0.0.1", 9000))
subprocess.run({[str(program("census")), "--json", *fast]})"""
    words = ["unshare", "--net", "--pid", "--fork", "--mount-proc", "python3", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    (listener,) = json.loads(done.stdout)["hosts"][0]["listeners"]
    assert (listener["pid"], listener["process"]) == (1, "python3")


def test_where_it_cannot_be_it_says_so() -> None:
    words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"]
    done = subprocess.run(
        [*words, "--no-new-privs", program("census"), "--owners", "bpf"], capture_output=True, text=True
    )
    assert done.returncode == 77 and "use --owners proc" in done.stderr


@contextlib.contextmanager
def processes(number: int) -> Iterator[None]:
    """As many as the census must see before it asks the kernel unasked (PAYS of kernel.c)."""
    with subprocess.Popen(["sh", "-c", MANY, "sh", str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as many:
        assert many.stdout and many.stdin
        many.stdout.readline()
        yield
        many.stdin.close()


@pytest.mark.parametrize("refused, why", [("bpf", os.strerror(errno.EPERM)), ("iterators", os.strerror(errno.EMFILE))])
def test_where_the_kernel_refuses_proc_tells(fast: list[str], refused: str, why: str) -> None:
    """It says why only if nothing but BPF was allowed."""
    with holding("table") as holder, processes(200):
        by_bpf = census(*fast, *there(holder.pid), under=refused)
        unasked = census("--json", *there(holder.pid), under=refused)
    assert by_bpf.returncode == (77 if fast else 0) and (why in by_bpf.stderr or not fast)
    assert unasked.returncode == 0, unasked.stderr
    assert json.loads(unasked.stdout)["hosts"][0]["unknown"] == {}


def test_what_holds_is_watched_with_little_of_a_processor() -> None:
    """The limit is on processor time, not on the clock, however much there is to examine."""
    with contextlib.ExitStack() as many:
        for _ in range(2000):
            many.enter_context(open("/dev/null"))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = census("--until", "ghosts == 0", "--hold", "1s")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    assert used < 0.15, "s, of one that is watched"
