"""`linger check-client --with`: planted programs of a made-up protocol, right and wrong.

Real ones are in harness/tests/real/relayed.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from conftest import Run
from test_formats import validator

from linger.check.relay import BATTERY

TALKER = Path(__file__).with_name("planted") / "clients" / "talker.py"
BACKEND = f"{sys.executable} -S {TALKER} server 127.0.0.1 {{port}}"


def found(run: Run, tmp_path: Path, role: str, *options: object) -> tuple[int, dict[str, dict[str, object]]]:
    """Check a client in a role; returns the exit code, and the findings by id."""
    words = ["--with", BACKEND, "--results", tmp_path / "results", *options]
    client = [sys.executable, "-S", TALKER, role, "{host}", "{port}"]
    done = run("linger", "check-client", *words, "--", *client, timeout=120)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    folder = tmp_path / "results/latest/check"
    summary = json.loads((folder / "check.json").read_text())
    assert not [*validator("check").iter_errors(summary)]
    for one in summary["results"]:
        finding = json.loads((folder / one["id"] / "finding.json").read_text())
        assert not [*validator("finding").iter_errors(finding)]
        one["timeline"] = finding["timeline"]
    return done.returncode, {one["id"]: one for one in summary["results"]}


@pytest.mark.parametrize("role, verdict", [("right", "PASS"), ("takes", "FAIL")])
def test_a_program_that_ends(run: Run, tmp_path: Path, role: str, verdict: str) -> None:
    code, results = found(run, tmp_path, role, "--quick", "--only", "cut-at-each-message,recover-fin")
    cut = results["cut-at-each-message"]
    assert (code, cut["verdict"], results["recover-fin"]["verdict"]) == (
        int(verdict == "FAIL"), verdict, "N/A")  # fmt: skip
    assert "did not fall" not in str(cut["measured"])
    if role == "takes":
        assert "exit code 0 and 0 to 501 of 1002 bytes, or others, at " in str(cut["measured"])


@pytest.mark.takes(30)
def test_a_program_that_lasts_and_never_returns(run: Run, tmp_path: Path) -> None:
    code, results = found(run, tmp_path, "waits", "--only", "recover-fin", "--patience", 2)
    finding = results["recover-fin"]
    assert (code, finding["verdict"]) == (1, "FAIL"), finding
    assert "no byte of the server reaches it, " in str(finding["measured"])
    phases = [row["phase"] for row in finding["timeline"]]  # type: ignore[attr-defined]
    assert [*dict.fromkeys(phases)] == ["good", "fin"] and phases[-1] == "good"


@pytest.mark.parametrize(
    "backend, client, said",
    [
        ("exit 5; {port}", ["{port}"], "of --with: the server ended with status 5"),
        (BACKEND, ["sh", "-c", "exit 4", "{port}"], "never connects to server.test port 9000: it ended"),
        (BACKEND, [sys.executable, "-S", TALKER, "right", "{host}", "1", "{port}"], "never connects"),
    ],
)
def test_what_never_talks_ends_with_3(
    run: Run, tmp_path: Path, backend: str, client: list[object], said: str
) -> None:
    words = ["--with", backend, "--results", tmp_path / "results", "--", *client]
    done = run("linger", "check-client", *words, timeout=60)
    assert done.returncode == 3 and said in done.stderr, done.stdout + done.stderr


@pytest.mark.parametrize(
    "options, command, said",
    [
        ((), ["{host}"], "the command names no {port}"),
        (("--driver",), ["{port}"], "--with and --driver exclude each other"),
        (("--port", 0), ["{port}"], "--port takes a number from 1"),
        (("--with", "serve"), ["{port}"], "--with names no {port}, so give the server's port"),
        (("--only", "recover-fim"), ["{port}"], "recover-fin"),
    ],
)
def test_wrong_usage(
    run: Run, tmp_path: Path, options: tuple[object, ...], command: list[object], said: str
) -> None:
    words = ["--with", BACKEND, "--results", tmp_path / "results", *options, "--", *command]
    done = run("linger", "check-client", *words)
    assert done.returncode == 2 and said in done.stderr, done.stderr


def test_every_check_is_explained(run: Run) -> None:
    BATTERY.load()
    shown = run("linger", "check-client", "--list").stdout.partition("With a real server")[2]
    assert {*BATTERY.checks} == {
        "recover-fin", "recover-rst", "recover-refuse", "recover-restart", "recover-stall", "recover-gone",
        "cut-at-each-message",
    }  # fmt: skip
    assert all(f"{id}\n" in shown or f"{id} (slow)\n" in shown for id in BATTERY.checks)
