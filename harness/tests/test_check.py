"""`linger check` as its users meet it: which servers it can start, what it writes, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Run
from test_formats import documents, misplaced, validator

from linger.check import finding, known, output
from linger.check.measure import Count
from linger.check.server import BATTERY
from linger.lab.environment import outside
from linger.lab.foreign import tail_of
from linger.lab.programs import program

BATTERY.load()
LOST = finding.Finding(finding.FAIL, "1 of 20 replies lost")
PLANTED = Path(__file__).with_name("planted") / "server.py"


def check(
    run: Run, tmp_path: Path, mode: str, *options: object, address: str = "0.0.0.0"
) -> subprocess.CompletedProcess[str]:
    """Check a planted server, quickly unless told otherwise."""
    words = ["--port", 9000, "--patience", 4, "--results", tmp_path / "results", *options]
    server = [sys.executable, PLANTED, mode, 9000, address]
    return run("linger", "check", *words, "--", *server, timeout=120)


@pytest.mark.parametrize(
    "mode, address",
    [("threads", "::"), ("threads", "127.0.1.1"), ("daemon", "0.0.0.0"), ("forks", "0.0.0.0")],
)
def test_servers_of_every_kind(run: Run, tmp_path: Path, mode: str, address: str) -> None:
    only = ("--only", "abandon,half-close,restart-term,restart-kill")
    done = check(run, tmp_path, mode, *only, address=address)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("4 PASS in ")


def test_a_server_that_dies_says_why_and_ends_with_3(run: Run, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    done = check(run, tmp_path, "deaf", "--junit", junit)
    assert done.returncode == 3
    root = ElementTree.parse(junit).getroot()
    assert not misplaced(root) and root[0].get("errors") == "1"
    assert [error.get("message") for error in root.iter("error")] == ["the server ended with status 5"]
    assert "the server ended with status 5\n    | deaf: I listen on nothing" in done.stderr
    missing = run("linger", "check", "--port", 1, "--results", tmp_path, "--", "no-such-server")
    assert missing.returncode == 3 and "cannot start no-such-server: " in missing.stderr


def test_a_daemon_whose_command_fails_ends_with_3(run: Run, tmp_path: Path) -> None:
    """What it leaves behind listens and answers, but that does not count as started."""
    done = check(run, tmp_path, "failed-daemon")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "the server ended with status 4 while probing for a request; some of" in done.stderr
    where = f"evidence: {tmp_path / 'results'}/2"
    assert "\n    | failed-daemon: I cannot write my pid file\n  " + where in done.stderr


def test_the_clients_of_a_server_on_its_own_loopback_are_in_its_host(run: Run, tmp_path: Path) -> None:
    only = ("--only", "abandon,half-close,vanished-idle,timewait-holder")
    done = check(run, tmp_path, "closes-first", *only, address="::1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "its clients are on its own host" in done.stdout
    holders = re.search(r"the server closes first; TIME_WAIT: server (\d+), client (\d+)", done.stdout)
    assert holders and int(holders[1]) + int(holders[2]) == 21, done.stdout
    assert int(holders[1]) > 15, "of 21"
    assert done.stdout.splitlines()[-1].startswith("2 PASS, 1 CHOICE, 1 N/A in ")


def test_what_an_instance_writes_into_its_folder_no_other_sees(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the evidence, in the same folder, stays in place."""
    monkeypatch.chdir(tmp_path)
    server = f"mkdir lock && exec {sys.executable} {PLANTED} threads 9000"
    words = ["--port", 9000, "--only", "abandon,rst-at-once", "--results", "results"]
    done = run("linger", "check", *words, "--", "sh", "-c", server)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
    assert (tmp_path / "results/latest/check/abandon/finding.json").exists()


APART = """
import sys
from pathlib import Path
from linger.lab import apart, netns

netns.own_run()
if sys.argv[1] != "overlay":
    apart._overlay = lambda folder: apart.PLACE.mkdir() or "refused"
    apart.MOST_COPIED = int(sys.argv[1])
print(apart.keep_apart(Path("kept")))
Path("seen").write_text(Path("before").read_text())
Path("kept/evidence").write_text("x")
"""


