"""`linger check-client` as its users meet it: planted clients, right and wrong, and how it ends.

Each single mistake has its test in harness/tests/real/clients.py, because together they take minutes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run
from test_formats import validator

from linger.check.client import BATTERY

BATTERY.load()
PLANTED = Path(__file__).with_name("planted") / "clients" / "client.py"
FETCH = """
import sys, urllib.request
content = urllib.request.urlopen(sys.argv[1], timeout=10).read()
open(sys.argv[2], "wb").write(content)
"""
ONE_SHOT = [sys.executable, "-S", "-c", FETCH, "{url}", "{out}"]


def check(
    run: Run, tmp_path: Path, *options: object, command: list[object]
) -> subprocess.CompletedProcess[str]:
    words = ["--results", tmp_path / "results", *options, "--", *command]
    return run("linger", "check-client", *words, timeout=120)


def verdicts(tmp_path: Path) -> dict[str, str]:
    summary = json.loads((tmp_path / "results/latest/check/check.json").read_text())
    assert not [*validator("check").iter_errors(summary)]
    return {one["id"]: one["verdict"] for one in summary["results"]}


def planted(*mistakes: str) -> list[object]:
    return [sys.executable, "-S", PLANTED, *mistakes]  # it needs no packages


def test_a_client_that_does_everything_right(run: Run, tmp_path: Path) -> None:
    done = check(run, tmp_path, "--quick", "--driver", command=planted())
    found = verdicts(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {*found} == {id for id, check in BATTERY.checks.items() if not check.slow}
    assert {*found.values()} <= {"PASS", "CHOICE"}, done.stdout


def test_a_client_that_believes_everything(run: Run, tmp_path: Path) -> None:
    wrong = {
        "truncated-length": "FAIL", "truncated-chunked": "FAIL", "truncated-header": "FAIL",
        "truncated-close": "FAIL", "truncated-tls": "WARN", "truncated-gzip": "WARN",
        "stale-pool": "FAIL", "unsolicited-reply": "FAIL", "black-hole": "FAIL",
    }  # fmt: skip
    takes = ("takes-length", "takes-chunked", "takes-header", "takes-reset", "no-notify", "takes-gzip")
    client = planted(*takes, "blind", "believes", "one-address")
    done = check(run, tmp_path, "--only", ",".join(wrong), "--driver", command=client)
    assert done.returncode == 1 and verdicts(tmp_path) == wrong, done.stdout + done.stderr
    assert "50000 of 100000 bytes taken for the whole reply: short-length-fin-keep" in done.stdout
    assert "make scenario-truncated-reply" in done.stdout  # and a ladder of it
    assert "<── RST" in done.stdout


def test_a_client_that_keeps_and_repeats(run: Run, tmp_path: Path) -> None:
    wrong = {"idle-close": "LEAK", "repeated-request": "FAIL", "early-reply": "WARN"}
    only = ("--quick", "--only", ",".join(wrong), "--patience", 3)
    done = check(run, tmp_path, *only, "--driver", command=planted("hoards", "resends", "deaf"))
    assert done.returncode == 1 and verdicts(tmp_path) == wrong, done.stdout + done.stderr
    assert "more are held after each round: 3, 6, 9" in done.stdout
    assert "POST on a fresh connection: 2 times" in done.stdout


def test_a_client_that_waits_for_nothing(run: Run, tmp_path: Path) -> None:
    only = ("--only", "waits-without-socket")
    done = check(run, tmp_path, *only, "--driver", command=planted("forgets"))
    assert done.returncode == 1 and verdicts(tmp_path) == {only[1]: "FAIL"}, done.stdout + done.stderr
    assert "nothing can wake it: it has no connection" in done.stdout
    assert "clock_nanosleep" in done.stdout  # what it waits in, from the census


def test_a_command_that_makes_one_request(run: Run, tmp_path: Path) -> None:
    only = "truncated-length,truncated-header,recover-refuse,early-reply,stale-pool"
    expected = tmp_path / "expected.txt"
    done = check(run, tmp_path, "--only", only, "--write-expected", expected, command=ONE_SHOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdicts(tmp_path) == {  # urllib takes half a header for one (Python 3.11)
        "truncated-length": "PASS", "truncated-header": "FAIL", "recover-refuse": "PASS",
        "early-reply": "N/A", "stale-pool": "N/A",
    }  # fmt: skip
    assert "needs --driver" in done.stdout
    again = check(run, tmp_path, "--only", only, "--expected", expected, command=ONE_SHOT)
    assert again.returncode == 0, again.stdout + again.stderr


def test_an_exit_code_that_says_nothing_needs_a_command_that_does(run: Run, tmp_path: Path) -> None:
    mute = ["sh", "-c", '"$@"; exit 0', "sh", *ONE_SHOT]
    done = check(run, tmp_path, "--only", "truncated-length", command=mute)
    assert done.returncode == 77 and "give --verify COMMAND" in done.stdout, done.stdout + done.stderr
    verify = ("--verify", "test $(stat -c %s {out} 2>/dev/null || echo 0) -eq 100000")
    done = check(run, tmp_path, "--only", "truncated-length", *verify, command=mute)
    assert done.returncode == 0 and verdicts(tmp_path) == {"truncated-length": "PASS"}, done.stdout


def test_a_driver_that_dies_fails_and_is_started_again(run: Run, tmp_path: Path) -> None:
    only = ("--only", "truncated-length")
    done = check(run, tmp_path, *only, "--driver", command=planted("dies"))
    assert done.returncode == 1 and "the driver was ended by SIGSEGV" in done.stdout, done.stdout


def test_a_driver_that_dies_between_requests_is_not_forgotten(run: Run, tmp_path: Path) -> None:
    only = ("--quick", "--only", "stale-pool,idle-reset")
    done = check(run, tmp_path, *only, "--driver", command=planted("dies-idle"))
    said = "the driver ended with status 1 while it had nothing to do"
    assert verdicts(tmp_path) == {"stale-pool": "FAIL", "idle-reset": "FAIL"}
    assert said in done.stdout, done.stdout + done.stderr
    assert "| an idle connection has ended: nobody thought of that" in done.stdout


@pytest.mark.parametrize(
    "command, said",
    [
        (["no-such-client", "{url}"], "cannot start no-such-client"),
        (["sh", "-c", "echo I know no {url} >&2; exit 5"], "status 5, I know no http://server.test:9000"),
        (["true", "{url}"], "the client never connects to http://server.test:9000/good"),
    ],
)
def test_a_client_that_never_gets_there_ends_with_3(
    run: Run, tmp_path: Path, command: list[object], said: str
) -> None:
    done = check(run, tmp_path, command=command)
    assert done.returncode == 3 and said in done.stderr, done.stdout + done.stderr


def test_a_driver_that_speaks_something_else_ends_with_3(run: Run, tmp_path: Path) -> None:
    done = check(run, tmp_path, "--driver", command=["sh", "-c", "read line; echo hello"])
    assert done.returncode == 3 and "not a line of JSON: hello" in done.stderr


@pytest.mark.parametrize(
    "options, command, said",
    [
        ((), ["curl", "http://localhost/"], "names no {url}, {host} or {port}"),
        (("--driver", "--verify", "true"), ["x"], "--driver and --verify exclude each other"),
        (("--quick", "--long"), ["{url}"], "--quick and --long exclude each other"),
        (("--only", "truncated-lenght"), ["{url}"], "truncated-length"),
        ((), [], "no command to check"),
    ],
)
def test_wrong_usage(
    run: Run, tmp_path: Path, options: tuple[str, ...], command: list[object], said: str
) -> None:
    done = check(run, tmp_path, *options, command=command)
    assert done.returncode == 2 and said in done.stderr, done.stderr


def test_every_check_is_explained_and_named_as_the_table_has_it(run: Run) -> None:
    shown = run("linger", "check-client", "--list").stdout
    assert {*BATTERY.checks} == {
        "truncated-length", "truncated-chunked", "truncated-header", "truncated-close", "truncated-tls",
        "truncated-gzip", "waits-without-socket", "silent", "stalled-body", "trickle",
        "repeated-request", "stale-pool", "idle-close", "idle-reset", "unsolicited-reply",
        "early-reply", "error-leak", "recover-restart", "recover-refuse", "black-hole", "vanished-idle",
    }  # fmt: skip
    for check in BATTERY.checks.values():
        assert f"{check.id}\n" in shown or f"{check.id} (slow)\n" in shown
        assert "section" in check.clause or "(2)" in check.clause
