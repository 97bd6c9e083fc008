"""The parts of `linger check` that need no server: how ends are reported, things named, time used."""

from __future__ import annotations

import contextlib
import platform
import socket
import subprocess
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator

import pytest

from linger.check import measure, schedule
from linger.check.finding import LEAK, Held
from linger.check.measure import Count
from linger.check.server import BATTERY, request
from linger.check.server.checks import limit, reply
from linger.check.server.connection import Connection
from linger.check.server.crowd import Crowd
from linger.check.server.request import Request
from linger.check.server.target import Target
from linger.check.server.trial import Trial
from linger.lab import exits, waiting

TELLS = tuple(map(int, platform.release().split(".")[:2])) >= (6, 15)  # of what others reaped


@pytest.fixture
def asleep() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_the_end_of_somebody_elses_child_is_known() -> None:
    """One that its parent reaps, and a zombie, which any kernel reports."""
    script = "exec 3<&0; sh -c 'read go <&3; exit 7' & echo $!; wait; echo over; read go"
    watch = exits.Watch()
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as parent:  # fmt: skip
        assert parent.stdin and parent.stdout
        child = int(parent.stdout.readline())
        watch.add([child, parent.pid, 0])
        assert watch.ended() == []
        parent.stdin.write("\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == "over\n"
        [end] = watch.ended()
        assert (end.pid, end.status, end.crashed) == ((child, 7 << 8, True) if TELLS else (child, None, False))
        assert str(end).startswith(f"process {child} (sh) ended " + ("with status 7" if TELLS else "(how"))
        parent.kill()
        while len(watch.ended()) < 2:
            time.sleep(0.005)
        ends = {end.pid: str(end) for end in watch.ended()}
        assert ends[parent.pid] == f"process {parent.pid} (sh) was ended by SIGKILL"
    watch.close()
    assert watch.ended() == []


@pytest.mark.parametrize(
    "thread, timers, calls",
    [
        ({}, [], "epoll_wait"),
        ({"timeout_ms": 5000}, [], ""),
        ({"timeout_known": False}, [], ""),
        ({"call": "running"}, [], ""),
        ({"call": None}, [], ""),
        ({}, [{"descriptor": 3, "due_ms": 1, "every_ms": 0}], ""),
    ],
)
def test_what_can_never_wake_again(
    asleep: subprocess.Popen[bytes], thread: dict[str, Any], timers: list[Any], calls: str
) -> None:
    waits = [{"call": "epoll_wait", "timeout_ms": None, "timeout_known": True, **thread}]
    process = {"pid": asleep.pid, "unreadable": None, "timers": timers, "waits": waits}
    assert waiting.forever([process], [asleep.pid]) == calls
    assert waiting.forever([process], [asleep.pid, 1 << 30]) == "", "one that has just ended"
    assert waiting.forever([{**process, "unreadable": "why"}], [asleep.pid]) == ""


@pytest.mark.parametrize("arm", ["signal.alarm(60)", "ctypes.CDLL(None).timer_create(0, None, ctypes.byref(ctypes.c_int()))"])
def test_a_timer_may_wake_it(arm: str) -> None:
    script = f"import ctypes, signal; signal.signal(signal.SIGALRM, print); {arm}; print(1, flush=True); input()"
    words = ["python3", "-c", script]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline()
        assert waiting.timed(process.pid)
        process.kill()


@pytest.mark.parametrize(
    "kind, name, called",
    [
        ("socket", "10.0.0.2 port 9000 to 10.0.0.1 port 40000 CLOSE_WAIT", ""),
        ("socket", measure.GONE, ""),
        ("socket", "127.0.0.1 port 40000 to 127.0.0.1 port 9091 ESTABLISHED", "socket to 127.0.0.1:9091 ESTABLISHED"),
        ("socket", "::1 port 40000 to ::1 port 91 ESTABLISHED", "socket to [::1]:91 ESTABLISHED"),
        ("socket", "10.0.0.2 port 9001 to 10.0.0.1 port 40000 CLOSE_WAIT", "socket on port 9001 CLOSE_WAIT"),
        ("socket", "UNIX-STREAM", "socket UNIX-STREAM"),
        ("file", "/srv/www/large", "/srv/www/large"),
        ("pipe", "pipe:[77]", "pipe"),
        ("listener", "0.0.0.0 port 9000", "listener 0.0.0.0 port 9000"),
    ],
)
def test_things_alike_have_one_name(kind: str, name: str, called: str) -> None:
    assert measure._name_of(kind, name, [9000]) == called


def test_few_clients_leave_few_things() -> None:
    before = Count(0, {}, 0, {7: 5}, {7: Counter()}, {7: "srv"}, 0)
    pool, files = (replace(before, things={7: Counter({("pipe", "pipe"): n})}) for n in (3, 4))
    assert pool.fuller_than(before, 4) == [] and files.fuller_than(before, 4) == ["4 × pipe"]
    assert replace(before, things={7: Counter({("pipe", "pipe"): 2})}).fuller_than(before, 1)


def test_what_is_held_is_named() -> None:
    before = Count(0, {}, 0, {7: 5}, {7: Counter({("file", "/log"): 1})}, {7: "srv"}, 0)
    things = Counter({("file", "/log"): 1, ("file", "/large"): 20, ("pipe", "pipe"): 9})
    now = replace(before, things={7: things, 8: Counter({("file", "/new"): 50})})
    assert now.fuller_than(before, 20) == ["20 × /large"], "and few pipes, or a new process, are no leak"
    first, second = now.kept_since(before)
    assert str(first) == "20 × /large, srv pid 7" and second.count == 9
    assert Held.of(first.told()) == first and first.told()["note"] is None


def test_the_large_reply_is_looked_for_among_the_links(monkeypatch: pytest.MonkeyPatch) -> None:
    page = b'<a href="small">x</a> <img src=/big.png?v=1> <a href="http://elsewhere/huge">'
    replies = {b"GET /small": 9_000, b"GET /big.png?v=1": 300_000, b"GET /": 90}

    def got(connect: object, payload: bytes) -> tuple[bytes, int]:
        return page, replies[payload.rpartition(b" HTTP")[0]]

    monkeypatch.setattr(request, "_got", got)
    http = Request(request.HTTP_GET, http=True, source="it speaks HTTP")
    found = request.find_large(None, http)  # type: ignore[arg-type]
    assert found.large == b"GET /big.png?v=1 HTTP/1.0\r\n\r\n"
    assert found.source == "it speaks HTTP; its large reply is that to GET /big.png?v=1, 0.3 MB"
    replies[b"GET /big.png?v=1"] = 60_000
    assert request.find_large(None, http) == http, "none is large"  # type: ignore[arg-type]
    assert request.find_large(None, Request(b"x")) == Request(b"x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answers, found",
    [({b"GET": b"HTTP/1.1 400"}, "it speaks HTTP"), ({b"HELP": b"500"}, "it answers HELP"),
     ({b"": b"220 hi", b"GET": b"500", b"HELP": b"214"}, "it says '220 hi', and answers HELP")],
)  # fmt: skip
def test_http_is_asked_first(
    answers: dict[bytes, bytes], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def speaks(connect: Any, payload: bytes, banner: bool = False) -> tuple[bytes, bool]:
        asked.append(payload[:4].strip())
        return answers.get(asked[-1], b""), False

    monkeypatch.setattr(request, "_speaks", speaks)
    assert request.discover(lambda: None, None).source == found  # type: ignore[arg-type, return-value]
    assert asked[0] == b"GET" and (len(asked) == 1) == (found == "it speaks HTTP")


HEAD = b"HTTP/1.1 413 no\r\n"


@pytest.mark.parametrize(
    "said, ended, whole",
    [
        (HEAD + b"Content-Length: 2\r\n\r\nno", "ECONNRESET", True),
        (HEAD + b"Content-Length: 3\r\n\r\nno", "FIN", False),
        (HEAD + b"\r\nno", "FIN", True),
        (HEAD + b"\r\nno", "ECONNRESET", False),
        (HEAD + b"Content-", "FIN", False),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", "ECONNRESET", True),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n", "FIN", False),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 2\r\n\r\nno", "ECONNRESET", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "FIN", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "ECONNRESET", True),
    ],
)
def test_a_whole_reply(said: bytes, ended: str, whole: bool) -> None:
    one: Any = SimpleNamespace(reply=said, received=len(said), ended=ended)
    assert reply._whole(one) == whole


@contextlib.contextmanager
def crowd_of_one() -> Iterator[tuple[Crowd, Connection, socket.socket]]:
    """A crowd with a connection, that connection, and its other end."""
    here, there = socket.socketpair()
    here.setblocking(False)
    crowd = Crowd.__new__(Crowd)
    crowd.connections = [one] = [Connection(here)]
    one.connected = True
    with here, there:
        yield crowd, one, there


def test_silence_ends_a_reply_and_what_never_ends_is_given_up() -> None:
    with crowd_of_one() as (crowd, one, there):
        there.send(b"x")
        assert crowd.read_while_it_comes(5.0, quiet=0.02) and one.received == 1
        assert not crowd.until_quiet(lambda one: there.send(b"x"), quiet=0.5, most=0.1)
        there.close()
        assert crowd.until_quiet(Connection.take, quiet=5.0) and one.ended == "FIN"


@pytest.mark.parametrize(
    "busy, sizes, says",
    [([4.0], [0, 0], (4.0, 1)), ([90.0, 80.0, 9.0], [0, 0, 0, 0], (9.0, 3)),
     ([99.0] * 4, [0] * 5, (99.0, 4)), ([4.0] * 4, [0] + [10**9] * 4, (4.0, 4))],
)  # fmt: skip
def test_a_server_that_rests_is_not_watched_for_long(
    busy: list[float], sizes: list[int], says: tuple[float, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = iter(busy)
    monkeypatch.setattr(limit.processor, "busy", lambda pids, window: next(windows))
    monkeypatch.setattr(limit, "log_bytes", lambda pids, output, size=iter(sizes): next(size))
    found, _ = limit._watched(SimpleNamespace(target=SimpleNamespace(pids=[], output=None)))  # type: ignore[arg-type]
    assert (found, len(busy) - len([*windows])) == says


def test_a_stack_trace_is_shown_from_its_cause_on(tmp_path: Path) -> None:
    target = Target.__new__(Target)
    target.output = tmp_path / "output.log"
    target.output.write_text("Error: write ECONNRESET\n" + "    at Socket.write\n" * 25)
    assert target.last_output().startswith("\n    | Error: write ECONNRESET\n")


def _await(file: Path, within: float = 20.0) -> bool:
    """Wait for a file, so many seconds; whether it is there."""
    deadline = time.monotonic() + within
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    return file.exists()


def _schedule(
    attempt: schedule.Attempt, at_once: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """What two checks measured, "one" and "two", of which the first starts first."""
    monkeypatch.setattr(schedule.netns, "own_run", lambda: None)  # it needs the sandbox
    checks: Any = [SimpleNamespace(id=id, slow=False, long=False) for id in ("one", "two")]
    results = schedule.run(checks, attempt, folder, at_once, lambda result: None)
    return {result["id"]: result["measured"] for result in results}


def _result(check: Any, measured: object, doubt: bool = False) -> dict[str, Any]:
    return {"id": check.id, "verdict": "FAIL", "measured": str(measured), "doubt": doubt, "stall": ""}


def test_a_trial_that_only_waits_takes_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One place, and the first waits for the second's action."""

    def attempt(check: Any, folder: Path) -> dict[str, Any]:
        if check.id == "two":
            (tmp_path / "done").touch()
        with schedule.only_waiting():
            there = _await(tmp_path / "done")
        return _result(check, there)

    assert _schedule(attempt, 1, tmp_path, monkeypatch) == {"one": "True", "two": "True"}


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_trial_that_has_waited_goes_on_when_it_has_a_place(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One place; or two, and the second is tried again alone: then nothing else may work."""

    def attempt(check: Any, folder: Path) -> dict[str, Any]:
        if check.id == "one":
            with schedule.only_waiting():
                _await(tmp_path / "works")
            (tmp_path / "goes on").touch()
            return _result(check, "")
        if at_once == 2 and not (tmp_path / "doubt").exists():
            (tmp_path / "doubt").touch()
            return _result(check, "", doubt=True)
        (tmp_path / "works").touch()
        return _result(check, "beside it" if _await(tmp_path / "goes on", within=0.1) else "by itself")

    assert _schedule(attempt, at_once, tmp_path, monkeypatch)["two"] == "by itself"


def test_what_may_be_held_forever_is_waited_for_without_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first second, in which servers let go as they should, is not mere waiting."""

    @contextlib.contextmanager
    def only_waiting() -> Iterator[None]:
        looks.append("free")
        yield

    before = Count(0, {}, 0, {}, {}, {}, 0)
    trial = Trial.__new__(Trial)
    trial.n, trial.soon, trial.late = 20, 10.0, 75.0
    trial.before = before
    settles = lambda *_, within: looks.append("settles") or replace(before, sockets=20)  # noqa: E731
    trial.meter = SimpleNamespace(settles=settles, held=lambda before: [])  # type: ignore[assignment]
    for name in ("died", "fresh", "_never"):
        monkeypatch.setattr(trial, name, lambda *_: "")
    monkeypatch.setattr(schedule, "only_waiting", only_waiting)
    looks: list[str] = []
    assert trial.leavings().verdict == LEAK
    assert looks == ["settles", "free", "settles", "free", "settles"]


def test_checks_that_last_long_start_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that wait for timeouts, then those after which a server that leaks is waited for."""

    def attempt(check: Any, folder: Path) -> dict[str, Any]:
        with (tmp_path / "started").open("a") as started:
            print(check.id, file=started)
        return _result(check, "")

    monkeypatch.setattr(schedule.netns, "own_run", lambda: None)  # it needs the sandbox
    BATTERY.load()
    schedule.run(BATTERY.choose(None, quick=False), attempt, tmp_path, 1, lambda result: None)
    started = (tmp_path / "started").read_text().split()
    slow = [check.id for check in BATTERY.checks.values() if check.slow]
    leaving = "half-close abandon half-request-fin half-request-rst rst-at-once ignore-reply ask-and-leave"
    assert {*started[: len(slow)]} == {*slow}
    assert {*started[len(slow) : len(slow) + 8]} == {*leaving.split(), "early-reply"}


def test_a_reply_that_is_long_enough_is_not_waited_for() -> None:
    """Silence would end it; and a shorter one it does end."""
    with crowd_of_one() as (crowd, one, there):
        there.send(b"xx")
        began = time.monotonic()
        assert crowd.read_while_it_comes(5.0, quiet=5.0, enough=2) and time.monotonic() < began + 4
        there.send(b"x")
        assert crowd.read_while_it_comes(5.0, quiet=0.02, enough=4) and one.received == 3
