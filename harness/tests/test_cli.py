"""The command line as users meet it: what it prints, how it ends, what it leaves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from conftest import Run

from linger.lab.environment import outside
from linger.lab.errors import BROKEN
from linger.lab.programs import MAIN, ROOT, program
from linger.run import scenarios


def run_closewait(run: Run, results: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run("linger", "run", "closewait-leak", "--results", results, *options)


def test_a_run_shows_the_leak_its_count_its_cause_and_its_cure(run: Run, tmp_path: Path) -> None:
    done = run_closewait(run, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    buggy, fixed = (next(x for x in lines if x.split()[:1] == [v]) for v in ("buggy", "fixed"))
    assert buggy.split()[1:5] == ["100", "(peak", "100)", "100"]
    assert buggy.endswith("REPRODUCED: kept forever")
    assert fixed.split()[1] == "0" and fixed.endswith("PASS")
    assert "closewait_leak" in buggy and "pid" in buggy
    assert "Only the program can end that state" in " ".join(done.stdout.split())
    assert any(line.split() == ["+", "close(fd);"] for line in lines)
    assert lines[-2].startswith("evidence: ")
    assert lines[-1].startswith("2 passed, 0 failed in ")
    assert "\x1b" not in done.stdout, "no colours without a terminal"


def test_a_run_leaves_its_evidence(run: Run, tmp_path: Path) -> None:
    assert run_closewait(run, tmp_path, "-n", "7").returncode == 0
    latest = tmp_path / "latest"
    assert latest.is_symlink() and latest.resolve().parent == tmp_path
    environment = json.loads((latest / "environment.json").read_text())
    assert environment["kernel"] == os.uname().release
    assert environment["sysctls"]["net.ipv4.tcp_rfc1337"] == "1"
    for variant, left in (
        ("buggy", {"CLOSE_WAIT": 7, "descriptors": 7}),
        ("fixed", {"CLOSE_WAIT": 0, "descriptors": 0, "held": 0}),
    ):
        folder = latest / "closewait-leak" / variant
        result = json.loads((folder / "result.json").read_text())
        assert (result["scenario"], result["variant"]) == ("closewait-leak", variant)
        verdict = "reproduced" if variant == "buggy" else "pass"
        assert (result["verdict"], result["connections"]) == (verdict, 7)
        assert [row["measured"] for row in result["struck"]] == [7, 7]
        assert {row["name"]: row["measured"] for row in result["expectations"]} == left
        assert (folder / "timeline.jsonl").stat().st_size
        assert "ev=ready" in (folder / f"server-closewait_leak_{variant}-1.log").read_text()
    suite = ElementTree.parse(latest / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "0", "0")


def test_verbose_and_repeat(run: Run, tmp_path: Path) -> None:
    done = run_closewait(run, tmp_path, "-n", "3", "--repeat", "4", "-v")
    assert done.returncode == 0
    assert done.stdout.count("4 of 4 as predicted") == 2
    assert "closewait-leak/fixed/0004: server: CLOSE_WAIT 0" in done.stdout
    assert len(list(tmp_path.glob("latest/closewait-leak/*/*/result.json"))) == 8


WRONG = {
    "no scenario named": ["run"],
    "did you mean closewait-leak?": ["run", "closewait-leek"],
    "unknown scenario 'nonsense'; `linger list` shows them": ["run", "nonsense"],
    "mean closewait-leak, closewait-lifetime or closewait-half-close?": ["run", "closewait"],
    "a whole number, 1 or more, not '0'": ["run", "closewait-leak", "-n", "0"],
    "unrecognized arguments: --frobnicate": ["run", "closewait-leak", "--frobnicate"],
    "invalid choice: 'walk'": ["walk"],
    "the following arguments are required: COMMAND": [],
    "nothing was selected": ["test", "--", "-n", "1", "-k", "no_such_test_anywhere", "harness/tests/test_pairs.py"],
    'Error importing plugin "nosuch"': ["test", "--", "-p", "nosuch"],
}


@pytest.mark.parametrize("sentence", WRONG)
def test_wrong_usage_is_one_sentence_and_2(run: Run, tmp_path: Path, sentence: str) -> None:
    done = run("linger", *WRONG[sentence], env=outside(RESULTS=str(tmp_path)), cwd=ROOT)
    assert done.returncode == 2, done.stdout + done.stderr
    assert sentence in done.stderr.splitlines()[-1]


def test_list_names_every_scenario(run: Run) -> None:
    done = run("linger", "list")
    assert [line.split()[0] for line in done.stdout.splitlines()] == scenarios.names()
    assert "forgets close()" in done.stdout


def test_the_help_of_a_command_needs_no_sandbox(run: Run, tmp_path: Path) -> None:
    for name in ("dirname", "readlink"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    env = outside(PATH=str(tmp_path))
    told = run("linger", "run", "--help", env=env)
    assert (told.returncode, told.stderr) == (0, "") and "usage: linger run" in told.stdout
    assert run("linger", "run", "closewait-leak", env=env).returncode == 77


def test_more_connections_than_descriptors(run: Run, tmp_path: Path) -> None:
    done = subprocess.run(
        ["prlimit", "--nofile=256:256", program("linger"), "run", "closewait-leak",
         "-n", "1000", "--results", tmp_path],
        env=outside(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 77
    assert "1000 connections need 1064 descriptors, and the hard limit is 256" in done.stderr


ASKED = {  # what -n asked for, and what a scenario needs: how many it makes
    ("", ()): 100,
    ("7", ()): 7,
    ("7", (64,)): 64,
    ("7", (1, True)): 8,
    ("8", (1, True)): 8,
}


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_as_many_connections_as_a_scenario_needs(monkeypatch: pytest.MonkeyPatch, asked: tuple) -> None:
    monkeypatch.setenv("LINGER_CONNECTIONS", asked[0])
    assert scenarios.connections(100, *asked[1]) == ASKED[asked]


def failing(tmp_path: Path, body: str) -> dict[str, str]:
    """An environment in which the catalogue is this one scenario."""
    scenarios = tmp_path / "scenarios"
    scenarios.mkdir()
    (scenarios / "planted.py").write_text(body)
    return in_catalogue(tmp_path)


def in_catalogue(folder: Path) -> dict[str, str]:
    """An environment in which the catalogue is folder/scenarios."""
    return outside(LINGER_SCENARIOS=str(folder / "scenarios"), RESULTS=str(folder / "results"))


PLANTED = '''"""planted: a scenario of the tests.

