"""How the judge sees a program's end: what it holds, how long that lasts, what it did."""

from __future__ import annotations

import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from linger.lab import Lab, holding, lasting, waiting
from linger.lab.errors import NotHeld, Usage
from linger.lab.failure import EVENT, HELD, Failure
from linger.lab.holding import Holding
from linger.workshop import awaited, diagnose, endings, examine, projector, remarks, score, texts
from linger.workshop.evidence import Evidence

LEAK = texts.load("closewait-leak")
PORT = 7000
# It accepts one connection, and with an argument releases it after that many seconds.
KEEPER = """
import select, socket, sys, time
listener = socket.create_server(("0.0.0.0", 7000))
listener.listen()
kept, _ = listener.accept()
if len(sys.argv) > 1:
    time.sleep(float(sys.argv[1]))
    kept.close()
select.select([listener], [], [])
"""
# It sends the connection away in a message that nobody receives, and has a child that ends.
PARKER = """
import os, socket, time
listener = socket.create_server(("0.0.0.0", 7000))
here, there = socket.socketpair()
kept, _ = listener.accept()
socket.send_fds(here, [b"x"], [kept.fileno()])
kept.close()
if os.fork() == 0:
    os._exit(0)
time.sleep(1000)
"""


def keep(lab: Lab, code: str, *words: str) -> Any:
    """A server of one connection, whose client has left."""
    server = lab.run([sys.executable, "-c", code, *words], port=PORT, name="keeper")
    lab.peer("connect fin").wait()
    lab.happened(server, ESTABLISHED=1)
    return server


def test_what_is_kept_without_a_timer_is_kept_forever(lab: Lab) -> None:
    server = keep(lab, KEEPER)
    lab.expect(server, CLOSE_WAIT=1, descriptors=1)
    lasting.expect_lasting(lab, [server])
    assert [row["lasts"] for row in lab.verdict.expectations] == [lasting.FOREVER] * 2
    with pytest.raises(NotHeld, match="1 x descriptor of a TCP connection"):
        holding.expect_held(lab, [server], 0)
    holding.expect_held(lab, [server], 1)


def test_what_a_timer_ends_is_not_kept(lab: Lab) -> None:
    server = keep(lab, KEEPER, "0.6")
    lab.expect(server, CLOSE_WAIT=1, descriptors=1)
    with pytest.raises(NotHeld, match="descriptors 0, expected == 1, but that did not last"):
        lasting.expect_lasting(lab, [server])


def test_what_is_in_flight_or_dead_is_held_too(lab: Lab) -> None:
    server = keep(lab, PARKER)
    lab.expect(server, descriptors=0)
    with pytest.raises(NotHeld, match="1 x socket or descriptor that no process shows, 1 x child process"):
        holding.expect_held(lab, [server], 0)


@pytest.mark.parametrize(
    "waits, timers, seconds",
    [
        ([("epoll_wait", None, True)], [], 0),
        ([("epoll_wait", 3000, True), ("futex", 1000, True)], [], 3),
        ([("epoll_wait", None, True)], [{"due_ms": 2500}], 2.5),
        ([("recvfrom", None, False)], [], float("inf")),  # SO_RCVTIMEO, perhaps
        ([("running", None, True)], [], float("inf")),
        ([(None, None, False)], [], float("inf")),
    ],
)
def test_how_long_a_process_may_wait(
    monkeypatch: pytest.MonkeyPatch, waits: list[Any], timers: list[Any], seconds: float
) -> None:
    keys = ("call", "timeout_ms", "timeout_known")
    view = {"pid": 1, "timers": timers, "waits": [dict(zip(keys, wait)) for wait in waits]}
    view["unreadable"] = None
    monkeypatch.setattr(waiting, "timed", lambda pid: False)
    assert lasting._of_process(view) == seconds
    monkeypatch.setattr(waiting, "timed", lambda pid: True)
    assert lasting._of_process(view) == float("inf")


