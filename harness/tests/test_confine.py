"""Confined programs: what they can no longer do, and that they are counted like any other."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Iterator

import pytest
from conftest import Run, outlived, pidfds

from linger.lab import Lab, confine
from linger.lab.errors import NotHeld
from linger.lab.expect import Peer
from linger.lab.process import descendants
from linger.lab.programs import program

N = 10


@pytest.fixture
def witness() -> Iterator[int]:
    """A process outside, such as the harness."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process.pid
        process.kill()


def cages(folder: Path) -> dict[str, list[str]]:
    return {"opened": confine.opened([folder]), "closed": confine.closed()}


def run_python(lab: Lab, words: list[str], text: str, *arguments: object) -> Peer:
    """Start a Python program in the lab's server, behind these words."""
    command = [*words, "--", sys.executable] if words else [sys.executable]
    command += ["-c", text, *map(str, arguments)]
    log = lab.evidence / "program.log"
    return Peer(lab.hosts["server"], command, log, ("PassiveOpens",), 2 if words else 0)


@pytest.mark.parametrize("cage", ["opened", "closed"])
def test_it_kills_whom_it_can_and_reaches_nobody(lab: Lab, witness: int, cage: str) -> None:
    text = "import os; print('ev=ready', flush=True); os.kill(-1, 9)"
    with pytest.raises(NotHeld, match="No such process"):  # nobody is left but process 1
        run_python(lab, cages(lab.evidence)[cage], text).wait()
    assert Path(f"/proc/{witness}/stat").read_text().split()[2] == "S"


def test_what_is_read_only_is_so_from_within_too(tmp_path: Path) -> None:
    words = [*confine.opened([tmp_path]), "--", "sh", "-c", "pwd; : > here"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, f"{tmp_path}\n"), done.stderr


@pytest.mark.parametrize("cage", ["opened", "closed"])
def test_it_is_counted_like_any_other(lab: Lab, cage: str) -> None:
    words = cages(lab.evidence)[cage]
    server = lab.start("server", "servers/closewait_leak_buggy", confined=words)
    server.said("ready")
    lab.peer("connect hello fin", connections=N).wait()
    lab.happened_event(server, "recv", N, n=0)
    lab.happened(server, ESTABLISHED=N)
    lab.expect(server, {"CLOSE_WAIT.owned": N, "descriptors": N})
    owners = {(owner["process"], owner["pid"]) for owner in lab.snapshot["server"]["owners"]}
    assert owners == {("closewait_leak_buggy", server.pid)}


def test_its_ghosts_are_found(lab: Lab) -> None:
    server = lab.start("server", "servers/reset_leak_buggy", confined=confine.closed())
    server.said("ready")
    lab.peer("connect hello rst", connections=N).wait()
    lab.happened_event(server, "recv", N, err="ECONNRESET")
    lab.expect(server, {"ghosts": N, "descriptors": N})


def test_it_can_be_frozen_and_killed(lab: Lab) -> None:
    server = lab.start("server", "servers/closewait_leak_fixed", confined=confine.closed())
    server.said("ready")
    server.freeze()
    peer = lab.peer("connect hello fin")
    lab.happened(server, accept_queue=1)
    assert not peer.events("done", action="hello")
    server.thaw()
    peer.wait()
    server.kill()
    assert server.ending() == "was ended by SIGKILL"
    lab.happened(server, LISTEN=0)


def test_its_descriptors_are_limited(lab: Lab) -> None:
    """Limited as by lab.server(): the listener is the fourth, epoll the fifth."""
    server = lab.start(
        "server", "servers/descriptor_exhaustion_buggy", descriptors=7, confined=confine.closed()
    )
    server.said("ready")
    lab.peer("connect hello send:rubbish recv:6 fin", connections=2).wait()
    lab.peer("connect hello fin").said("done")
    lab.happened_event(server, "accept", err="EMFILE")


