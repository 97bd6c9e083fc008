"""Another project's tests with a lab: plain pytest, outside any session of ours."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import HANGS, outlived, pidfds

from linger.lab import Lab
from linger.lab.environment import outside
from linger.lab.process import descendants
from linger.lab.programs import ROOT, program
from linger.lab.service import Service

README = (ROOT / "harness/linger/README.md").read_text()
EXAMPLE = re.findall(r"```python\n(.*?)```", README, re.S)[0]
PLAIN = """
import os
def test_plain(): assert "LINGER_SANDBOX" not in os.environ
"""
N = 100  # connections of the example
Done = subprocess.CompletedProcess


@dataclass
class Project:
    """A folder with tests and a server ./srv."""

    folder: Path

    def has(self, tests: str, variant: str = "fixed", name: str = "test_it.py") -> None:
        (self.folder / name).write_text(tests)
        server = program(f"servers/closewait_leak_{variant}")
        script = f'#!/bin/sh\nexec {server} -l "${{ADDRESS-0.0.0.0}}" -p "$2"\n'
        (self.folder / "srv").write_text(script)
        (self.folder / "srv").chmod(0o755)

    def pytest(self, *words: object, **more: str) -> Done[str]:
        return self.python("-m", "pytest", "-p", "linger.pytest", *words, **more)

    def python(self, *words: object, input: str = "", **more: str) -> Done[str]:
        return subprocess.run(
            [sys.executable, *map(str, words)], input=input,
            cwd=self.folder, env=self.environment(**more),
            capture_output=True, text=True, timeout=HANGS,
        )  # fmt: skip

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a caller who has installed nothing, outside any pytest session."""
        environment = outside(**{"PYTHONPATH": str(ROOT / "harness"), **more})
        return {k: v for k, v in environment.items() if not k.startswith("PYTEST_")}


