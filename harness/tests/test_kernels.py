"""`make kernels` without a kernel: what it refuses, what it keeps, and what a guest's end means.

QEMU and busybox are scripts here, since `make deps` brings neither.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, outlived, pidfds

from linger.claims import ledger
from linger.lab.environment import outside
from linger.lab.programs import ROOT
from linger.run.results import linux

sys.path.append(str(ROOT / "harness/kernels"))
DOCUMENT = ROOT / "scenarios/KERNELS.md"
BEGINS = "\n| claim |"  # its generated part, up to the end
import guests  # noqa: E402
import matrix  # noqa: E402

# What the console gets, what is on the disk at the end, how QEMU ends: a tar holds the status and more.
QEMU = """#!/bin/sh
for word; do
	case $word in
	file:*) echo "{said}" >"${{word#file:}}" ;;
	file=*) disk=${{word#file=}}; disk=${{disk%%,*}} ;;
	esac
done
{act}
"""
PACKS = 'cd "{folder}" && echo {status} >status && tar -cf "$disk" status && rm status'
ENDS = {  # by what QEMU does: the exit status of boot
    PACKS.replace("{status}", "0"): 0,
    PACKS.replace("{status}", "1"): 1,
    "exit 0": 70,  # a panic: the machine stops, and nothing was packed
    "exec sleep 60": 124,  # it hangs
}


def prepared(tmp_path: Path, act: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The command and the environment of a boot whose QEMU behaves like that."""
    tools, kernel = tmp_path / "tools", tmp_path / "7.3"
    for path in (tools, kernel):
        path.mkdir()
    qemu = QEMU.format(said="Kernel panic", act=act.format(folder=tmp_path))
    for name, text in {"qemu-system-x86_64": qemu, "busybox": "#!/bin/sh\ncat\n"}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    for file in (kernel / "initrd", tmp_path / "root"):
        file.write_text("")
    boot = ROOT / "harness/kernels/boot"
    words = [str(word) for word in (boot, kernel, tmp_path / "root", folder)]
    return words, outside(PATH=f"{tools}:{os.environ['PATH']}", LIMIT="1")


@pytest.mark.parametrize("act", ENDS, ids=map(str, ENDS.values()))
def test_a_guest_ends_alone_and_leaves_its_console(tmp_path: Path, act: str) -> None:
    folder = tmp_path / "guest"
    folder.mkdir()
    (folder / "packed.tar").write_text("")
    words, env = prepared(tmp_path, act, folder)
    assert subprocess.run(words, env=env).returncode == ENDS[act]
    assert (folder / "console.log").read_text() == "Kernel panic\n"
    assert not (folder / "initrd").exists() and not (folder / "evidence.tar").exists()


def test_a_guest_ends_with_its_caller(tmp_path: Path) -> None:
    (tmp_path / "packed.tar").write_text("")
    words, env = prepared(tmp_path, 'echo $$ >"{folder}/pid"; exec sleep 60', tmp_path)
    env["LIMIT"] = "60"
    with subprocess.Popen(words, env=env) as boot:
        while not (pid := tmp_path / "pid").exists() or not pid.read_text().strip():
            time.sleep(0.01)  # the next look
        [qemu] = pidfds([int(pid.read_text())])
        boot.terminate()
    assert not outlived([qemu])


def result(verdict: str, message: str = "") -> dict[str, Any]:
    return {"schema": 2, "scenario": "a-leak", "variant": "x", "verdict": verdict, "message": message,
            "tables": []}  # fmt: skip


def brought(folder: Path, *verdicts: str) -> Path:
    """What a guest brings back for one scenario."""
    run = folder / "2026-01-01T00-00-00"
    for variant, verdict in zip(("buggy", "fixed"), verdicts):
        (run / "a-leak" / variant).mkdir(parents=True)
        (run / "a-leak" / variant / "result.json").write_text(json.dumps(result(verdict, "why")))
    (run / "environment.json").write_text('{"kernel": "7.3.4", "commit": null}')
    return run


def test_what_passed_stays_and_what_failed_is_replaced(tmp_path: Path) -> None:
    home = tmp_path / "7.3.4"
    home.mkdir()
    for verdicts, good in {("reproduced", "fail"): False, ("reproduced", "pass"): True}.items():
        matrix.keep(brought(tmp_path / verdicts[1], *verdicts), home)
        assert matrix.passed(home / "a-leak") == good
    assert json.loads((home / "environment.json").read_text())["commit"], "the guest has no git"


class Double:
    """Guests whose scenario passes when run alone."""

    acceleration, at_once = "tcg", 1

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, kernel: Any, command: str, folder: Path, limit: int) -> int:
        names = command.split()[2:-2]
        self.asked.append(" ".join(names))
        for name in names:
            run = brought(folder / name, "reproduced", "fail" if len(names) > 1 else "pass")
            (run / "a-leak").rename(run / name)
            run.rename(folder / f"run-{name}")
        return 1 if len(names) > 1 else 0


def test_it_goes_on_where_it_was_and_retries_alone(tmp_path: Path) -> None:
    kernel = type("Kernel", (), {"number": "7.3.4"})()
    for names in (["reset-leak"], ["reset-leak", "linger-zero", "double-close"]):
        double = Double()
        matrix.Matrix(double, tmp_path, names, 5).run(kernel)  # type: ignore[arg-type]
    assert double.asked == ["double-close linger-zero", "double-close", "linger-zero"]
    assert all(matrix.passed(tmp_path / "7.3.4" / name) for name in names)
    (tmp_path / "7.3.4/linger-zero/sources").write_text("others")
    matrix.Matrix(double, tmp_path, names, 5).run(kernel)  # type: ignore[arg-type]
    assert double.asked[3:] == ["linger-zero"]


DECIDES = {  # a file that changes: whether the scenario linger-zero is run again
    "scenarios/linger_zero.py": True,
    "servers/linger_zero_fixed.c": True,
    "clients/peer.c": True,
    "harness/census/count.c": True,
    "harness/census/bpf/owners.c": True,
    "harness/linger/lab/sysctls.conf": True,
    "servers/reset_leak_fixed.c": False,
    "scenarios/linger_zero.toml": False,
    "harness/census/test_count.c": False,
    "harness/linger/report/pages.py": False,
}


def test_a_result_is_current_as_long_as_its_sources_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in DECIDES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("linger_zero, lab.peer")
    monkeypatch.setattr(matrix.sources, "ROOT", tmp_path)
    monkeypatch.setattr(matrix.scenarios, "SCENARIOS", tmp_path / "scenarios")
    for name, again in DECIDES.items():
        before = matrix.sources.digest("linger-zero")
        (tmp_path / name).write_text("linger_zero, lab.peer, and more")
        assert (matrix.sources.digest("linger-zero") != before) == again, name


def test_a_guest_that_brings_nothing_back_has_not_passed(tmp_path: Path) -> None:
    """Even if its scenario passed before it was changed."""
    home = tmp_path / "7.3.4"
    home.mkdir()
    matrix.keep(brought(tmp_path / "before", "reproduced", "pass"), home)
    (home / "a-leak").rename(home / "linger-zero")
    panics = Double()
    panics.run = lambda kernel, command, folder, limit: 1  # type: ignore[method-assign]
    kernel = type("Kernel", (), {"number": "7.3.4"})()
    matrix.Matrix(panics, tmp_path, ["linger-zero"], 5).run(kernel)  # type: ignore[arg-type]
    assert matrix.report(tmp_path, [kernel], ["linger-zero"]) == matrix.BROKEN


def test_what_a_killed_run_left_goes(tmp_path: Path) -> None:
    gone = subprocess.Popen("true")
    gone.wait()
    for pid in (gone.pid, os.getpid()):
        (tmp_path / f".guest-{pid}-x").mkdir()
    matrix.clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f".guest-{os.getpid()}-x"]


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    matrix.reserve(tmp_path)
    with pytest.raises(guests.CannotRun, match="another `make kernels` is using"):
        matrix.reserve(tmp_path)


