"""What the census says about programs that hold sockets in easily overlooked ways, without touching them. The
programs: planted/holder.py; `ss` is the second opinion.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import jsonschema
import pytest
from conftest import Run

import linger
from linger.lab.programs import program

HERE = Path(__file__).parent
HOLDER, ENDING, REFUSE = HERE / "planted/holder.py", HERE / "planted/ending.py", HERE / "refuse.py"
Holder = subprocess.Popen[str]


@contextlib.contextmanager
def holding(how: str) -> Iterator[Holder]:
    """A holder.py that is ready; if the machine lacks what it needs, the test is skipped."""
    words = [sys.executable, "-S", str(HOLDER), how]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as holder:
        try:
            assert holder.stdout
            line = holder.stdout.readline().split(maxsplit=1)
            if line and line[0] == "cannot":
                pytest.skip(f"{how}: {line[1].strip()}")
            assert line == ["ready\n"] or line == ["ready"]
            yield holder
        finally:
            holder.kill()


SCHEMA = Path(linger.__file__).parent / "schema" / "census.schema.json"
VALID = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))


def census(*words: object, under: str = "") -> subprocess.CompletedProcess[str]:
    """Run it, perhaps under a filter of refuse.py."""
    filtered = [sys.executable, str(REFUSE), under] if under else []
    command = [*filtered, str(program("census")), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def counted(*words: object, under: str = "") -> dict[str, Any]:
    done = census("--json", *words, under=under)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    VALID.validate(document)
    return document["hosts"][0]


def namespace_of(holder: Holder) -> list[str]:
    return ["--host", f"local=/proc/{holder.pid}/ns/net"]


def rows_of_ss(holder: Holder, *words: str) -> int:
    command = ["nsenter", f"--net=/proc/{holder.pid}/ns/net", "ss", "-Htan", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return len(done.stdout.splitlines())


@pytest.mark.parametrize(
    "how", ["leader", "table", "away", "ring", "mapping", "doubled", "mptcp", "fin_with_data"]
)
def test_never_green_while_the_process_has_one(how: str) -> None:
    with holding(how) as holder:
        words = ["--pid", holder.pid, "--until", "CLOSE_WAIT == 0", "--within", "50ms"]
        done = census(*words)
        assert done.returncode == 1, done
        assert "CLOSE_WAIT is 3" in done.stderr
        words = ["--pid", holder.pid, "--copy", "--until", "CLOSE_WAIT == 3"]
        assert census(*words).returncode == 0


def outcomes(what: str, each: int, *words: str) -> list[tuple[int, str]]:
    """The exit status and the first line of a census at each moment that planted/ending.py chooses."""
    command = [sys.executable, "-S", str(ENDING), what, str(each), str(program("census")), "--pid", "PID", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    lines = [line.split(maxsplit=2)[1:] for line in done.stdout.splitlines()]
    assert len(lines) > 50
    return [(int(status), text) for status, text in lines]


@pytest.mark.parametrize("what", ["leader", "exec"])
def test_a_process_may_change_its_leader_at_any_moment(what: str) -> None:
    for status, text in outcomes(what, 1, "--json"):
        assert status == 0, text
        (host,) = json.loads(text)["hosts"]
        assert (host["states"]["CLOSE_WAIT"], host["descriptors"]) == (3, 3)


def test_what_a_process_hides_at_any_moment_is_not_seen() -> None:
    for status, text in (found := outcomes("hide", 3, "--json")):
        if status == 0:
            (host,) = json.loads(text)["hosts"]
            assert host["states"]["CLOSE_WAIT"] == 3 or host["unreadable_processes"] == 1
        else:
            assert status == 77 and " ended" not in text, text
    assert {status for status, _ in found} == {0, 77}


@pytest.mark.parametrize(
    "words, status, whole",
    [
        (["--json"], 0, '"CLOSE_WAIT":3'),
        (["--until", "CLOSE_WAIT == 0", "--within", "0ms"], 1, "CLOSE_WAIT is 3"),
    ],
)
def test_what_a_process_held_is_not_half_counted_when_it_ends(words: list[str], status: int, whole: str) -> None:
    found = outcomes("process", 3, *words)
    for code, text in found:
        assert whole in text if code == status else " ended" in text, (code, text)
    assert {code for code, _ in found} == {status, 3}


@pytest.mark.parametrize(
    "how, by, descriptors",
    [
        ("table", "descriptor", 3),
        ("ring", "io_uring", 3),
        ("mapping", "mapping", 3),
        ("doubled", "descriptor", 9),
        ("high", "descriptor", 6),
    ],
)
def test_owners_are_found(how: str, by: str, descriptors: int) -> None:
    """With a census of the whole namespace, which is not told where to look."""
    with holding(how) as holder:
        host = counted(*namespace_of(holder))
        (owner,) = (owner for owner in host["owners"] if owner["state"] == "CLOSE_WAIT")
        assert (owner["pid"], owner["by"]) == (holder.pid, by)
        assert (owner["sockets"], owner["descriptors"]) == (3, descriptors)
        assert host["unknown"] == {} and host["classes"]["unknown"] == 0
        assert rows_of_ss(holder, "state", "close-wait") == 3


def test_without_kcmp_tables_are_told_apart_by_what_they_hold() -> None:
    """Docker forbids it. A thread's own table is found; a shared one counts once."""
    with holding("table") as holder:
        words = ["--pid", holder.pid]
        plain = counted(*words)
        assert plain["descriptors"] == 3
        assert counted(*words, under="compare")["owners"] == plain["owners"]


