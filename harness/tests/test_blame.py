"""What blame says about reports written here: rules, places, words. Nothing is run."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from lessons import Score, spots

from linger.blame import document, helping, places, reasons, sitting, tracing, wording
from linger.blame.symbols import Frame, plain
from linger.lab.programs import ROOT
from linger.run import pairs

sys.path.insert(0, str(ROOT / "harness" / "blame"))
import figures  # noqa: E402
import strangers  # noqa: E402

SERVER = "/srv/server"


def touch(call: str, at: float = 1.0, stack: int = 1, **more: Any) -> dict[str, Any]:
    return {"at": at, "took": 0.0, "call": call, "thread": 7, "stack": stack, **more}


def group(state: str = "CLOSE_WAIT", **more: Any) -> dict[str, Any]:
    given = {"pid": 7, "state": state, "count": 3, "unread": 0, "ended": False, "known": True,
             "taken": touch("accept4", 1.0, result=5), "last": touch("recv", 2.0, result=6),
             "told": {}, "descriptors": [5, 6, 7]}  # fmt: skip
    return {**given, **more}


EOF = touch("recv", 3.0, result=0)
RULES = {
    "eof": group(end=EOF, last=EOF),
    "timeout": group(end=touch("recv", error="EAGAIN")),
    "error": group("gone", end=touch("recv", error="ECONNRESET")),
    "shutdown": group("FIN_WAIT2", last=touch("shutdown", result=0)),
    "unread": group(),
    "gone": group("gone"),
    "open": group("ESTABLISHED"),
    "unknown": group("ESTABLISHED", known=False),
    "shared": group(end=EOF, last=EOF, closed=touch("close", 4.0, result=0), closer=6),
    "copied": group(end=EOF, last=EOF, closed=touch("close", 4.0, result=0), closer=7),
    "unaccepted": group("LISTEN", waiting=4),
    "listening": group("LISTEN", waiting=0),
}


@pytest.mark.parametrize("rule", reasons.RULES)
def test_the_rule_that_is_broken(rule: str) -> None:
    assert reasons.rule_of(RULES[rule]) == rule


def test_only_shutdown_sends_a_fin_and_leaves_a_descriptor() -> None:
    """Later touches do not matter."""
    assert reasons.rule_of(group("FIN_WAIT2")) == "shutdown"
    assert reasons.rule_of(group("ESTABLISHED")) == "open"


def test_a_fork_says_nothing_of_a_second_descriptor_in_the_same_process() -> None:
    forked = {"inherited": touch("clone", 4.5, result=9)}
    assert "inherited" in reasons.told({**RULES["shared"], **forked}, "shared")
    assert "inherited" not in reasons.told({**RULES["copied"], **forked}, "copied")


def test_a_close_before_the_last_touch_is_none_of_another_process() -> None:
    """dup(2): the program itself went on with the other descriptor."""
    used = group(end=EOF, last=touch("send", 5.0, result=1), closed=touch("close", 4.0, result=0))
    assert reasons.rule_of(used) == "eof"


@pytest.mark.parametrize("rule", reasons.RULES)
def test_the_words_are_honest(rule: str) -> None:
    """Only the program knows whether it will close, and an open connection is not a leak."""
    sentence = reasons.sentence_of(RULES[rule], rule)
    assert "missing" not in sentence and "leak" not in sentence and "{" not in sentence


def test_sentences_name_the_call_and_its_error() -> None:
    assert reasons.sentence_of(RULES["error"], "error") == "recv() failed with ECONNRESET, never closed"
    told = group("gone", end=touch("getsockopt", error="ECONNREFUSED"))
    assert reasons.sentence_of(told, "error").startswith("connect() failed with ECONNREFUSED")


@pytest.mark.parametrize("waiting, said", [(1, "1 connection waits for accept()"), (4, "4 connections wait for accept()")])
def test_one_connection_is_called_one(waiting: int, said: str) -> None:
    assert reasons.sentence_of(group("LISTEN", waiting=waiting), "unaccepted").startswith(said)


def test_a_pair_whose_run_failed_is_not_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Even if it held nothing; one that ran and held nothing does not count."""
    nowhere = Score(False, None)
    ran = {"closewait-leak": (0, True, Score(True, 0)), "reset-leak": (1, False, nowhere),
           "linger-zero": (0, False, nowhere)}  # fmt: skip
    monkeypatch.setattr(figures, "of_pair", lambda name, build, folder: ran[name])
    *_, failed, clean, total = figures.table(tmp_path, tmp_path, [*ran])
    assert "elsewhere" in failed and failed.endswith("its run FAILED, exit code 1")
    assert clean.endswith("holds nothing that it should not")
    assert total.startswith("1 of 2 leaking pairs, 1 of the")


