"""Any command as a program of the lab: Lab.run()."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from linger.lab import Lab
from linger.lab.errors import NotHeld, TargetDied, Usage
from linger.lab.process import descendants
from linger.lab.programs import program

PORT = 7000
ECHO = [program("servers/closewait_leak_fixed"), "-l", "0.0.0.0", "-p", PORT]


def shell(text: str) -> list[str | Path]:
    """The words of a shell with a server as "$@"."""
    return ["sh", "-c", text, "sh", *map(str, ECHO)]


def serve(lab: Lab, count: int = 20) -> None:
    lab.peer("connect hello fin", connections=count).wait()


def test_it_is_judged_like_a_server_of_ours(lab: Lab) -> None:
    server = lab.run(ECHO, port=PORT, name="echo")
    serve(lab)
    lab.happened(server, ESTABLISHED=20)
    lab.happened_event(server, "recv", 20, n=0)
    lab.expect(server, CLOSE_WAIT=0, descriptors=0)
    assert server.program == "echo" and server.pid in descendants(os.getpid())


def test_one_that_ends_leaks_nothing_and_still_fails(lab: Lab) -> None:
    """Even with status 0, with which a client ends well."""
    server = lab.run(shell('"$@" >/dev/null & read line; kill $!'), port=PORT, name="brief")
    serve(lab)
    lab.happened(server, ESTABLISHED=20)
    server.go()
    server.wait()
    with pytest.raises(NotHeld, match="brief ended with status 0 instead of continuing to serve"):
        lab.expect(server, CLOSE_WAIT=0)


def test_a_daemon_is_the_labs_and_ends_with_it(lab: Lab) -> None:
    server = lab.run(shell('setsid "$@" & exit 0'), port=PORT, name="daemon")
    serve(lab)
    lab.happened(server, ESTABLISHED=20)
    lab.expect(server, CLOSE_WAIT=0, LISTEN=1)
    server.stop()
    assert not server.running and server.status == 0
    lab.expect(lab.peer("stay"), LISTEN=0)


def test_it_is_asked_to_end_before_it_is_killed(lab: Lab) -> None:
    asked = 'trap "echo ev=asked; exit 5" TERM; "$@" & wait'
    server = lab.run(shell(asked), port=PORT)
    server.stop()
    assert server.events("asked") and server.status == 5


def test_killing_the_command_alone_leaves_what_it_started(lab: Lab) -> None:
    server = lab.run(shell('"$@" & wait'), port=PORT)
    server.kill()
    assert server.running
    serve(lab)
    server.kill(tree=True)


def test_it_has_the_callers_rights_and_environment(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLERS", "own")
    monkeypatch.setenv("PYTHONPATH", "/of/the/caller")
    monkeypatch.delenv("LINGER_CALLER_PYTHONPATH")
    text = "import os; print('ev=env', *(f'{k}={v}' for k, v in os.environ.items() if v.split()))"
    program = lab.run([sys.executable, "-c", text]).wait()
    (seen,) = program.events("env")  # type: ignore[attr-defined]
    assert (seen["CALLERS"], seen["PYTHONPATH"]) == ("own", "/of/the/caller")
    assert not {"LINGER_SANDBOX", "LINGER_RUN"} & {*seen}
    effective = lab.run(["sed", "-n", "s/^CapEff:./ev=rights set=/p", "/proc/self/status"]).wait()
    assert not int(effective.events("rights")[0]["set"], 16) & 1 << 21  # CAP_SYS_ADMIN


def test_a_low_port_and_a_limit(lab: Lab) -> None:
    server = lab.run([*ECHO[:-1], 80], port=80, descriptors=50)
    limits = Path(f"/proc/{server.pid}/limits").read_text()
    assert "50" in limits.partition("open files")[2].split()[:2]
    serve(lab, 1)
    lab.happened(server, ESTABLISHED=1)


WRONG = {
    "cannot start ./srv: ": ["./srv"],
    "sh ended with status 3 before it listened\n.*last words": shell("echo last words; exit 3"),
    "sh was ended by SIGSEGV before it listened": ["sh", "-c", "kill -SEGV $$"],
    r"listens on 127.0.0.1 only, .* let it listen on 0.0.0.0 or 10.0.0.2": [ECHO[0], "-p", PORT],
    "in the lab its addresses are 10.0.0.2": [ECHO[0], "-l", "10.9.9.9", "-p", PORT],
}


@pytest.mark.parametrize("sentence", WRONG)
def test_one_that_does_not_listen(lab: Lab, sentence: str) -> None:
    with pytest.raises(TargetDied, match=sentence):
        lab.run(WRONG[sentence], port=PORT)


def test_one_that_listens_elsewhere(lab: Lab) -> None:
    server = lab.run([*ECHO[:-1], 7001])
    with pytest.raises(TargetDied, match="on port 7000 after 0.2 s, but on port 7001"):
        server.await_listening(PORT, within=0.2)


def test_what_makes_no_sense_is_said(lab: Lab) -> None:
    with pytest.raises(Usage, match=r"wants the words of a command"):
        lab.run("./srv --port 7000")  # type: ignore[arg-type]
    lab.run(ECHO, port=PORT)
    with pytest.raises(Usage, match="port 7000 is already taken"):
        lab.run(ECHO, port=PORT)