def test_sockets_of_a_namespace_that_was_left() -> None:
    with holding("away") as holder:
        here = counted(*namespace_of(holder))
        assert here["elsewhere"] == 4 and here["states"]["CLOSE_WAIT"] == 0  # with the listener
        assert here["gone"] == 0
        its = counted("--pid", holder.pid)
        assert (its["states"]["CLOSE_WAIT"], its["descriptors"], its["gone"]) == (3, 3, 0)


def test_a_namespace_that_nobody_can_enter_makes_nothing_green() -> None:
    """What is there seems gone, but nobody knows that, so nothing holds because of it."""
    with holding("alone") as holder:
        words = ["--pid", holder.pid]
        assert counted(*words)["gone"] == 4
        for expression in ("CLOSE_WAIT == 0", "owned == 0", "CLOSE_WAIT.unread == 0"):
            done = census(*words, "--until", expression, "--within", "20ms")
            assert done.returncode == 77 and "4 TCP descriptors are in no table" in done.stderr
        assert counted(*words, "--copy")["states"]["CLOSE_WAIT"] == 3


def test_what_is_in_flight_is_said_to_be() -> None:
    with holding("flight") as holder:
        host = counted(*namespace_of(holder))
        assert host["unknown"] == {"perhaps_in_flight": 3}
        table = census(*namespace_of(holder)).stdout
        assert "(SCM_RIGHTS): descriptor" in table and f"pid {holder.pid} carries 3" in table
        until = census(*namespace_of(holder), "--until", "CLOSE_WAIT.owned == 0", "--within", "9ms")
        assert until.returncode == 77 and "the owner of 3 sockets was not found" in until.stderr


def test_gone_or_never_connected() -> None:
    """Five in no table: only a copy can tell how many of them had a connection."""
    with holding("gone") as holder:
        words = ["--pid", holder.pid]
        host = counted(*words, under="copies")
        assert (host["gone"], host["ghosts"], host["unconnected"]) == (5, 0, 0)
        assert host["descriptors"] == 5
        assert "5 gone or never connected, descriptors" in census(*words).stdout
        copied = counted(*words, "--copy")
        assert (copied["gone"], copied["ghosts"], copied["unconnected"]) == (5, 3, 2)
        for expression, code in (
            ("gone == 5", 0),
            ("gone == 0", 1),
            ("ghosts == 3", 77),
            ("ghosts <= 5", 0),
            ("ghosts == 6", 1),
            ("unconnected == 0", 77),
        ):
            done = census(*words, "--until", expression, "--within", "20ms")
            assert done.returncode == code, (expression, done)
            assert code != 77 or "expect 'gone'" in done.stderr


