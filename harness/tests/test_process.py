"""Programs and their events: awaited, never slept for."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest

from linger.lab.errors import Broken, CannotRun, NotHeld
from linger.lab.events import parse_event
from linger.lab.process import Process
from linger.lab.processor import runnable_seconds, stat
from linger.lab.programs import program as built


def shell(script: str, tmp_path: Path) -> Process:
    return Process(["/bin/sh", "-c", script], tmp_path / "log")


def test_an_event_is_a_line_of_pairs() -> None:
    assert parse_event("ev=recv n=-1 err=ECONNRESET") == {
        "ev": "recv", "n": "-1", "err": "ECONNRESET",
    }  # fmt: skip
    assert parse_event("a message about ev=recv") is None


def test_said_waits_for_the_event(tmp_path: Path) -> None:
    program = shell("echo prose; echo ev=a n=1; echo ev=a n=2; exec sleep 60", tmp_path)
    assert program.said("a", times=2)["n"] == "2"
    assert [event["n"] for event in program.events("a")] == ["1", "2"]
    program.stop()


def test_said_tells_how_a_program_ended_instead(tmp_path: Path) -> None:
    program = shell("echo bind: Address already in use >&2; exit 3", tmp_path)
    with pytest.raises(NotHeld, match="ended with status 3\n.*Address already in use"):
        program.said("ready")
    assert program.status == 3


def test_said_has_a_deadline(tmp_path: Path) -> None:
    program = shell("exec sleep 60", tmp_path)
    with pytest.raises(NotHeld, match="0 of 1 times, then 0.05 s passed"):
        program.said("ready", within=0.05)
    program.stop()


def test_speaks_waits_for_output_of_any_kind(tmp_path: Path) -> None:
    program = shell("echo prose; exec sleep 60", tmp_path)
    program.speaks(within=10.0)
    assert program.log.read_text() == "prose\n"
    program.stop()
    with pytest.raises(NotHeld, match="sh ended with status 3"):
        shell("exit 3", tmp_path).speaks(within=10.0)
    mute = shell("exec sleep 60", tmp_path)
    with pytest.raises(NotHeld, match="is still silent after 0.05 s"):
        mute.speaks(within=0.05)
    mute.stop()


def test_wait_wants_status_zero(tmp_path: Path) -> None:
    assert shell("exit 0", tmp_path).wait().status == 0
    with pytest.raises(NotHeld, match="ended with status 1"):
        shell("exit 1", tmp_path).wait()
    with pytest.raises(NotHeld, match="was ended by SIGSEGV"):
        shell("kill -SEGV $$", tmp_path).wait()
    with pytest.raises(NotHeld, match=r"was ended by SIGRTMIN\+6"):
        shell("kill -40 $$", tmp_path).wait()
    slow = shell("exec sleep 60", tmp_path)
    with pytest.raises(NotHeld, match="still runs after 0.05 s"):
        slow.wait(within=0.05)
    slow.stop()


def test_stop_ends_a_program_that_ignores_sigterm(tmp_path: Path) -> None:
    program = shell("trap '' TERM; echo ev=ready; while :; do sleep 60; done", tmp_path)
    program.said("ready")
    program.stop(grace=0.05)
    assert not program.running


def test_kill_takes_the_tree_when_told(tmp_path: Path) -> None:
    script = "sleep 60 & echo ev=child pid=$!; wait"
    one, whole = shell(script, tmp_path), shell(script, tmp_path)
    for program, tree in ((one, False), (whole, True)):
        child = os.pidfd_open(int(program.said("child")["pid"]))
        program.kill(tree)
        assert program.status == -signal.SIGKILL
        assert bool(select.select([child], [], [], 5 if tree else 0)[0]) is tree
        if not tree:
            signal.pidfd_send_signal(child, signal.SIGKILL)
        os.close(child)


def test_a_log_that_cannot_be_written_is_no_silent_loss(tmp_path: Path) -> None:
    program = Process(["/bin/echo", "ev=x"], Path("/dev/full"))
    program.said("x")  # the events still arrive
    with pytest.raises(CannotRun, match="cannot write /dev/full: No space left on device"):
        program.stop()


def test_a_missing_program_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="cannot start nowhere/x: No such file.*run: make"):
        Process(["nowhere/x"], tmp_path / "log")


def test_a_spinning_program_is_always_runnable(tmp_path: Path) -> None:
    turns, waits = shell("while :; do :; done", tmp_path), shell("exec sleep 60", tmp_path)
    assert turns.busy() > 50 > 10 > waits.busy()
    assert list(runnable_seconds([turns.pid])) == [str(turns.pid)]
    for program in (turns, waits):
        program.stop()
        assert (runnable_seconds([program.pid]), program.cpu_seconds) == ({}, 0)


def test_proc_shows_nothing_of_an_ended_process(tmp_path: Path) -> None:
    ended = Process(["true"], tmp_path / "log").wait()
    assert (stat(ended.pid), ended.cpu_seconds, ended.computes) == (["", ""], 0, False)


@pytest.mark.parametrize("action", ["bind", "rebind"])
def test_a_peer_without_descriptors_says_so(tmp_path: Path, action: str) -> None:
    """The second connection finds none left, which is not a bad descriptor."""
    words = [built("clients/peer"), "-n", "2", f"{action}:4100", "stay"]
    peer = Process(["prlimit", "--nofile=4", *words], tmp_path / "log")
    assert peer.said("error")["err"] == "EMFILE"
    peer.stop()