@pytest.mark.parametrize("counts, code", [((3, 3, 0), 0), ((3, 3, 1), 77), ((0, 0, 0), 77), ((2, 3, 1), 1)])
def test_a_stranger_that_was_not_tried_is_not_green(counts: tuple[int, int, int], code: int) -> None:
    assert strangers.ends_with(*counts) == code


def test_what_was_told_is_not_told_again() -> None:
    assert reasons.told(RULES["eof"], "eof") == ["taken", "end"]
    first = group(adopted=EOF, read=EOF, end=EOF, last=EOF)
    assert reasons.told(first, "eof") == ["taken", "end"]
    assert reasons.told(group(read=touch("recv", 1.5, result=6)), "unread") == ["taken", "read", "last"]


def frame(function: str, file: str = "", line: int = 0, path: str = SERVER) -> Frame:
    return Frame(function, file, line, path, 0x1234)


LIBC = frame("recv", "../sysdeps/recv.c", 28, "/usr/lib/x86_64-linux-gnu/libc.so.6")
LOOP = frame("event_base_loop", path="/usr/lib/x86_64-linux-gnu/libevent-2.1.so.7")
STATIC = frame("event_base_loop")
MAIN = frame("main", "/home/me/server.c", 61)
EVENT_CB = frame("event_cb", "/home/me/server.c", 33)
RUST = frame("poll", "/rustc/9fc6b4/library/std/src/net.rs", 5)
GO = frame("net.(*netFD).Read", "/usr/share/go-1.19/src/net/fd_posix.go", 55)
STRIPPED, START = frame(""), frame("_start")


@pytest.mark.parametrize(
    "frames, own",
    [
        ([LIBC, LOOP, MAIN], MAIN),
        ([LIBC, EVENT_CB, LOOP, MAIN], EVENT_CB),  # a program may call its functions as it likes
        ([LIBC, RUST, MAIN], MAIN),
        ([GO, MAIN], MAIN),
        ([LIBC, STATIC, frame("serve"), START], frame("serve")),
        ([LIBC, STRIPPED], STRIPPED),
        ([LIBC], LIBC),
        ([], None),
    ],
)
def test_the_frame_that_is_the_programs_own(frames: list[Frame], own: Frame | None) -> None:
    assert places.own(frames, SERVER) == own


def test_a_place_in_words() -> None:
    assert places.named(MAIN) == "server.c:61 main()"
    assert places.named(frame("serve")) == "serve() in server+0x1234"
    assert places.named(STRIPPED) == "server+0x1234"
    assert places.named(frame("", path="")) == "generated code"


def test_names_of_functions_as_the_source_has_them() -> None:
    assert plain("_ZN6server6handle17h0123456789abcdefE") == "server::handle"
    assert plain("_ZNK3foo3barEv") == "foo::bar"
    assert plain("main") == "main" and plain("_ZTV3foo") == "_ZTV3foo"


@pytest.mark.parametrize("numbers, text", [({3, 1, 2, 7}, "1-3, 7"), ({4}, "4"), ({1, 3}, "1, 3")])
def test_ranges(numbers: set[int], text: str) -> None:
    assert wording.ranges(numbers) == text


def test_what_a_helper_tells() -> None:
    place = helping.where("/srv/a b.py:33 Server.handle")
    assert place and (place["file"], place["line"]) == ("/srv/a b.py", 33)
    assert place["function"] == "Server.handle"
    assert helping.where("") is None and helping.where("nonsense") is None