def test_its_word_is_not_its_verdict(lab: Lab) -> None:
    """It says what a repaired server would say, and leaks: the census decides."""
    text = """if True:
        import socket, time
        listener = socket.create_server(("10.0.0.2", 9000))
        print("ev=ready port=9000", flush=True)
        kept = [listener.accept()[0] for _ in range(10)]
        for each in kept:
            each.recv(9), each.send(b"hello\\n")
        for each in kept:
            each.recv(9)
            print("ev=recv fd=9 n=0 err=-\\nev=CLOSE_WAIT count=0\\nev=verdict pass", flush=True)
        time.sleep(1000)"""
    server = run_python(lab, confine.closed(), text)
    server.said("ready")
    lab.peer("connect hello fin", connections=N).wait()
    lab.happened_event(server, "recv", N, n=0)
    with pytest.raises(NotHeld, match=f"CLOSE_WAIT {N}, expected == 0"):
        lab.expect(server, {"CLOSE_WAIT": 0, "descriptors": 0}, within=0.1)
    server.stop()


DAEMON = """if True:
    import os, signal, sys, time
    if os.fork():
        time.sleep(1000)
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    print("ev=ready", flush=True)
    time.sleep(1000)"""


@pytest.mark.parametrize("ending", ["stop", "kill", "SIGKILL of confine"])
def test_nothing_of_it_outlives_it(lab: Lab, ending: str) -> None:
    program = run_python(lab, confine.closed(), DAEMON)
    program.said("ready")
    family = descendants(program._popen.pid)
    assert len(family) == 4  # confine, process 1, the program, its daemon
    fds = pidfds(family[1:])
    if ending == "SIGKILL of confine":
        os.kill(family[0], signal.SIGKILL)
    else:
        getattr(program, ending)()
    assert outlived(fds) == 0
    program.stop()


GREEDY = {
    "nproc": (
        20,
        "import os\nfor n in range(99): os.fork() or __import__('time').sleep(99)",
        "EAGAIN|temporarily",
    ),
    "as": (200 << 20, "x = bytearray(1 << 30)", "MemoryError"),
    "fsize": (1000, "open('/tmp/x', 'w').write('x' * 9999)", "File too large|SIGXFSZ"),
    "cpu": (1, "while True: pass", "SIGXCPU"),
    "nofile": (10, "import os\nwhile True: os.dup(0)", "Too many open files"),
}


@pytest.mark.parametrize("name", GREEDY)
def test_it_cannot_take_all_there_is(lab: Lab, name: str) -> None:
    limit, text, sentence = GREEDY[name]
    program = run_python(lab, confine.closed(**{name: limit}), text)
    with pytest.raises(NotHeld, match=sentence):
        program.wait(20)


