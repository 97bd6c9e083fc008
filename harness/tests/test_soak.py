"""Soak: it counts passes, keeps the evidence of failures, and continues where it stopped."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import Run, outlived, pidfds
from test_cli import PLANTED, failing

from linger.lab.process import descendants
from linger.lab.programs import program
from linger.run import scenarios, soak

GOOD = "lab.expect(server, {'LISTEN': 1})"
FLAKY = f"assert variant == 'buggy', 'a planted failure'; {GOOD}"


@pytest.mark.parametrize(
    "passed, runs, bound", [(200, 200, 0.9812), (199, 200, 0.9722), (0, 6, 0.0), (1, 1, 0.2065)]
)
def test_the_wilson_bound(passed: int, runs: int, bound: float) -> None:
    """From the formula in Wilson (1927), with z = 1.96."""
    assert soak.wilson(passed, runs) == pytest.approx(bound, abs=5e-5)


def test_what_takes_long_says_so() -> None:
    slow = [name for name in scenarios.names() if scenarios.seconds(name) >= soak.SLOW]
    assert slow == ["timewait-lifetime"]


def test_failures_are_kept_and_passes_are_not(run: Run, tmp_path: Path) -> None:
    env = failing(tmp_path, PLANTED.format(last=FLAKY))
    done = run("linger", "soak", "--runs", "3", env=env, timeout=300)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "planted/buggy  3 of 3  >= 43.8%" in done.stdout
    assert "planted/fixed  0 of 3" in done.stdout
    assert done.stdout.count("FAILED planted/fixed in round") == 3
    folder = tmp_path / "results" / "soak"
    kept = sorted(path.name for path in (folder / "failures").iterdir())
    assert kept == [f"000{n}-{c}-planted-fixed" for n, c in enumerate(soak.CONDITIONS, 1)]
    assert "a planted failure" in (folder / "failures" / kept[0] / "failure.txt").read_text()
    assert (folder / "failures" / kept[0] / "timeline.jsonl").stat().st_size
    assert sorted(path.name for path in folder.iterdir()) == ["failures", "soak.json"]


def test_it_goes_on_where_it_was(run: Run, tmp_path: Path) -> None:
    env = failing(tmp_path, PLANTED.format(last=GOOD))
    state = tmp_path / "results" / "soak" / "soak.json"
    for options, rounds, said in (
        (["--runs", "1"], 1, "round 1 of 1"),
        (["--runs", "2"], 2, "continues after 1 rounds"),
        (["--runs", "1", "--fresh"], 1, "round 1 of 1"),
    ):
        done = run("linger", "soak", *options, env=env, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        assert said in done.stdout
        found = json.loads(state.read_text())
        assert found["rounds"] == found["table"]["planted/fixed"]["passed"] == rounds
    stale = state.parent / "round-0002" / "2026-01-01T00-00-00"  # of an interrupted round
    stale.mkdir(parents=True)
    (stale / "junit.xml").write_text("<testsuites/>")
    assert "2 passed, 0 failed" in run("linger", "soak", "--runs", "2", env=env).stdout
    state.write_text(json.dumps({**found, "commit": "another"}))
    assert "continues after 1 rounds" in run("linger", "soak", "--runs", "2", env=env).stdout
    with open(tmp_path / "scenarios/planted.py", "a") as scenario:
        scenario.write("# another\n")
    assert "starts anew" in run("linger", "soak", "--runs", "1", env=env).stdout


def test_its_round_ends_with_it(tmp_path: Path) -> None:
    env = failing(tmp_path, PLANTED.format(last="lab.peer('stay').wait()"))
    words = [program("linger"), "soak", "--runs", "1"]
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as soaking:
        while not list(tmp_path.glob("results/soak/round-0001/*/planted/*/*peer*.log")):
            assert soaking.poll() is None
            time.sleep(0.01)  # the next look
        below = pidfds(descendants(soaking.pid)[1:])
        assert below
        soaking.terminate()
        assert outlived(below) == 0
    assert soaking.returncode == 128 + signal.SIGTERM


def test_a_round_that_cannot_be_run_is_no_pass(run: Run, tmp_path: Path) -> None:
    env = failing(tmp_path, PLANTED.format(last=GOOD))
    done = run("linger", "soak", "--runs", "1", env=env, preexec_fn=_few_descriptors)
    assert done.returncode == 77, done.stdout + done.stderr
    assert "the hard limit is 64" in done.stderr


def _few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