def subject(**facts: Any) -> dict[str, Any]:
    """A program under trial that did nothing notable, except these facts."""
    return {"lines": 10, "children": {}, "misuse": {}, "lingers": [], "waits": "", **facts}


def word(found: Any) -> str:
    return next((diagnosis.word for diagnosis in found), "")


@pytest.mark.parametrize(
    "facts, named",
    [
        ({}, ""),
        ({"lines": 5000}, ""),
        ({"lines": 5000, "waits": "anon_pipe_write"}, "babbles"),
        ({"lines": 50000}, "babbles"),
        ({"children": {"": 10}}, "children-stay"),
        ({"children": {"": 40, "zombie": 20}}, "forks"),
        ({"children": {"anon_pipe_read": 60}}, "children-stay"),
        ({"children": {"zombie": 60}}, "children-stay"),
        ({"children": {"zombie": 2}}, ""),
    ],
)
def test_what_floods_is_named(facts: dict[str, Any], named: str) -> None:
    trial, fixed = {"subjects": [subject(**facts)]}, {"subjects": [subject()]}
    looks = (endings.forks(trial), endings.babbles(trial, fixed), endings.children(trial, fixed))
    assert next(filter(None, map(word, looks)), "") == named


def test_a_child_that_blocks_is_told() -> None:
    told = endings.waiting(subject(waits="do_wait", children={"wait_woken": 3}))
    assert told == "It waits for a child process. Its child waits for data from the other side (recv), or room to send."


def row(name: str, expected: str, measured: int, held: bool) -> dict[str, Any]:
    return {"subject": "server", "name": name, "expected": expected, "measured": measured, "held": held}


def test_cutting_off_quiet_clients_is_named() -> None:
    result = {"expectations": [row("descriptors", "== 2", 0, False)]}
    [found] = diagnose._cut_off(Evidence(result, {}))
    assert found.word == "closes-early" and "descriptors is 0 and should be 2" in found.sentence
    leaks = {"expectations": [row("descriptors", "== 2", 5, False)]}
    assert not [*diagnose._cut_off(Evidence(leaks, {}))]


def test_what_is_held_is_a_diagnosis() -> None:
    failure = Failure(HELD, "x", "held", "<= 0", 3, str(Holding(connections=2, children=1)))
    [found] = diagnose._holds(Evidence({"failures": [failure.record()]}, {}))
    assert found.word == "still-holds"
    assert "2 x descriptor of a TCP connection, 1 x child process" in found.sentence


def packets(end: str, at: float, verdict: float | None = 2.0) -> dict[str, Any]:
    """A ladder.json: 7 connections that an end closed first."""
    segments = [{"from": "client", "flags": ["SYN"], "sent": 0.0, "arrived": 0.0},
                {"from": end, "flags": ["FIN", "ACK"], "sent": at, "arrived": at}]  # fmt: skip
    return {"groups": [{"connections": 7, "ladder": {"verdict": verdict, "segments": segments}}]}


@pytest.mark.parametrize(
    "yours, fixed, named",
    [
        (packets("server", 1.0), packets("client", 1.0), "closes-early"),
        (packets("server", 1.0, None), None, "closes-early"),
        (packets("server", 3.0), packets("client", 1.0), "stuck"),  # only when it was ended
        (packets("client", 1.0), packets("client", 1.0), "stuck"),
        (packets("server", 1.0), packets("server", 1.0), "stuck"),  # so does the fixed one
        (None, None, "stuck"),
    ],
)
def test_who_closed_first_tells_the_hurried_from_the_stuck(yours: Any, fixed: Any, named: str) -> None:
    silent = Failure(EVENT, "leak_yours", "recv n=0", ">= 100", 0, "4 s passed")
    result = {"message": "", "failures": [silent.record()]}
    trial = {"subjects": [subject(program="leak_yours", waits="epoll_wait")]}
    found = [*awaited.stuck(LEAK, Evidence(result, trial, yours), Evidence({}, {}, fixed))]
    assert word(found) == named
    assert "7 connections" in found[0].sentence or 'keep its line say("recv ...")' in found[0].advice