@pytest.mark.parametrize("how, shared", [("overlay", ""), ("9", ""), ("2", "refused, and it is larger")])
def test_a_folder_of_ones_own_is_an_overlay_or_a_copy(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, shared: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").mkdir()
    (tmp_path / "before").write_text("small")
    env = outside(PYTHONPATH=str(PLANTED.parents[2]))
    done = run("sandbox", sys.executable, "-c", APART, how, env=env)
    assert done.returncode == 0 and done.stdout.startswith(shared or "\n"), done.stdout + done.stderr
    assert (tmp_path / "seen").exists() == bool(shared)
    assert (tmp_path / "kept/evidence").exists()


def test_another_port_is_told_at_once(run: Run, tmp_path: Path) -> None:
    server = [sys.executable, PLANTED, "threads", 9001]
    began = time.monotonic()
    done = run("linger", "check", "--port", 9000, "--results", tmp_path, "--", *server)
    assert done.returncode == 3 and time.monotonic() - began < 20
    assert "nothing listens on port 9000 after 2 s, but on port 9001" in done.stderr


def test_a_slow_start_is_named(run: Run, tmp_path: Path) -> None:
    server = f"sleep 5.3; exec {sys.executable} {PLANTED} threads 9000"
    words = ["--port", 9000, "--only", "early-reply", "--results", tmp_path]
    done = run("linger", "check", *words, "--", "sh", "-c", server)
    assert "nothing listens yet after 5 s; it has 30 s" in done.stdout
    assert re.search(r"it listens after [5-9] s: a slow start", done.stdout), done.stdout


def test_an_address_that_the_lab_lacks_gets_a_hint(run: Run, tmp_path: Path) -> None:
    done = check(run, tmp_path, "threads", address="192.168.1.5")
    assert done.returncode == 3
    assert "ended with status 1; in the lab its addresses are 10.0.0.2, fd00::2" in done.stderr


def test_a_helper_starts_first_and_is_waited_for(run: Run, tmp_path: Path) -> None:
    """The server is a shell that starts only if the helper has made its folder."""
    server = f"[ -d /run/made ] && exec {sys.executable} {PLANTED} threads 9000"
    words = ["--port", 9000, "--only", "abandon", "--results", tmp_path]
    for helper, code in (("mkdir /run/made", 0), ("true", 3)):
        done = run("linger", "check", *words, "--with", helper, "--", "sh", "-c", server)
        assert done.returncode == code, done.stdout + done.stderr
    done = run("linger", "check", *words, "--with", "echo no backend; exit 9", "--", "true")
    assert done.returncode == 3
    assert "'echo no backend; exit 9' ended with status 9\n    | no backend" in done.stderr


def test_the_target_has_no_more_rights_than_its_caller(run: Run, tmp_path: Path) -> None:
    """The limit of descriptors holds, and the lab cannot be changed."""
    tell = "grep Cap /proc/self/status; env; ulimit -Hn 999999; ip link set eth0 down"
    server = f"{tell}; exec {sys.executable} {PLANTED} threads 9000"
    words = ["--port", 9000, "--only", "abandon", "--results", tmp_path]
    theirs = {"PYTHONPATH": "theirs", "PYTHONNOUSERSITE": "", "PYTHONUTF8": "0",
              "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    environment = outside(LINGER_OF_THE_CALLER="kept", **theirs)
    done = run("linger", "check", *words, "--", "sh", "-c", server, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    output = (tmp_path / "latest/check/abandon/output.log").read_text()
    caps = dict(line.split(":\t") for line in output.splitlines() if line.startswith("Cap"))
    for name in (12, 21, 24):  # CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYS_RESOURCE
        assert not int(caps["CapEff"], 16) >> name & 1
    assert os.getuid() == 0 or not int(caps["CapEff"], 16)
    ours = {line.partition("=")[0] for line in output.splitlines() if line.startswith("LINGER_")}
    assert ours == {"LINGER_OF_THE_CALLER"}
    assert {"PYTHONPATH=theirs", "PYTHONUTF8=0", "PYTHONDONTWRITEBYTECODE=1"} < {*output.splitlines()}
    assert "PYTHONNOUSERSITE" not in output


def test_what_a_run_leaves(run: Run, tmp_path: Path) -> None:
    """Evidence, JSON, JUnit, KTAP and a file of known verdicts, all of one run."""
    file, out, junit = (tmp_path / name for name in ("known", "out.json", "new/junit.xml"))
    done = check(run, tmp_path, "hoard", "--only", "abandon,half-request-rst,early-reply", "--tap",
                 "--json", out, "--junit", junit, "--write-expected", file)  # fmt: skip
    assert done.returncode == 0, "what is recorded is not judged" + done.stdout + done.stderr
    assert_is_evidence((tmp_path / "results" / "latest").resolve())
    results = json.loads(out.read_text())["results"]
    assert [one["verdict"] for one in results] == ["PASS", "LEAK", "N/A"]
    suite = ElementTree.parse(junit).getroot().find("testsuite")
    assert suite is not None and not misplaced(ElementTree.parse(junit).getroot())
    assert float(suite.get("time", "0")) > 1 and suite.get("timestamp", "").endswith("+00:00")
    assert [suite.get(name) for name in ("tests", "failures", "skipped")] == ["3", "0", "2"]
    assert_is_tap(done.stdout.splitlines())
    assert known.judge(results, {}, strict=False)
    assert not known.judge(results, known.read(file, BATTERY), strict=False)


def assert_is_evidence(run_folder: Path) -> None:
    folder = run_folder / "check" / "half-request-rst"
    result = json.loads((folder / "result.json").read_text())
    assert (result["variant"], result["verdict"]) == ("half-request-rst", "fail")
    finding = json.loads((folder / "finding.json").read_text())
    assert finding["verdict"] == "LEAK" and finding["held"][0]["process"] == "python3"
    assert {name for name, document in documents(run_folder)} >= {"result", "finding", "check"}
    for name, document in documents(run_folder):
        validator(name).validate(document)
    assert (folder / "timeline.jsonl").stat().st_size
    assert json.loads((run_folder / "environment.json").read_text())["kernel"]


def assert_is_tap(lines: list[str]) -> None:
    assert lines[:2] == ["KTAP version 1", "1..3"] and lines[2].startswith("# PASS: ")
    assert lines[3] == "ok 1 abandon"
    assert "not ok 2 half-request-rst # TODO known" in lines
    assert lines[-1] == "ok 3 early-reply # SKIP not tested"


def test_a_run_that_tests_nothing_is_not_green(run: Run, tmp_path: Path) -> None:
    assert check(run, tmp_path, "threads", "--only", "early-reply").returncode == 77


@pytest.mark.parametrize("closed, lost, word", [
    (True, None, "CHOICE"), (True, LOST, "FAIL"), (False, None, "LEAK"), (False, LOST, "LEAK"),
])  # fmt: skip
def test_closing_late_does_not_excuse_a_lost_reply(
    closed: bool, lost: finding.Finding | None, word: str
) -> None:
    from linger.check.server.checks import half_close  # after load(), which gives them their order

    meter = SimpleNamespace(held=lambda: [])
    trial = SimpleNamespace(meter=meter, soon=10.0, late=75.0)
    waited: list[float] = []
    crowd = SimpleNamespace(open=[], read=lambda within: waited.append(within) or closed)
    began = time.monotonic() - 70.0  # some of them for a place
    assert half_close._held_open(trial, crowd, lost, began + 75.0).verdict == word
    assert 4.0 < waited[0] <= 5.0


@pytest.mark.parametrize(
    "owned, timers, latest, says",
    [
        (0, 0, None, "no keepalive was seen, because no process has accepted them"),
        (10, 0, None, "no keepalive (whether TCP_USER_TIMEOUT is set is not known)"),
        (10, 10, 9_900, "SO_KEEPALIVE is on"),
        (10, 4, 7_200_000, "SO_KEEPALIVE is on for 4 of 10, next probe after 7200 s"),
    ],
)
def test_keepalive_is_told_by_its_timer(
    owned: int, timers: int, latest: int | None, says: str
) -> None:
    from linger.check.server.checks import vanished

    row = {"state": "ESTABLISHED", "owned": owned, "keepalive": timers, "keepalive_ms": latest}
    other = {"state": "CLOSE_WAIT", "owned": 9, "keepalive": 9, "keepalive_ms": 1}
    meter = SimpleNamespace(snapshot=lambda: {"rows": [other, row]})
    assert vanished._options(SimpleNamespace(meter=meter)) == says


def test_a_pool_that_shrinks_is_no_policy_towards_clients() -> None:
    before = Count(0, {7: 1}, 0, {7: 5}, {7: Counter()}, {7: "x"}, 0)
    pool = replace(before, descriptors={7: 45}, things={7: Counter({("pipe", "pipe"): 40})})
    assert pool.connections == before.connections
    assert pool.fuller_than(before, 20) == ["40 × pipe"]
    assert replace(before, sockets=1).connections > before.connections
    more = replace(before, gone={7: 1, 8: 1})
    assert more.connections_since(before) == {}, "a new worker has what it inherits"
    assert replace(more, gone={7: 1, 8: 3}).fuller_than(before, 20) == ["2 descriptors of connections that are gone"]


def test_the_ladder_shows_what_was_found(run: Run, tmp_path: Path) -> None:
    """Not one of the preparing connections: there the reply comes before the FIN."""
    done = check(run, tmp_path, "impatient", "--only", "half-close")
    shown = done.stdout.partition("half-close: FAIL")[2].partition("Likely cause")[0]
    alike = re.search(r"(\d+) further connections like this", shown)
    assert alike and 10 <= int(alike[1]) <= 20, shown  # on a busy machine a few differ
    assert " FIN ACK seq 3 ack 1 " in shown and " len 5 " not in shown


def test_of_a_leak_the_ladder_shows_what_is_held() -> None:
    def ladder(port: int, host: str, *flags: str) -> dict[str, Any]:
        seen = [{"from": "server", "flags": ["SYN", "ACK"], "server": "ESTABLISHED", "sent": 0.0}]
        seen += [
            {"from": "server", "flags": [flag], "server": "-", "sent": number}
            for number, flag in enumerate(flags, 1)
        ]
        return {"client": {"host": host, "port": port}, "verdict": 1.5, "segments": seen}

    most = [ladder(1, "server"), ladder(2, "client", "FIN"), ladder(3, "client", "ACK", "RST")]
    shown = [output._telling(most, word, "server") for word in ("LEAK", "STARVE", "FAIL")]
    assert [one["client"]["port"] for one in shown if one] == [3, 3, 2]
    assert output._telling(most[:1], "LEAK", "server") is None


def test_the_output_of_a_server_is_harmless(tmp_path: Path) -> None:
    """It goes to a terminal and into XML; neither can take every character."""
    (tmp_path / "log").write_bytes(b"\x1b[31mred\x00\tand \xff\n")
    assert tail_of(tmp_path / "log") == "\n    | \ufffd[31mred\ufffd\tand \ufffd"


def test_an_interrupt_ends_it_at_once_and_in_one_sentence(tmp_path: Path) -> None:
    words = [program("linger"), "check", "--port", "1", "--results", tmp_path, "--", "sleep", "60"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=outside(), text=True,
        start_new_session=True,
    ) as checking:  # fmt: skip
        deadline = time.monotonic() + 20
        while not list(tmp_path.glob("2*/check/start/server-target-1.log")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(checking.pid, signal.SIGINT)  # as a terminal does
        _, complaint = checking.communicate(timeout=15)
    assert (checking.returncode, complaint) == (130, "linger: interrupted by SIGINT\n")


def test_list_explains_every_check(run: Run) -> None:
    done = run("linger", "check", "--list")
    assert done.returncode == 0
    ids = [line.split()[0] for line in done.stdout.splitlines() if line[:1].islower()]
    assert ids == list(BATTERY.checks)


OWN = """
from linger.check.server import check
from linger.check.finding import PASS, Finding


@check(
    "quiet-greeting",
    peer="connect, listen for a second, and close",
    mistake="None.",
    clause="RFC 9293, section 3.6.",
    scenarios=["closewait-leak"],
)
def quiet_greeting(trial):
    for wave in trial.waves():
        wave.fin()
    left = trial.leavings()
    return Finding(PASS, f"of my own: {left.verdict}")
"""


def test_a_check_of_ones_own_is_found_by_its_file(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "checks"
    folder.mkdir()
    (folder / "greeting.py").write_text(OWN)
    done = check(run, tmp_path, "threads", "--checks", folder, "--only", "quiet-greeting")
    assert done.returncode == 0 and "of my own: PASS" in done.stdout, done.stdout + done.stderr
    page = run("linger", "report", next((tmp_path / "results").glob("2*")))
    assert page.returncode == 0, page.stderr  # it needs no file of checks
    listed = run("linger", "check", "--list", "--checks", folder).stdout
    assert "quiet-greeting" in listed and "Basis: RFC 9293, section 3.6." in listed


@pytest.mark.parametrize(
    "text, sentence",
    [
        (None, "holds no file of checks"),
        ("x = 1", "registers no check"),
        ("import nowhere", "mine.py: ModuleNotFoundError"),
        (OWN.replace("quiet-greeting", "abandon"), "there are two checks 'abandon'"),
    ],
)
def test_a_folder_without_checks_is_wrong_usage(
    run: Run, tmp_path: Path, text: str | None, sentence: str
) -> None:
    if text is not None:
        (tmp_path / "mine.py").write_text(text)
    done = run("linger", "check", "--list", "--checks", tmp_path)
    assert done.returncode == 2 and sentence in done.stderr, done.stderr


def test_every_check_says_which_clause_it_rests_on() -> None:
    for one in BATTERY.checks.values():
        assert re.match(r"(RFC \d{4}, section [\d.]+|\w+\(\d\)): ", one.clause), one.id


WRONG = {
    "no command to check": ["--port", "1"],
    "--port is missing: ": ["--", "true"],
    "--port takes a number from 1 to 65535, not 70000": ["--port", "70000", "--", "true"],
    "did you mean half-close?": ["--port", "1", "--only", "half-closed", "--", "true"],
    "unknown check 'nonsense'; `linger check": ["--port", "1", "--only", "nonsense", "--", "true"],
    "cannot read a request: /nowhere: No such file": ["--port", "1", "--request", "/nowhere", "--", "x"],
    "not 'TREM'": ["--port", "1", "--stop", "TREM", "--", "true"],
    "no check is left to run": ["--port", "1", "--quick", "--only", "idle", "--", "true"],
    "cannot write the report: /: Is a directory": ["--port", "1", "--json", "/", "--", "true"],
    "/dev/null: File exists": ["--port", "1", "--junit", "/dev/null/x", "--", "true"],
    "exclude each other": ["--port", "1", "--http", "--request", "/etc/passwd", "--", "true"],
}  # fmt: skip


@pytest.mark.parametrize("sentence", WRONG)
def test_wrong_usage_is_one_sentence_and_2(run: Run, sentence: str) -> None:
    done = run("linger", "check", *WRONG[sentence])
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_a_request_that_is_not_answered_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    (tmp_path / "half").write_text("no newline")
    done = check(run, tmp_path, "threads", "--request", tmp_path / "half")
    assert done.returncode == 2 and "does not answer the request in" in done.stderr


def test_the_catalogue_has_the_scenarios_that_checks_name() -> None:
    from linger.run import scenarios

    named = {name for check in BATTERY.checks.values() for name in check.scenarios}
    assert named <= set(scenarios.names())


def test_the_subreaper_keeps_hold_of_all_that_a_command_starts(tmp_path: Path) -> None:
    """A grandchild that left its parent is reaped, and SIGTERM takes those that stay."""
    words = [str(program("subreaper")), str(tmp_path / "out"), "sh", "-c"]
    orphan = "(sleep 60 & echo $! >&2; setsid sleep 60 &) ; exit 3"
    with subprocess.Popen([*words, orphan], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout
        lines = [supervisor.stdout.readline() for _ in range(2)]
        assert "main=1 status=3 signal=0" in lines[1]
        supervisor.terminate()
        rest = supervisor.stdout.read()
    assert rest.count("main=0 status=-1 signal=9") == 2 and rest.endswith("ev=over\n")
    assert supervisor.returncode == 3


@pytest.mark.parametrize("command, status", [("exit 3", 3), ("kill -SEGV $$", -signal.SIGSEGV)])
def test_the_subreaper_may_be_silent_and_ends_as_the_command_did(
    run: Run, command: str, status: int
) -> None:
    done = run("subreaper", "-", "sh", "-c", f"cat; (sleep 0.1; echo late) & {command}", input="in ")
    assert (done.returncode, done.stdout) == (status, "in late\n")
