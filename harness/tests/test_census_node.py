"""The census of a whole node: every network namespace that a process or a name keeps."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any, Iterator

import pytest
from conftest import Run
from test_census_truth import VALID, holding, namespace_of

from linger.lab.programs import program

NAMES = [f"node-{os.getpid()}-{number}" for number in range(66)]  # more than --host takes


@pytest.fixture
def named() -> Iterator[None]:
    def batch(word: str) -> None:
        lines = "".join(f"netns {word} {name}\n" for name in NAMES)
        subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)

    batch("add")
    yield
    batch("del")


def counted(run: Run, *words: str) -> dict[str, Any]:
    done = run("census", "--json", *words)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    VALID.validate(document)
    return document


def test_every_namespace_is_counted(run: Run, named: None) -> None:
    with holding("doubled") as first, holding("gone") as second:
        assert counted(run)["other_namespaces"] >= len(NAMES) + 2
        table = run("census").stdout
        assert "other network namespaces (--all counts them)" in table
        node = counted(run, "--all")
        hosts = {host["host"]: host for host in node["hosts"]}
        assert len(hosts) == len(node["hosts"]) and {"local", *NAMES} <= hosts.keys()
        for holder in (first, second):
            (alone,) = counted(run, *namespace_of(holder))["hosts"]
            mine = hosts[f"python3-{holder.pid}"]
            assert mine["owners"] == alone["owners"] and mine["rows"] == alone["rows"]
        folded = run("census", "--all").stdout
        assert "namespaces without TCP sockets" in folded and NAMES[7] not in folded


def test_what_the_user_may_not_enter_is_said(run: Run, named: None) -> None:
    words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"]
    done = subprocess.run(
        [*words, "--no-new-privs", program("census"), "--no-owners"], capture_output=True, text=True
    )
    assert "other network namespaces that you cannot enter" in " ".join(done.stdout.split())


@pytest.mark.parametrize("words", [["--until", "LISTEN == 0"], ["--pid", "1"], ["--host", "a=b"]])
def test_all_is_one_count(run: Run, words: list[str]) -> None:
    assert run("census", "--all", *words).returncode == 2


def test_what_grew_is_watched(run: Run) -> None:
    """Lines without a terminal; on a terminal a screen, sorted by growth."""
    with holding("ends_later") as holder:
        words = ["timeout", "60", program("census"), "--watch", "0.05", "--pid", str(holder.pid)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as watch:
            assert watch.stdout and holder.stdin
            assert "from now on" in watch.stdout.readline()
            holder.stdin.write("\n")
            holder.stdin.flush()
            grew = f" +3 (3) python3 pid {holder.pid}: descriptors of connections that are gone"
            assert any(grew in line for line in watch.stdout)
            watch.terminate()
            assert watch.wait() == 0