def report(*groups: dict[str, Any], **more: Any) -> dict[str, Any]:
    process = {"pid": 7, "program": SERVER, "threads": 1, "files": 1, "ended": False, "io_uring_refused": False}
    return {"why": "asked", "seconds": 9.0, "sample": 1, "deep": False, "watched": False, "lost": 0,
            "processes": [process], "groups": list(groups), "after": [], "stacks": [[[1, 16], [1, 32]]],
            "modules": [SERVER], **more}  # fmt: skip


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Every address is in serve(), at the line of the same number; the source has that many lines."""
    source = tmp_path / "server.c"
    source.write_text("".join(f"line {n}\n" for n in range(1, 40)))

    def answers(questions: Any, symbols: Any) -> list[dict[str, Any]]:
        return [{"path": path, "address": address, "frames": [
            {"function": "serve", "file": str(source), "line": address}]} for path, address in questions]  # fmt: skip

    monkeypatch.setattr(tracing, "answers", answers)
    return source


def test_a_report_in_words(resolved: Path) -> None:
    after = {"stack": 1, "after": "end", "then": "waits", "steps": 0, "calls": [], "lines": [[1, 17], [1, 18]]}
    made = document.make(report(RULES["eof"], RULES["listening"], after=[after]))
    assert list(wording.lines(made)) == [
        "3 × CLOSE_WAIT in server (pid 7): EOF read, never closed",
        "    taken       accept4() at server.c:16 serve()",
        "    EOF         recv() = 0 at server.c:16 serve()",
        "    ran next    after that: serve() server.c:17-18; then it waits",
        "                    15  line 15",
        "                >   16  line 16",
        "                    17  line 17",
    ]


def test_what_is_wrong_comes_first_and_alike_is_one(resolved: Path) -> None:
    made = document.make(report(RULES["open"], group(), group(descriptors=[8], count=1)))
    assert [(one["rule"], one["count"]) for one in made["groups"]] == [("unread", 4), ("open", 3)]


def test_what_it_cannot_tell_is_said(resolved: Path) -> None:
    made = document.make(report(sample=8, watched=True, lost=5))
    said = list(wording.lines(made))
    assert said[0] == "no TCP connection is held"
    assert any("multiple of 8" in line for line in said)
    assert any("5 calls" in line for line in said)
    assert document.make(report())["groups"] == []


def test_a_process_that_was_running_may_have_read_the_fin() -> None:
    """blame --pid: nobody saw the socket being taken, or it was not touched since."""
    watched = group()
    del watched["taken"]
    assert reasons.rule_of(watched) == "unknown"
    assert reasons.rule_of({**watched, "end": EOF}) == "eof"
    del watched["last"]
    assert reasons.rule_of(watched) == "unknown" and reasons.told(watched, "unknown") == []


def test_files_are_not_followed_and_that_is_said(resolved: Path) -> None:
    process = {**report()["processes"][0], "files": 40}
    said = list(wording.lines(document.make(report(processes=[process]))))
    assert said == ["no TCP connection is held",
                    "pid 7 held 40 files open, which blame does not follow; while it runs, ls -l /proc/7/fd "
                    "lists them"]  # fmt: skip


def test_a_name_of_theirs_steers_no_terminal(resolved: Path) -> None:
    process = {**report()["processes"][0], "program": "/srv/\x1b[31mred"}
    made = document.make(report(group(), processes=[process]))
    assert "\x1b" not in wording.head(made["groups"][0])


def test_every_pair_has_a_lesson_in_a_function() -> None:
    for buggy, fixed in pairs.pairs():
        found = spots(buggy, fixed)
        assert found and all(spot.function for spot in found), buggy.name


@pytest.mark.parametrize(
    "living, status, told",
    [
        ([], 0, ""),
        ([7], 0, ""),  # the command itself, by a report from just before its end
        ([7, 8], 0, "a process still runs under blame"),
        ([8, 9], -signal.SIGINT, "2 processes still run under blame after the ^C"),
        ([8, 9], 130, "2 processes still run under blame after the ^C"),
    ],
)
def test_what_a_command_leaves_behind(living: list[int], status: int, told: str) -> None:
    processes = [{"pid": pid, "ended": pid not in living} for pid in (7, 8, 9)]
    assert sitting._left({"program": 7, "processes": processes}, status) == told
