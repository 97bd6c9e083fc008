"""blame with running programs: what it follows, and that they run as they do without it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import jsonschema
import pytest
from conftest import Run
from lessons import score, spots

import linger
from linger.blame import document, documents, tracing
from linger.lab import processor
from linger.lab.environment import outside
from linger.lab.programs import program
from linger.run import pairs

BLAMED = Path(__file__).with_name("blamed.py")
Started = Callable[..., "subprocess.Popen[str]"]


def valid(name: str, content: dict[str, Any]) -> dict[str, Any]:
    """What a document holds, if it follows its schema."""
    schema = Path(linger.__file__).parent / "schema" / f"{name}.schema.json"
    jsonschema.validate(content, json.loads(schema.read_text()))
    return content


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Started]:
    """Start a command under blame; its report goes to report.json."""
    children = []

    def starting(*words: object, **options: Any) -> subprocess.Popen[str]:
        command = [*tracing.words(tmp_path / "report.json", **options), *map(str, words)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, env=outside())  # fmt: skip
        children.append(child)
        return child

    yield starting
    for child in children:
        child.kill()
        child.communicate()


def held(tmp_path: Path) -> list[dict[str, Any]]:
    """What is held now, except listeners."""
    tracing.ask(tmp_path / "report.json")
    report = valid("traced", tracing.read(tmp_path / "report.json"))
    valid("blame", document.make(report))
    return [group for group in report["groups"] if group["state"] != "LISTEN"]


def compiled(source: Path, code: str) -> Path:
    """Compile C code; returns the program, which is beside the source."""
    source.write_text(code)
    subprocess.run(["cc", "-w", "-o", source.with_suffix(""), source], check=True)
    return source.with_suffix("")


@pytest.mark.parametrize("way", ["thread", "dup", "dup2", "range", "getfd", "fork", "message"])
def test_descriptors_are_followed(start: Started, tmp_path: Path, way: str) -> None:
    child = start(sys.executable, "-S", BLAMED, way)
    pid = int(child.stdout.readline().split()[1])
    assert pid == child.pid, "the program keeps the process"
    (group,) = held(tmp_path)
    assert (group["state"], group["count"], group["known"]) == ("CLOSE_WAIT", 1, True)
    assert group["taken"]["call"] == "accept4" and group["taken"]["stack"]
    assert (group["pid"] != pid) == (way in ("fork", "message"))
    assert ("inherited" in group) == (way == "fork")
    assert ("closed" in group) == (way != "thread")


def test_io_uring_is_refused_and_that_is_said(start: Started, tmp_path: Path) -> None:
    io_uring_setup = 425
    code = (
        "import ctypes, errno, sys\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"libc.syscall({io_uring_setup}, 4, ctypes.create_string_buffer(120))\n"
        "print(errno.errorcode[ctypes.get_errno()], flush=True); sys.stdin.read()"
    )
    child = start(sys.executable, "-S", "-c", code)
    assert child.stdout.readline() == "ENOSYS\n"
    held(tmp_path)
    (process,) = tracing.read(tmp_path / "report.json")["processes"]
    assert process["io_uring_refused"]


def test_a_program_runs_as_without_blame(start: Started) -> None:
    """Its children, its exit code, its signals, its descriptors, and the end of its output."""
    code = (
        "import os, sys\n"
        "try: os.wait()\n"
        "except ChildProcessError: print('no child')\n"
        "print(sorted(os.listdir('/proc/self/fd')) == ['0', '1', '2', '3'])\n"
        "sys.exit(7)"
    )
    child = start(sys.executable, "-c", code)
    out, complaint = child.communicate(timeout=20)
    assert (child.returncode, out, complaint) == (7, "no child\nTrue\n", "")
    child = start("sh", "-c", "kill -USR1 $$")
    child.communicate(timeout=20)
    assert child.returncode == -signal.SIGUSR1


def test_a_wait_is_not_interrupted(start: Started, tmp_path: Path) -> None:
    """A stop would end epoll_wait(2) with EINTR, handler or not (signal(7)); Python would hide that."""
    waiter = compiled(
        tmp_path / "waits.c",
        "#include <stdio.h>\n#include <sys/epoll.h>\n#include <unistd.h>\n"
        "int main(void) { struct epoll_event e = {.events = EPOLLIN}; int fd = epoll_create1(0);\n"
        "epoll_ctl(fd, EPOLL_CTL_ADD, 0, &e); puts(\"ready\"); fflush(stdout);\n"
        "printf(\"%d\\n\", epoll_wait(fd, &e, 1, -1)); return 0; }\n",
    )
    child = start(waiter)
    child.stdout.readline()
    for _ in range(3):
        held(tmp_path)
        child.send_signal(signal.SIGWINCH)  # ignored by the program, but not by its tracer
    out, _ = child.communicate("x", timeout=20)
    assert out == "1\n"


def test_a_parent_that_is_killed_as_it_makes_a_child(start: Started, tmp_path: Path) -> None:
    """Then nothing reports what the child shares; it goes on, and ends when its pipe says so."""
    killer = compiled(
        tmp_path / "killed.c",
        "#include <signal.h>\n#include <stdio.h>\n#include <sys/wait.h>\n#include <unistd.h>\n"
        "int main(void) { int fds[2]; pipe(fds); for (int n = 0; n < 300; n++) { pid_t child = fork();\n"
        "if (!child) for (;;) if (!fork()) _exit(0);\n"
        "usleep(n * 10); kill(child, SIGKILL); waitpid(child, NULL, 0); }\n"
        "close(fds[1]); char end; printf(\"%zd\\n\", read(fds[0], &end, 1)); return 0; }\n",
    )
    out, _ = start(killer).communicate(timeout=60)
    assert out == "0\n"


def test_the_first_process_of_a_container_has_no_child(tmp_path: Path) -> None:
    """It would become the parent of the orphaned tracer, and wait(2) would wait for that."""
    code = "import os\ntry: os.wait()\nexcept ChildProcessError: print('no child')"
    words = ["unshare", "--map-root-user", "--fork", "--pid", "--mount-proc"]
    words += [*tracing.words(tmp_path / "report.json"), sys.executable, "-S", "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, env=outside(), timeout=20)
    assert (done.stdout, done.stderr) == ("no child\n", "")


def test_a_daemon_is_followed(start: Started, tmp_path: Path) -> None:
    code = (
        "import os, socket, time\n"
        "if os.fork(): os._exit(0)\n"
        "os.setsid()\n"
        "s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname())\n"
        "a, _ = s.accept(); c.close(); open('{}', 'w').write('x'); time.sleep(60)"
    )
    child = start(sys.executable, "-S", "-c", code.format(tmp_path / "there"))
    assert child.wait(20) == 0
    deadline = time.monotonic() + 20
    while not (tmp_path / "there").exists() and time.monotonic() < deadline:
        time.sleep(0.05)  # the next look
    (group,) = held(tmp_path)
    assert group["state"] == "CLOSE_WAIT" and group["pid"] != child.pid
    os.kill(group["pid"], signal.SIGKILL)


def test_what_was_held_before_the_program_was_told_to_end(start: Started, tmp_path: Path) -> None:
    child = start(sys.executable, "-S", BLAMED, "thread")
    child.stdout.readline()
    tracers = processor.tracer(child.pid)
    child.terminate()
    child.wait(20)
    report = tracing.read(tmp_path / "report.json")
    assert report["why"] == "told" and report["tracer"] in tracers and processor.tracer(os.getpid()) == []
    assert [group["state"] for group in report["groups"]] == ["LISTEN", "CLOSE_WAIT"]


def test_a_sample(start: Started, tmp_path: Path) -> None:
    """Descriptors are assigned from the lowest on: a quarter of 16 are multiples of 4."""
    code = (
        "import socket, sys\n"
        "s = socket.create_server(('127.0.0.1', 0)); kept = []\n"
        "for _ in range(16): c = socket.create_connection(s.getsockname()); kept += [s.accept()[0], c]\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    child = start(sys.executable, "-S", "-c", code, sample=4)
    child.stdout.readline()
    known = [fd for group in held(tmp_path) if group["known"] for fd in group["descriptors"]]
    assert known and all(fd % 4 == 0 for fd in known) and len(known) == 8


@pytest.mark.parametrize(
    "words, code, said",
    [
        (["trace", "--", "true"], 2, "blame needs -o FILE"),
        (["trace", "-o", "{}/x.json"], 2, "blame trace needs a COMMAND"),
        (["trace", "-o", "{}/x.json", "--sample=3", "--", "true"], 2, "power of two, not '3'"),
        (["trace", "-o", "{}/x.json", "--", "{}/no-such"], 2, "no-such: No such file or directory"),
        (["trace", "-o", "{}/none/x.json", "--", "true"], 70, "No such file or directory"),
        (["watch", "-o", "{}/x.json"], 2, "blame watch needs --pid P"),
        (["watch", "-o", "{}/x.json", "--pid", "4194999"], 2, "process 4194999"),
        (["ask", "{}/x.json"], 2, "No such file or directory"),
        (["lines", "more"], 2, "unexpected argument more"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    command = [program("blame"), *(word.format(tmp_path) for word in words)]
    # With SAN=1: a traced process cannot look for its leaks.
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL,
                          env=environment)  # fmt: skip
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("way, place", [("thread", r"23 accepted\(\)"),
                                        ("asyncio", r"\d+ (\w+.<locals>.)?serve\(\)")])
def test_linger_blame_says_what_a_command_held(tmp_path: Path, way: str, place: str) -> None:
    """In lines of Python, by the helper inside it; linger returns the command's exit code."""
    words = [program("linger"), "blame", "--json", tmp_path / "x.json", "--", sys.executable, BLAMED]
    child = subprocess.Popen([*words, way], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.PIPE, env=outside(XDG_RUNTIME_DIR=str(tmp_path)))  # fmt: skip
    assert child.stdout.readline().startswith("ready "), "its output is its own"
    child.terminate()
    _, said = child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGTERM
    assert "1 × CLOSE_WAIT" in said and re.search(rf" blamed.py:{place}", said), said
    valid("blame", json.loads((tmp_path / "x.json").read_text()))
    assert not [*tmp_path.glob("linger-blame-*/*")], "nothing is left"