REFUSED = {
    "unknown scenario 'no-such'; `linger list` shows them": ("7.3", "no-such"),
    "VERSIONS is empty, so nothing would run": (" ", "all"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, sentence: str
) -> None:
    monkeypatch.setattr(matrix, "require", lambda: None)
    versions, names = REFUSED[sentence]
    for name, value in {"VERSIONS": versions, "SCENARIOS": names, "CACHE": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    assert matrix.main() == 2
    assert sentence in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_without_its_tools_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(guests.sys, "executable", "/usr/bin/python3")
    monkeypatch.setattr(guests.shutil, "which", lambda tool: tool == "apt-cache")
    with pytest.raises(guests.CannotRun, match="qemu-system-x86_64 is not installed; run: make deps-k"):
        guests.require()


def test_the_version_of_a_kernel_is_not_always_its_release() -> None:
    debian = "#1 SMP Debian 5.10.262-1 (2026-07-31)"
    assert linux("5.10.0-46-amd64", debian) == "5.10.262"
    assert linux("7.3.4+deb13-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 7.3.4-1~bpo13+1 (2026)") == "7.3.4"
    assert linux("6.18.44-fc-v595", "#1 SMP") == "6.18.44"


def test_the_document_is_what_the_stored_results_say(run: Run, tmp_path: Path) -> None:
    """`make kernels-document` stores them; that and `make documents` rewrite it."""
    for file in sorted((ROOT / "harness/tests/kernels").glob("*.tar.xz")):
        folder = tmp_path / file.name.removesuffix(".tar.xz")
        folder.mkdir()
        subprocess.run(["tar", "-C", folder, "-xJf", file], check=True)
    done = run("linger", "claims", "--runs", *tmp_path.iterdir(), "--markdown")
    assert done.returncode == 0, done.stderr
    text, _, shown = DOCUMENT.read_text().partition(BEGINS)
    if os.environ.get("LINGER_DOCUMENTS"):
        DOCUMENT.write_text(f"{text}\n{done.stdout}")
    else:
        assert BEGINS + shown == f"\n{done.stdout}", "run: make documents"
    assert done.stdout.count("\n| ") == 1 + len(ledger.load())


def test_the_grid_is_a_page(run: Run, tmp_path: Path) -> None:
    """Two kernels that disagree on a claim, and a claim that neither decides."""
    for number, error in {"5.10.262": "EADDRNOTAVAIL", "7.3.4": "ok"}.items():
        put(tmp_path / number, number, error)
    (index := tmp_path / "index.html").write_text("")
    assert run("linger", "report", tmp_path).returncode == 0
    page = index.read_text().replace("<wbr>", "")
    assert "<h1>1 of " in page and ">5.10.262</th><th scope=\"col\">7.3.4</th>" in page
    differs = page[: page.index('id="alike"')]
    assert 'id="tw-reuse-wait-fixed"' in differs and 'id="self-connect"' not in differs
    assert "5.10.262: holds" in differs and "7.3.4: fails" in differs
    assert "not decided: self-connect/" in page


def put(folder: Path, number: str, error: str) -> None:
    """A run on a kernel that decides one claim."""
    variant = folder / "timewait-reuse-wait/condition"
    variant.mkdir(parents=True)
    cells = {"tcp_tw_reuse=1": ("after 1.5 s", "ok"),
             "tcp_tw_reuse_delay=100": ("in the next second", error),
             "tcp_tw_reuse_delay=60000": ("after 1.5 s", "ok")}  # fmt: skip
    cells = [{"row": row, "column": column, "measured": cell} for row, (column, cell) in cells.items()]
    table = {"title": "one more connection", "cells": cells}
    told = {**result("pass"), "scenario": "timewait-reuse-wait", "variant": "condition", "connections": 5,
            "struck": [], "expectations": [], "tables": [table]}  # fmt: skip
    (variant / "result.json").write_text(json.dumps(told))
    environment = {"date": "2026-01-01T00:00:00Z", "kernel": "x", "linux": number}
    (folder / "environment.json").write_text(json.dumps(environment))


def test_claims_by_kernel(run: Run, tmp_path: Path) -> None:
    """A run that does not decide a claim says so; two runs on one kernel are refused."""
    put(tmp_path / "a", "6.12.118", "EADDRNOTAVAIL")
    put(tmp_path / "b", "5.10.262", "ok")
    words = ("linger", "claims", "tw-reuse-wait-fixed", "self-connect", "--runs", tmp_path / "a")
    done = run(*words, tmp_path / "b")
    assert done.returncode == 0 and done.stdout.splitlines()[:3] == [
        "claim                5.10.262     6.12.118",
        "self-connect         not decided  not decided",
        "tw-reuse-wait-fixed  fails        holds  differs",
    ]
    assert "not decided, 6.12.118: self-connect/buggy was not run (self-connect)" in done.stdout
    assert "| self-connect | not decided | not decided |" in run(*words, tmp_path / "b", "--markdown").stdout
    done = run(*words, tmp_path / "a")
    assert done.returncode == 2 and "are both from Linux 6.12.118" in done.stderr
    done = run(*words, tmp_path)
    assert done.returncode == 2 and "holds no finished run" in done.stderr
