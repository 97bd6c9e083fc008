"""linger show: the results of a run, as text."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from conftest import Run


@pytest.fixture
def results(run: Run, tmp_path: Path) -> Path:
    done = run("linger", "run", "closewait-leak", "-n", "5", "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_the_newest_run_that_holds_it(run: Run, results: Path) -> None:
    done = run("linger", "show", "closewait-leak", "--results", results)
    assert done.returncode == 0, done.stderr
    for words in ("a server that forgets close()", "CLOSE_WAIT", "buggy: reproduced", "fixed: pass"):
        assert words in done.stdout
    assert done.stdout.count("further connections like this") >= 1
    assert "5 connections: 5 orderly; 5 ended only after the verdict" in done.stdout
    assert done.stdout.count("packets at both ends") == 2
    packets = [line for line in done.stdout.splitlines() if line.startswith("  packets: ")]
    assert len(packets) == 2
    assert all(Path(word).is_file() for line in packets for word in line.split()[1:])


def test_a_report_does_not_make_a_run_newer(run: Run, results: Path) -> None:
    [folder] = results.glob("2*")
    old = results / "2000-01-01T00-00-00"
    shutil.copytree(folder, old)
    os.utime(old)
    done = run("linger", "show", "closewait-leak", "--results", results)
    assert folder.name in done.stdout and old.name not in done.stdout


def test_a_ladder_that_was_cut_off(run: Run, results: Path) -> None:
    for file in results.glob("2*/*/*/ladder.json"):
        file.write_text(file.read_text()[:100])
    done = run("linger", "show", "closewait-leak", "--results", results)
    assert done.returncode == 0 and done.stdout.count("no packets were recorded") == 2


def test_one_variant_of_one_run(run: Run, results: Path) -> None:
    [folder] = results.glob("2*")
    done = run("linger", "show", "closewait-leak", "--variant", "fixed", "--run", folder)
    assert "fixed: pass" in done.stdout and "buggy: reproduced" not in done.stdout


def test_what_the_verdict_did_not_see_is_told_apart(run: Run, results: Path) -> None:
    """The leaking server never sends a FIN; only its end, after the verdict, does."""
    for variant, closes_itself in (("buggy", False), ("fixed", True)):
        told = run("linger", "show", "closewait-leak", "--variant", variant, "--results", results)
        before = told.stdout.partition("the verdict;")[0]
        assert ("LAST_ACK" in before) == closes_itself, told.stdout


def test_what_is_not_there_is_a_sentence(run: Run, results: Path, tmp_path: Path) -> None:
    [folder] = results.glob("2*")
    for words, sentence in {
        ("closewait-leek",): "did you mean closewait-leak?",
        ("reset-leak",): "reset-leak has not been run; run it: make scenario-reset-leak",
        ("reset-leak", "--run", folder): "has no results of reset-leak",
        ("closewait-leak", "--variant", "bugy"): "no variant bugy; it has buggy, fixed",
    }.items():
        done = run("linger", "show", *words, "--results", results)
        assert done.returncode == 2 and done.stdout == ""
        assert sentence in done.stderr and done.stderr.count("\n") == 1