It exists to fail.
"""
from linger import connections, scenario
from linger.lab import stall

N = connections(3)
stall.STALL = float("inf")  # what fails is a failure, even if the machine does stall

@scenario()
def test_planted(lab, variant):
    server = lab.server("closewait_leak", variant)
    lab.peer("connect hello fin", connections=N).wait()
    lab.happened(server, ESTABLISHED=N)
    {last}
'''
ENDINGS = {
    "lab.expect(server, {'CLOSE_WAIT': 99}, within=0.05)": (1, "expected == 99"),
    "assert variant == 'other'": (1, "AssertionError"),
    "raise SystemError('no')": (70, "SystemError"),
    "pass": (70, "the scenario expects nothing, so nothing was tested"),
    "import pytest; pytest.skip('later')": (70, "skipped, which does not count as passed"),
    "import os; os.kill(os.getpid(), 9)": (70, "ended without a report"),
    "lab.expect(server, {'CLOSE_WAIT': 'x'})": (2, "a number or a comparison"),
    "lab.expect(server, {'CLOSE_WEIGHT': 1})": (2, "CLOSE_WAIT"),
    "raise OSError(28, 'No space left on device', 'somewhere')": (70, "No space left on device"),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_ending_has_its_exit_code(run: Run, tmp_path: Path, ending: str) -> None:
    code, sentence = ENDINGS[ending]
    env = failing(tmp_path, PLANTED.format(last=ending))
    done = run("linger", "run", "planted", env=env)
    assert done.returncode == code, done.stdout + done.stderr
    assert sentence in done.stderr


STOPPED = """
    import os, subprocess
    stall.STALL = 1.0
    if {stops}:  # all that this process is, its watchdog too: to it the machine stands still
        subprocess.Popen(["sh", "-c", f"sleep 1.4; kill -CONT {{os.getpid()}}"])
        os.kill(os.getpid(), 19)
    lab.expect(server, {{"CLOSE_WAIT": 99}}, within=0.05)"""


@pytest.mark.parametrize("stops", [True, False])
def test_a_machine_that_stalls_is_no_failed_expectation(run: Run, tmp_path: Path, stops: bool) -> None:
    """Nor is one that stalls by itself, under either."""
    env = failing(tmp_path, PLANTED.format(last=STOPPED.format(stops=stops)))
    done = run("linger", "run", "planted", env=env)
    latest = tmp_path / "results" / "latest"
    results = [json.loads(path.read_text()) for path in latest.glob("planted/*/result.json")]
    stalled, verdicts = zip(*((one["stalled"], one["verdict"]) for one in results))
    assert verdicts == tuple("broken" if each >= 1 else "fail" for each in stalled), done.stderr
    assert done.returncode == (70 if "broken" in verdicts else 1), done.stdout + done.stderr
    assert ("the machine stalled for " in done.stderr) == ("broken" in verdicts)
    assert min(stalled) >= 1 or not stops


def test_a_defect_of_linger_is_no_verdict() -> None:
    broken = (
        "import sys; from linger.cli import main; from linger.run import scenarios; "
        "scenarios.names = None; sys.exit(main.main(['list']))"
    )
    words = [sys.executable, "-c", broken]
    done = subprocess.run(words, env=outside(), capture_output=True, text=True)
    assert done.returncode == BROKEN
    assert done.stderr.startswith("Traceback")
    assert "linger: this is a bug in linger, please report it: TypeError" in done.stderr


INTERRUPTED = """
import linger.cli.main
def main():
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        return 129
linger.cli.main.main = main
"""


def test_an_interrupted_exec_changes_no_status(tmp_path: Path) -> None:
    """CPython remembers it (run_eval_code_obj(), 3.11), and then ends with SIGINT."""
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTED)
    env = outside(PYTHONPATH=f"{tmp_path}:{os.environ['PYTHONPATH']}")
    assert subprocess.run([sys.executable, "-c", MAIN], env=env).returncode == 129


MODULES = "argparse json linger os pytest random select socket subprocess typing".split()


@pytest.mark.parametrize("words", [["list"], ["run", "closewait-leak", "-n", "3"], ["claims", "cw-passive-side"]])
def test_a_module_in_the_working_folder_is_not_ours(run: Run, tmp_path: Path, words: list[str]) -> None:
    """Python's option -m would take it, and run it as whoever calls linger, perhaps as root."""
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    done = run("linger", *words, cwd=tmp_path, env=outside(RESULTS=str(tmp_path / "results")))
    assert done.returncode == 0 and done.stdout, done.stderr