def counts(done: Done[str]) -> dict[str, int]:
    """How many tests passed, failed and so on, by pytest's last line."""
    last = done.stdout.rstrip().splitlines()[-1]
    return {word.rstrip("s"): int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", last)}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


def test_the_example_passes_and_the_rest_stays_where_it_was(project: Project) -> None:
    project.has(EXAMPLE + PLAIN)
    done = project.pytest()
    assert (done.returncode, counts(done)) == (0, {"passed": 2}), done.stdout + done.stderr
    assert done.stdout.count("test session starts") == 1 and done.stderr == ""
    left = {path.name for path in project.folder.iterdir()}
    assert left - {"__pycache__", ".pytest_cache"} == {"srv", "test_it.py"}


KEEPS = "def test_keeps(tmp_path): (tmp_path / 'kept').touch()\n"


def test_the_example_fails_as_the_readme_says(project: Project) -> None:
    project.has(KEEPS + EXAMPLE, variant="buggy")
    done = project.pytest("--basetemp", project.folder.parent / "base")
    assert (done.returncode, counts(done)) == (1, {"failed": 1, "passed": 1}), done.stdout
    shown = README.partition("the test fails:\n\n```\n")[2].partition("```")[0]
    assert shown and shown in done.stdout
    assert "/harness/linger/lab/" not in done.stdout, "our own code helps nobody"
    (place,) = re.findall("^evidence: (.*)$", done.stdout, re.M)
    evidence = Path(place)
    base = project.folder.parent / "base"
    assert evidence.is_relative_to(base) and [*base.glob("test_keeps*/kept")]
    ladder = json.loads((evidence / "ladder.json").read_text())
    assert ladder["connections"] == N
    assert {"server.pcap", "client.pcap", "timeline.jsonl"} <= {f.name for f in evidence.iterdir()}


VERBS = re.findall(r"^\| `(\w+)\(", README, re.M)
METHODS = re.findall(r"`\.(\w+)\(\)`", README)


def test_the_readme_names_what_there_is() -> None:
    assert len(VERBS) > 6 and [verb for verb in VERBS if not hasattr(Lab, verb)] == []
    assert len(METHODS) > 4 and [name for name in METHODS if not hasattr(Service, name)] == []
    assert len(README.splitlines()) <= 120


WITHOUT_GUARD = re.sub(r".*lab\.happened.*\n", "", EXAMPLE)
WITHOUT_ALL = re.sub(r".*lab\.expect.*\n", "", WITHOUT_GUARD)


@pytest.mark.parametrize(
    "tests, sentence",
    [
        (WITHOUT_GUARD, "nothing yet proves that the fault happened"),
        (WITHOUT_ALL, "nothing proves that anything happened in the lab"),
    ],
)
def test_no_guard_no_pass(project: Project, tests: str, sentence: str) -> None:
    project.has(tests)
    done = project.pytest()
    assert (done.returncode, counts(done)) == (1, {"failed": 1}), done.stdout
    assert sentence in done.stdout


def test_a_guard_that_fails_is_a_failure(project: Project) -> None:
    project.has(EXAMPLE.replace(f"ESTABLISHED={N}", f"ESTABLISHED={N + 1}"))
    done = project.pytest()
    assert counts(done) == {"failed": 1}
    assert f"the fault did not happen: server has ESTABLISHED {N}, expected == {N + 1}" in done.stdout


STARTS = {
    "srv ended with status 1 before it listened": {"ADDRESS": "10.9.9.9"},
    "srv listens on 127.0.0.1 only": {"ADDRESS": "127.0.0.1"},
}


@pytest.mark.parametrize("sentence", STARTS)
def test_a_server_that_nobody_can_reach(project: Project, sentence: str) -> None:
    project.has(EXAMPLE)
    done = project.pytest(**STARTS[sentence])
    assert counts(done) == {"failed": 1}
    assert f"TargetDied: {sentence}" in done.stdout


def test_without_a_sandbox_it_is_an_error_and_the_rest_runs(project: Project) -> None:
    project.has(EXAMPLE + EXAMPLE.replace("it_lets", "that_lets") + PLAIN)
    fake = project.folder / "bin" / "unshare"
    fake.parent.mkdir()
    refusal = "unshare: unshare failed: No space left on device"
    fake.write_text(f"#!/bin/sh\necho '{refusal}' >&2\nexit 1\n")
    fake.chmod(0o755)
    done = project.pytest("--junitxml=junit.xml", PATH=f"{fake.parent}:{os.environ['PATH']}")
    assert (done.returncode, counts(done)) == (1, {"passed": 1, "error": 2}), done.stdout
    assert done.stdout.count("sandbox: no more user namespaces are allowed here") >= 2
    junit = (project.folder / "junit.xml").read_text()
    assert 'errors="2" failures="0" skipped="0" tests="3"' in junit


def test_where_linger_is_not_built_it_is_an_error(project: Project, tmp_path: Path) -> None:
    project.has(EXAMPLE)
    done = project.pytest(LINGER_BUILD=str(tmp_path))
    assert counts(done) == {"error": 1} and "build linger: make" in done.stdout


def test_a_base_temp_under_run_is_said_to_be_out_of_reach(project: Project) -> None:
    project.has(EXAMPLE + PLAIN)
    done = project.pytest("--basetemp=/run/of-pytest")
    assert counts(done) == {"error": 1, "passed": 1}
    assert "/run/of-pytest is under /run, which the sandbox replaces" in done.stdout


def test_xdist(project: Project) -> None:
    project.has("".join(EXAMPLE.replace("it_lets", f"{n}_lets") for n in range(4)) + PLAIN)
    done = project.pytest("-n", 2)
    assert (done.returncode, counts(done)) == (0, {"passed": 5}), done.stdout + done.stderr
    assert done.stderr == ""


OWN = """
import os, pytest
@pytest.fixture
def lab(): return "ours"
def test_ours(lab): assert lab == "ours" and "LINGER_SANDBOX" not in os.environ
"""
BUILT_ON = """
import os, pytest
@pytest.fixture
def lab(lab): return lab.hosts
def test_hosts(lab): assert {*lab} == {"client", "server"} and "LINGER_SANDBOX" in os.environ
"""
DYNAMIC = """
def test_late(request): request.getfixturevalue("lab")
"""


def test_a_lab_of_its_own(project: Project) -> None:
    project.has(OWN)
    project.has(BUILT_ON, name="test_built_on.py")
    done = project.pytest()
    assert counts(done) == {"passed": 1, "failed": 1}, done.stdout  # the second has no guard
    assert "nothing proves that anything happened" in done.stdout


OPTION = """
import enum, pytest
class Kind(enum.Enum): ONE = "one"; TWO = "two"
def pytest_addoption(parser): parser.addoption("--kind", type=Kind, default=Kind.ONE)
"""
USES_IT = """
def test_kind(lab, request): assert request.config.getoption("kind").value == "one"
"""


def test_its_own_options_hold_in_the_sandbox(project: Project) -> None:
    project.has(OPTION, name="conftest.py")
    project.has(USES_IT)
    assert "assert 'two' == 'one'" in project.pytest("--kind=two", "test_it.py").stdout


def test_a_lab_that_is_asked_for_too_late(project: Project) -> None:
    project.has(DYNAMIC)
    done = project.pytest()
    assert done.returncode == 1 and "take `lab` as an argument" in done.stdout


def test_what_only_collects_starts_nothing(project: Project) -> None:
    project.has(EXAMPLE)
    done = project.pytest("--collect-only", "-q", LINGER_BUILD="/nowhere")
    assert done.returncode == 0 and "test_it.py::test_it_lets_go" in done.stdout


@pytest.mark.parametrize("words, ran", [(["-x"], {"failed": 1}), ([], {"failed": 2, "passed": 1})])
def test_it_stops_at_the_first_failure_if_told(
    project: Project, words: list[str], ran: dict[str, int]
) -> None:
    project.has(WITHOUT_ALL + WITHOUT_ALL.replace("it_lets", "that_lets") + PLAIN)
    assert counts(project.pytest(*words)).items() >= ran.items()


SCOPES = """
import os, pytest
def note(word): open("notes", "a").write(f"{word} {'LINGER_SANDBOX' in os.environ}\\n")
@pytest.fixture(scope="module")
def wide(): note("begin"); yield; note("end")
@pytest.mark.parametrize("n", [1, 2])
def test_wide(lab, wide, n):
    print("written by the test")
    peer = lab.peer("listen accept fin", at="server")
    lab.peer("connect fin").wait()
    lab.happened(peer, ESTABLISHED=1)
    assert n == 1
def test_outside(wide): pass
"""


def test_fixtures_live_as_long_as_in_any_session(project: Project) -> None:
    project.has(SCOPES)
    done = project.pytest("-rA")
    assert counts(done) == {"passed": 2, "failed": 1}, done.stdout
    assert (project.folder / "notes").read_text().splitlines() == [
        "begin True", "end True", "begin False", "end False",
    ]  # fmt: skip
    assert "assert 2 == 1" in done.stdout and done.stdout.count("written by the test") >= 2


CRASH = "import os\ndef test_crash(lab): os.kill(os.getpid(), 11)\n"


def test_a_test_that_crashes_takes_no_other_with_it(project: Project) -> None:
    project.has(CRASH + EXAMPLE + PLAIN)
    done = project.pytest()
    assert counts(done) == {"failed": 1, "passed": 2}, done.stdout
    assert "the session in the sandbox ended by SIGSEGV" in done.stdout


SLOW = """
import time
def test_slow(lab): open("begun", "w"); time.sleep(100)
"""


def test_interrupted_it_ends_in_order_and_leaves_nothing(project: Project) -> None:
    project.has(SLOW)
    words = [sys.executable, "-m", "pytest", "-p", "linger.pytest"]
    with subprocess.Popen(
        words, cwd=project.folder, env=project.environment(), text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        while not (project.folder / "begun").exists() and process.poll() is None:
            time.sleep(0.01)  # the next look
        fds = pidfds(descendants(process.pid))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.stdout
        shown = process.stdout.read()
        assert process.wait() == 2
    assert "Traceback" not in shown and shown.count("KeyboardInterrupt") == 3, shown
    assert len(fds) > 5 and outlived(fds) == 0


def test_within_a_program(project: Project) -> None:
    project.has(EXAMPLE)
    text = "import pytest; print('status', int(pytest.main(['-p', 'linger.pytest', '-q'])))"
    done = project.python("-c", text)
    assert done.stdout.endswith("status 0\n") and done.stdout.count("1 passed") == 1


def test_the_debugger_has_the_terminal(project: Project) -> None:
    project.has(EXAMPLE, variant="buggy")
    done = project.pytest("--pdb", input="p 6 * 7, server.program\nq\n")
    assert "(Pdb) (42, 'srv')" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 2 and counts(done) == {"failed": 1}
    assert "Exit: Quitting debugger" in done.stdout


def test_what_pip_installs_is_whole_and_leaves_nothing_here(
    project: Project, tmp_path: Path
) -> None:
    """Into a folder, by the backend that pip calls; pip itself may be absent."""
    before = {*(ROOT / "harness").iterdir()}
    text = f"import pack; print(pack.build_wheel({str(tmp_path)!r}))"
    wheel = tmp_path / project.python("-B", "-c", text).stdout.strip()
    assert {*(ROOT / "harness").iterdir()} == before
    site = tmp_path / "site"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, site], check=True)
    for file in (site / "linger/programs").rglob("*"):
        file.chmod(0o755)  # as pip does; zipfile(1) does not
    project.has(EXAMPLE)
    done = project.python("-m", "pytest", PYTHONPATH=str(site), LINGER_BUILD="")
    assert (done.returncode, counts(done)) == (0, {"passed": 1}), done.stdout + done.stderr