def test_a_close_on_another_path_is_told() -> None:
    assert LEAK.buggy
    source = LEAK.buggy.read_text()
    result = {"struck": [row("ESTABLISHED", "== 100", 100, True), row("recv n=0", "== 100", 100, True)]}
    assert not diagnose._elsewhere(LEAK, source, result)
    more = source.replace("event_free(readable);", "if (n < 0) close(fd);")
    assert 'said "recv n=0"' in diagnose._elsewhere(LEAK, more, result)
    assert not diagnose._elsewhere(LEAK, more, {"struck": []})


GUEST = {"words": "connect rst", "done": ["rst 1 (0 bytes)"], "errors": {}}
AFTER = {"guests": [GUEST], "held": 0, "kept": {"blocks": 0, "events": 0, "bufferevents": 0}}


@pytest.mark.parametrize(
    "facts, named",
    [
        ({}, ""),
        ({"held": 1}, "still-holds"),
        ({"kept": {"blocks": 0, "events": 100, "bufferevents": 0}}, "keeps-memory"),
        ({"kept": None}, ""),  # it did not tell
        ({"guests": [{**GUEST, "errors": {"drain ECONNRESET": 1}}]}, "treats-otherwise"),
    ],
)
def test_what_other_clients_leave(facts: dict[str, Any], named: str) -> None:
    assert word(diagnose._afterwards({**AFTER, **facts}, AFTER)) == named


@pytest.mark.parametrize(
    "facts, told",
    [
        ({}, []),
        ({"misuse": {"close": 7}}, ["EBADF, 7 x"]),
        ({"misuse": {"send": 1, "rubbish": 1}}, ["MSG_NOSIGNAL, 1 x"]),
        ({"lingers": ["0"]}, ["lost data"]),
        ({"lingers": ["5"]}, ["at most 5 s"]),
    ],
)
def test_remarks_about_what_it_did(facts: dict[str, Any], told: list[str]) -> None:
    found = remarks.conduct(LEAK, {"subjects": [subject(**facts)]})
    assert len(found) == len(told) and all(words in one for words, one in zip(told, found))


def test_a_cure_with_a_time_of_its_own() -> None:
    text = texts.load("worker-blocked")
    assert text.buggy
    fixed = text.buggy.with_name("worker_blocked_fixed.c").read_text()
    assert not remarks.own_time(text, fixed)
    assert remarks.own_time(text, fixed.replace("o.seconds * 1000", "200"))


def test_the_page_for_the_projector(tmp_path: Any) -> None:
    labs = {"closewait-leak": {"solved": 1.0}}
    scores = [{"who": "anna <b>", "labs": labs}, {"who": "bert", "labs": {"closewait-leak": {"solved": None}}}]
    told = projector.page(scores, [LEAK, texts.load("reset-leak")], time.time())
    assert "1 of 2" in told and "anna &lt;b&gt; 1" in told and "bert 0" in told
    assert "reset-leak" not in told, "what nobody has begun takes no space"
    assert f'content="{projector.REFRESH}"' in told
    made = iter(["one", "two"])
    with projector.Server(0, lambda: next(made)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert [urllib.request.urlopen(server.address).read() for _ in range(2)] == [b"one", b"two"]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{server.address}x")
        with pytest.raises(Usage, match="choose another with --port"):
            projector.Server(server.server_address[1], str)
        server.shutdown()
    assert score.collect([tmp_path], [LEAK], False, tmp_path)[0]["labs"] == {}


def test_what_the_kernel_still_counts_of_a_tool_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([Holding(in_flight=3), Holding(in_flight=3), Holding(connections=1)])
    monkeypatch.setattr(holding, "measure", lambda _: next(looks))
    assert examine._before([]) == 1