@pytest.mark.parametrize("action", [signal.SIG_IGN, signal.SIG_DFL])
def test_what_the_caller_ignores_the_command_ignores(tmp_path: Path, action: Any) -> None:
    """A shell starts background commands so that ^C does not reach them."""
    words = [program("linger"), "blame", "--", "grep", "SigIgn", "/proc/self/status"]
    done = subprocess.run(words, capture_output=True, text=True, env=outside(XDG_RUNTIME_DIR=str(tmp_path)),
                          preexec_fn=lambda: signal.signal(signal.SIGINT, action), timeout=60)  # fmt: skip
    ignored = int(done.stdout.split()[1], 16) >> signal.SIGINT - 1 & 1
    assert bool(ignored) == (action == signal.SIG_IGN)


@pytest.mark.parametrize("words", [[], ["--report", "--", "true"], ["--sample", "3", "--", "true"],
                                   ["--report"], ["--symbols", "/none", "--", "true"]])  # fmt: skip
def test_linger_blame_is_used_wrongly(tmp_path: Path, words: list[str]) -> None:
    env = outside(XDG_RUNTIME_DIR=str(tmp_path))
    done = subprocess.run([program("linger"), "blame", *words], capture_output=True, text=True,
                          env=env, timeout=60)  # fmt: skip
    assert done.returncode == 2 and done.stderr.startswith("linger: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("name, options", [("closewait-leak", ["--blame"]), ("reset-leak", ["--deep"])])
def test_a_scenario_under_blame_names_the_line(tmp_path: Path, run: Run, name: str, options: list[str]) -> None:
    """For all pairs: make blame-figures."""
    words = [str(program("linger")), "run", name, "-n", "5", *options, "--results", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, env=outside(), timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    buggy, fixed = pairs.pair_of(name)
    (made,) = documents.of_variant(tmp_path / "latest" / name / "buggy")
    found = valid("blame", documents.read(made))
    assert score(found, buggy, spots(buggy, fixed)).right
    assert found["groups"][0]["count"] == 5 and "5 × " in done.stdout
    (made,) = documents.of_variant(tmp_path / "latest" / name / "fixed")
    assert documents.read(made)["groups"] == []


def test_a_running_process_is_watched_or_it_is_said_why_not(tmp_path: Path) -> None:
    """Root on the machine may; in a user namespace, or without tracepoints, nobody may."""
    code = (
        "import socket, sys\n"
        "s = socket.create_server(('127.0.0.1', 0)); print('ready', flush=True); sys.stdin.readline()\n"
        "c = socket.create_connection(s.getsockname()); a, _ = s.accept(); c.close(); a.recv(9)\n"
        "print('done', flush=True); sys.stdin.readline()"
    )
    child = subprocess.Popen([sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, text=True,
                             stdout=subprocess.PIPE)  # fmt: skip
    child.stdout.readline()
    report = tmp_path / "report.json"
    words = [program("blame"), "watch", "-o", report, "--pid", str(child.pid)]
    watcher = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        while watcher.poll() is None and not report.exists():
            time.sleep(0.02)  # the next look
        if watcher.poll() is not None:
            assert watcher.returncode == 77 and "root of the machine" in watcher.stderr.read()
            return
        child.stdin.write("\n")
        child.stdin.flush()
        child.stdout.readline()
        tracing.ask(report)
        found = valid("traced", tracing.read(report))
        (group,) = (group for group in found["groups"] if group["state"] == "CLOSE_WAIT")
        assert (group["taken"]["call"], group["end"]["result"]) == ("accept4", 0)
        assert group["taken"]["stack"] and found["watched"]
    finally:
        for one in (watcher, child):
            one.kill()
            one.communicate()