def test_a_connection_that_was_seen_before_is_a_ghost() -> None:
    with holding("ends_later") as holder:
        words = [program("census"), "--pid", str(holder.pid), "--within", "20s", "--json", "-v"]
        words += ["--until", "ghosts == 3 and descriptors == 3"]
        pipe = subprocess.PIPE
        with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True) as watch:
            assert holder.stdin and watch.stdout and watch.stderr
            assert "descriptors is 6" in watch.stderr.readline()
            holder.stdin.write("\n")
            holder.stdin.flush()
            host = json.loads(watch.stdout.readline())["hosts"][0]
            assert watch.wait() == 0
        assert (host["ghosts"], host["gone"]) == (3, 3)
        (owner,) = (owner for owner in host["owners"] if owner["gone"])
        assert (owner["gone"], owner["port"]) == ("ghost", 9000)


@pytest.mark.parametrize("how", ["gone", "mptcp", "away", "ring", "flight"])
def test_nothing_is_ever_copied(how: str) -> None:
    """The filter kills a caller of pidfd_getfd(2): only --copy calls it."""
    with holding(how) as holder:
        for words in (
            namespace_of(holder),
            ["--pid", holder.pid],
            ["--pid", holder.pid, "--json"],
            ["--pid", holder.pid, "--until", "ghosts + CLOSE_WAIT < 100", "--within", "50ms"],
            ["--pid", holder.pid, "--repeat", 3],
        ):
            assert census(*words, under="copies").returncode in (0, 77), words


def test_the_filter_kills_what_copies() -> None:
    """Or the others would prove nothing."""
    with holding("gone") as holder:
        assert census("--pid", holder.pid, "--copy", under="copies").returncode == -31  # SIGSYS


def test_a_queue_without_input_proves_nothing() -> None:
    with holding("fin_with_data") as holder:
        host = counted("--pid", holder.pid)
        assert (host["states"]["CLOSE_WAIT"], host["unread"]) == (3, 0)
        table = census("--pid", holder.pid).stdout
        assert "nothing waits to be read" in table and "read the EOF" not in table


def test_descriptors_of_mptcp() -> None:
    with holding("mptcp") as holder:
        host = counted(*namespace_of(holder))
        assert (host["states"]["CLOSE_WAIT"], host["descriptors"], host["gone"]) == (3, 5, 2)
        assert counted(*namespace_of(holder), "--copy")["ghosts"] == 2


def test_subflows_share_an_inode_and_the_application_has_a_state_of_its_own() -> None:
    with holding("subflows") as holder:
        words = namespace_of(holder)
        subflows = 0
        while subflows < 18:  # three at each end of three connections; they join over time
            subflows = rows_of_ss(holder, "state", "established")
        host = counted(*words)
        assert host["states"]["ESTABLISHED"] == subflows == 18
        assert host["classes"]["owned"] == subflows + 1 and host["unknown"] == {}
        assert host["descriptors"] == 6


def test_without_sock_diag_the_files_of_proc_are_counted() -> None:
    for how in ("doubled", "gone"):
        with holding(how) as holder:
            settled = ["--until", "FIN_WAIT1 == 0"]  # the clients' FINs are acknowledged
            assert census(*namespace_of(holder), *settled).returncode == 0
            by_diag = counted(*namespace_of(holder))
            by_file = counted(*namespace_of(holder), under="sock_diag")
            assert (by_diag.pop("source"), by_file.pop("source")) == ("sock_diag", "/proc/net/tcp")
            for listener in (*by_diag["listeners"], *by_file["listeners"]):
                listener.pop("backlog")  # the file does not show it
            for host in (by_diag, by_file):  # time goes by, and other tests have namespaces that nobody can enter
                host.pop("counters"), host.pop("processes"), host.pop("unplaced")
            assert by_file == by_diag
            table = census(*namespace_of(holder), under="sock_diag").stdout
            assert "counted from /proc/net/tcp" in table