def test_linger_starts_in_one_way() -> None:
    assert f"main='{MAIN}'\n" in (ROOT / "harness/linger.sh").read_text()


AT_EVERY_LINE = """
import os, signal, sys
from types import SimpleNamespace
from linger.cli import main
from linger.lab import interrupt

FILES = {main.__file__, interrupt.__file__}
complain = main.complain

def strike():
    os.kill(os.getpid(), signal.SIGINT)

def action(options):
    try:
        return 0
    finally:
        if left < 0:
            strike()

def trace(frame, event, argument):
    global left
    if frame.f_code.co_filename not in FILES:
        return None
    left -= event == "line"
    if left == -1:
        strike()
    return trace

main.complain = lambda sentence: (strike(), complain(sentence))
main._parser = lambda: SimpleNamespace(parse_args=lambda arguments: SimpleNamespace(action=action, called="x"))
codes = []
while not codes or codes[-1]:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    left = len(codes)
    sys.settrace(trace)
    code = main.main([])
    sys.settrace(None)
    codes.append(code)
print(len(codes), *sorted({*codes}))
"""


def test_an_interrupt_at_any_line_ends_it_in_one_sentence() -> None:
    """And others while it cleans up, and while it says so: a terminal and the sandbox send several."""
    done = subprocess.run([sys.executable, "-c", AT_EVERY_LINE], env=outside(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    tries, *codes = map(int, done.stdout.split())
    assert tries > 20 and codes == [0, 130]
    assert {*done.stderr.splitlines()} == {"linger: interrupted by SIGINT"}


def test_a_scenario_file_that_cannot_be_read(run: Run, tmp_path: Path) -> None:
    done = run("linger", "run", "planted", env=failing(tmp_path, '"""p: x."""\nimport nowhere\n'))
    assert done.returncode == 70
    assert "nowhere" in done.stderr


def test_a_scenario_file_without_a_scenario(run: Run, tmp_path: Path) -> None:
    done = run("linger", "run", "planted", env=failing(tmp_path, '"""planted: nothing."""\n'))
    assert done.returncode == 2
    assert "planted.py contains no scenario" in done.stderr


def test_the_environment_and_descriptors_of_the_caller_do_no_harm(tmp_path: Path) -> None:
    words = [str(program("linger")), "run", "closewait_leak", "-n", "5"]  # with underscore, too
    env = outside(PYTEST_ADDOPTS="--nonsense", PYTEST_PLUGINS="nowhere", LC_ALL="C",
                  PYTHONIOENCODING="ascii", PYTHONHOME="/nowhere", RESULTS=str(tmp_path))  # fmt: skip
    for redirection in ("", "<&-", ">&-", ">/dev/full", "| head -1 >/dev/null; true"):
        script = f'"$@" {redirection}'
        done = subprocess.run(["sh", "-c", script, "sh", *words], env=env, capture_output=True)
        assert done.returncode == 0, (redirection, done.stderr.decode())
        assert b"Traceback" not in done.stderr


def test_census_is_a_command_of_linger(run: Run) -> None:
    done = run("linger", "census", "--until", "CLOSE_WAIT < 1000000", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["until"]["held"] is True


def test_a_node_id_selects_one_test(run: Run, tmp_path: Path) -> None:
    node = "harness/tests/test_pairs.py::test_a_good_pair"
    done = run("linger", "test", "--results", tmp_path, "--", node, cwd=ROOT)
    assert done.returncode == 0 and " 1 passed" in done.stdout, done.stdout


NOWHERE = {
    "nosuch/folder": ["nosuch/folder"],
    "nosuch.py": ["-x", "--tb", "short", "nosuch.py::test_it[a::b]"],
    "nosuch": ["harness/tests/test_pairs.py", "-n", "2", "nosuch"],
    "": [""],
}


@pytest.mark.parametrize("path", NOWHERE)
def test_a_path_that_does_not_exist(run: Run, tmp_path: Path, path: str) -> None:
    done = run("linger", "test", "--results", tmp_path, "--", *NOWHERE[path], cwd=ROOT)
    sentence = f"linger: there is no file or folder {path!r} with tests\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence)
    assert not list(tmp_path.iterdir()), "nothing ran, so nothing is left"


def test_what_an_option_takes_is_no_path(run: Run, tmp_path: Path) -> None:
    node = "harness/tests/test_pairs.py::test_a_good_pair"
    words = ["--junitxml", tmp_path / "new/junit.xml", "-n", "1", "--deselect", "nosuch.py", node]
    done = run("linger", "test", "--results", tmp_path, "--", *words, cwd=ROOT)
    assert done.returncode == 0 and " 1 passed in" in done.stdout, done.stdout


def test_two_runs_at_once_do_not_meet(tmp_path: Path) -> None:
    words = [program("linger"), "run", "closewait-leak", "-n", "50", "--results", tmp_path]
    runs = [
        subprocess.Popen(words, env=outside(), stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    outputs = [one.communicate()[0] for one in runs]
    assert [one.returncode for one in runs] == [0] * 4, outputs
    assert len({output.splitlines()[-2] for output in outputs}) == 4
    assert len([path for path in tmp_path.iterdir() if not path.is_symlink()]) == 4


@pytest.mark.takes(15)
def test_runs_ended_at_random_leave_nothing(run: Run) -> None:
    """Every ending once; `make kill-test` does it a few hundred times."""
    done = run("sandbox", sys.executable, Path(__file__).with_name("kill.py"), 7, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 of 7 left nothing" in done.stdout


@pytest.mark.parametrize("ending", ["itself", "SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "crash"])
def test_a_run_leaves_nothing_on_the_host(run: Run, tmp_path: Path, ending: str) -> None:
    """In its own host, which nothing else changes meanwhile."""
    last = "lab.expect(server, {'LISTEN': 1})"
    if ending != "itself":
        last = "lab.tell('now'); import time; time.sleep(60)"
    env = failing(tmp_path, PLANTED.format(last=last))
    done = run("sandbox", sys.executable, Path(__file__).with_name("leftovers.py"), ending, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
