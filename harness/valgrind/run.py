#!/usr/bin/env python3
"""Run the fixed programs under valgrind: no error, no lost byte, no descriptor left open.

    build/sandbox build/python harness/valgrind/run.py build

Every scenario with a fixed variant runs once with its programs under `wrap`. SIGTERM ends most of
them, and its default action leaves no time to clean up. At that moment valgrind reports
unreferenced memory as lost, and lists each descriptor with where it was opened. A buggy program
runs as well, and its leak must be found: a valgrind that sees nothing is not a pass.

Exit codes: 0 all clean; 1 something was found; 77 no valgrind.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WRAP = Path(__file__).with_name("wrap")
WITNESS = "closewait_leak_buggy"  # what must be found, or the check is blind
# Connections that a program rightly holds when it is stopped.
IN_USE = {
    "close_unread_reset_fixed": "its last client never closes, and alarm(2) ends the wait for it",
    "double_close_fixed": "the clients that must not be hurt are still connected",
    "poisoned_pool_fixed": "its pool keeps the connection for the next request",
    "read_disabled_masks_eof_fixed": "the client whose job is not done is still connected",
    "self_connect_fixed": "it is connected to the server that came back",
}
# Valgrind keeps a dozen descriptors of RLIMIT_NOFILE for itself, so a count of them differs.
UNJUDGED = ("descriptor_exhaustion",)


def disguise(build: Path, folder: Path) -> None:
    """Make a folder that looks like build, with every program of a pair under `wrap`."""
    for path in build.iterdir():
        if path.name not in ("servers", "clients"):
            (folder / path.name).symlink_to(path)
    for kind in ("servers", "clients"):
        (folder / kind).mkdir()
        for path in (build / kind).iterdir():
            paired = path.name.endswith("_fixed") or path.name == WITNESS
            (folder / kind / path.name).symlink_to(WRAP if paired else path)


def run_scenarios(folder: Path, build: Path, reports: Path, words: list[str], judged: bool) -> int:
    environment = {
        **os.environ,
        "LINGER_BUILD": str(folder),
        "LINGER_PROGRAMS": str(build),
        "LINGER_RUN": str(reports.parent),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # xdist has an option of the same name
        "PYTHONPATH": f"{ROOT / 'harness'}{os.pathsep}{Path(__file__).parent}",
    }
    fixed = ["-c", str(ROOT / "harness/pytest.ini"), "--rootdir", str(ROOT), "-p", "linger.run.plugin"]
    fixed += ["-p", "peace"]
    command = [sys.executable, "-m", "pytest", *fixed, "-q", *words]
    output = None if judged else subprocess.DEVNULL
    return subprocess.run(command, env=environment, cwd=ROOT, stdout=output).returncode


def faults(report: str) -> list[str]:
    """The complaints in a complete valgrind report, in words."""
    found = [line for line in re.findall(r"== (.* lost in loss record.*)", report)]
    found += re.findall(r"== ((?:Invalid|Use of uninit|Conditional jump|Syscall param).*)", report)
    connected = len(re.findall(r"== Open AF_INET6? socket \d+: .* <-> (?!unbound)", report))
    return found + ([f"{connected} connections still open"] if connected else [])


def judge(reports: Path) -> int:
    """Print the results, program by program; returns the exit code."""
    whole: dict[str, list[str]] = {}
    for path in sorted(reports.iterdir()):
        report = path.read_text(errors="replace")
        if "FILE DESCRIPTORS:" in report:  # otherwise it was killed, or became another program
            whole.setdefault(path.name.partition(".")[0], []).extend(faults(report))
    programs = {path.stem for kind in ("servers", "clients") for path in (ROOT / kind).glob("*")}
    code = 0
    for name in sorted(name for name in programs if name.endswith("_fixed")):
        found = whole.get(name, ["no report: it did not run, or did not end"])
        if name in IN_USE:
            found = [fault for fault in found if not fault.endswith("connections still open")]
        code |= bool(found)
        print(f"{name:34} {'; '.join(found) or IN_USE.get(name, 'clean')}")
    witnessed = whole.get(WITNESS, [])
    print(f"{WITNESS:34} {'; '.join(witnessed) or 'NOT FOUND OUT'} (to see that it is seen)")
    return code or not witnessed


def main() -> int:
    if not shutil.which("valgrind"):
        print("valgrind: not installed; on Debian: apt-get install valgrind", file=sys.stderr)
        return 77
    build = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="linger-") as scratch:
        folder, reports = Path(scratch, "build"), Path(scratch, "run", "valgrind")
        folder.mkdir()
        reports.mkdir(parents=True)
        disguise(build, folder)
        select = ["-k", f"(fixed or (closewait_leak and buggy)) and not ({' or '.join(UNJUDGED)})"]
        status = run_scenarios(folder, build, reports, ["-n", "3", *select, "scenarios"], True)
        for name in UNJUDGED:  # only for its reports
            run_scenarios(folder, build, reports, ["-k", "fixed", f"scenarios/{name}.py"], False)
        return judge(reports) or int(status != 0)


if __name__ == "__main__":
    sys.exit(main())