def test_the_reason_why_a_process_may_not_be_read(run: Run) -> None:
    """Root without CAP_SYS_PTRACE, as in a container."""
    with holding("unreadable") as holder:
        words = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
        words += ["--ambient-caps=-sys_ptrace", str(program("census"))]
        done = subprocess.run(
            [*words, "--pid", str(holder.pid)], capture_output=True, text=True
        )
        assert done.returncode == 77, done
        assert "CAP_SYS_PTRACE" in done.stderr or "not dumpable" in done.stderr


SENSELESS = {
    "TIME_WAIT.owned == 0": "TIME_WAIT.owned is always 0",
    "CLOSED == 0": "expect 'gone'",
    "CLOSE_WAIT >= 0": "column 1: this comparison has the same result",
    "1 == 1": "column 1: this comparison has the same result",
}


@pytest.mark.parametrize("expression", SENSELESS)
def test_what_is_always_so_is_refused(expression: str) -> None:
    done = census("--until", expression)
    assert done.returncode == 2 and SENSELESS[expression] in done.stderr
    done = census("--no-owners", "--until", "CLOSE_WAIT.owned == 0")
    assert done.returncode == 2 and "leave out --no-owners" in done.stderr


WAITER = """
import ctypes, os, select, socket, threading
libc = ctypes.CDLL(None)
timer = libc.timerfd_create(1, 0)
libc.timerfd_settime(timer, 0, (ctypes.c_int64 * 4)(30, 0, 60, 500_000_000), None)
libc.timerfd_create(1, 0)  # not armed
event = libc.eventfd(0, 0)
listener = socket.create_server(("127.0.0.1", 0))
end = socket.create_connection(listener.getsockname())
kept = open(os.environ["KEPT"], "w"), os.dup(event), listener.accept()
pipe = os.pipe()
threading.Thread(target=lambda: os.read(pipe[0], 1)).start()
threading.Thread(target=lambda: listener.accept()).start()
poll = select.epoll()
print(pipe[0], poll.fileno(), listener.fileno(), timer, flush=True)
poll.poll(77)
"""


def test_what_a_process_holds_and_waits_for(tmp_path: Path) -> None:
    words = [sys.executable, "-S", "-c", WAITER]
    env = {**os.environ, "KEPT": str(tmp_path / "kept")}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env) as waiter:
        assert waiter.stdout
        pipe, poll, listener, timer = map(int, waiter.stdout.readline().split())
        wanted = {("read", pipe), ("accept4", listener), ("epoll_wait", poll)}
        for _ in range(200):  # until the last thread has come to rest
            (process,) = counted("--pid", waiter.pid)["processes"]
            waits = {(wait["call"], wait["descriptor"]): wait for wait in process["waits"]}
            if waits.keys() == wanted:
                break
        table = census("--pid", waiter.pid, "-v").stdout
        waiter.kill()
    assert waits.keys() == wanted
    assert 70_000 < waits["epoll_wait", poll]["timeout_ms"] <= 77_000
    read = waits["read", pipe]
    assert read["timeout_ms"] is None and read["timeout_known"]
    held = {(thing["kind"], thing["name"]): thing["count"] for thing in process["held"]}
    assert held["file", str(tmp_path / "kept")] == 1
    kinds = {kind: n for (kind, name), n in held.items() if not name}
    assert kinds == {"eventfd": 2, "epoll": 1, "timerfd": 2}
    assert sum(n for (kind, _), n in held.items() if kind == "listener") == 1
    ends = [name for kind, name in held if kind == "socket" and name.endswith("ESTABLISHED")]
    assert len(ends) == 2 and all(name.startswith("127.0.0.1 port ") for name in ends)
    (armed,) = process["timers"]
    assert (armed["descriptor"], armed["every_ms"]) == (timer, 30_000)
    assert 50_000 < armed["due_ms"] <= 60_500
    assert process["unreadable"] is None
    assert "epoll_wait, descriptor %d, with a timeout of 77000 ms" % poll in table
    assert "2 eventfd" in table and f"timer of descriptor {timer}: due in" in table