def test_it_has_no_terminal(run: Run) -> None:
    """What TIOCSTI types into a terminal would be read by its owner's shell."""
    text = "open('/dev/tty'); print('opened')"
    for words, opened in ([], True), (confine.opened(), False), (confine.closed(), False):
        command = [*words, *(["--"] if words else []), sys.executable, "-c", f'"{text}"']
        script = ["script", "-qec", " ".join(command), "/dev/null"]
        done = subprocess.run(script, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        # As a word: the traceback of Python 3.13 shows the source.
        assert ("opened" in done.stdout.split()) == opened, done.stdout + done.stderr


@pytest.mark.parametrize("command, status", [("exit 7", 7), ("kill -PIPE $$", -signal.SIGPIPE)])
@pytest.mark.parametrize("words", [["--closed"], []], ids=["closed", "opened"])
def test_its_ending_passes_through(run: Run, words: list[str], command: str, status: int) -> None:
    done = run("confine", *words, "--", "sh", "-c", command)
    assert done.returncode == status, done.stderr


@pytest.mark.parametrize("words", [["confine", "--"], ["subreaper", "/dev/null"]])
def test_it_ends_though_its_caller_ignores_the_end_of_children(words: list[str]) -> None:
    """A caller that ignores SIGCHLD, as daemons do, passes that on; the shell cannot show it."""
    command = [str(program(words[0])), *words[1:], "sh", "-c", "exit 3"]
    ignore = "import os, signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
    text = f"{ignore}os.execv({command[0]!r}, {command!r})"
    done = subprocess.run([sys.executable, "-c", text], timeout=20, stdout=subprocess.DEVNULL)
    assert done.returncode == 3


WRONG = {
    "a command is missing": [],
    "unknown limit 'speed=9'": ["--limit", "speed=9", "--", "true"],
    "'many' is not a whole number": ["--limit", "nproc=many", "--", "true"],
    "--user takes a numeric user id, not '4294967296'": [
        "--user",
        "4294967296",
        "--",
        "true",
    ],  # 2^32: as root
    "unknown option --frobnicate": ["--frobnicate", "--", "true"],
}


@pytest.mark.parametrize("sentence", WRONG)
def test_wrong_usage(run: Run, sentence: str) -> None:
    done = run("confine", *WRONG[sentence])
    assert (done.returncode, sentence in done.stderr) == (2, True), done.stderr


def test_where_it_cannot_work_it_says_so(run: Run) -> None:
    done = run("confine", "--read-only", "/nowhere", "--", "true")
    assert (done.returncode, done.stderr) == (
        77,
        "confine: cannot confine the program: /nowhere: No such file or directory\n",
    )


BULK = bytes(range(256)) * 16384  # 4 MiB: many times what a pipe holds


@pytest.mark.parametrize("mode", [[], ["--closed"]], ids=["opened", "closed"])
def test_its_streams_are_copied_whole_and_in_order(mode: list[str]) -> None:
    words = [str(program("confine")), *mode, "--"]
    done = subprocess.run([*words, "cat"], input=BULK, stdout=subprocess.PIPE, timeout=60)
    assert done.returncode == 0 and done.stdout == BULK
    both = "for i in 1 2 3 4 5 6 7 8; do echo $i; echo $i >&2; done"
    done = subprocess.run([*words, "sh", "-c", both], stdout=-1, stderr=subprocess.STDOUT)
    assert done.stdout == b"".join(b"%d\n%d\n" % (i, i) for i in range(1, 9))
    apart = subprocess.run([*words, "sh", "-c", both], stdout=-1, stderr=-1)
    assert apart.stdout == apart.stderr == b"".join(b"%d\n" % i for i in range(1, 9))


def test_a_reader_that_leaves_ends_it_as_usual() -> None:
    words = [str(program("confine")), "--", "yes"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"y\n"
        process.stdout.close()
        assert process.wait(20) == -signal.SIGPIPE


def test_output_that_cannot_be_written_is_not_lost_in_silence() -> None:
    words = [str(program("confine")), "--", "echo", "lost"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=20)
    sentence = "confine: cannot write the program's output: No space left on device\n"
    assert (done.returncode, done.stderr) == (70, sentence)


def test_an_interrupt_from_a_terminal_reaches_it() -> None:
    """It is in a different session from the terminal, so only confine can tell it."""
    own, theirs = pty.openpty()
    trap = 'trap "echo told; exit 5" INT; echo ready; while :; do read -t 1 line; done'
    words = [str(program("confine")), "--", "bash", "-c", trap]
    lead = lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # noqa: E731
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs,
                          start_new_session=True, preexec_fn=lead) as process:  # fmt: skip
        os.close(theirs)
        said = b""
        while b"ready" not in said:
            said += os.read(own, 99)
        os.write(own, b"\x03")
        assert process.wait(20) == 5
    os.close(own)


def test_many_at_once_each_have_a_control_group() -> None:
    """No confine removes another's new group before its maker has locked it."""
    words = ["sh", "-c", 'for each in $(seq 40); do "$0" --bounds; done', program("confine")]
    every = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    bounds = [line for each in every for line in each.communicate()[0].splitlines()]
    assert len(bounds) == 320 and len(set(bounds)) == 1
