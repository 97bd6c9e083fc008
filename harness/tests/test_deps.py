"""make deps: what it requests from Debian, and when it cannot help. Nothing is installed here."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run
from machine import MODULES, OURS, SYSTEM, Machine, all_but

from linger.lab.environment import outside
from linger.lab.programs import ROOT

PACKAGES = " ".join(f"python3-{name}" for name in MODULES if name != "tomli")
GONE = f"mount --bind /dev/null {SYSTEM}"


@pytest.fixture
def machine(tmp_path: Path, run: Run) -> Machine:
    return Machine(tmp_path, run)


def imported(path: Path) -> set[str]:
    """The packages that a module imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return found


def test_the_list_has_every_module_that_we_import() -> None:
    sources = [*(ROOT / "harness").rglob("*.py"), *(ROOT / "scenarios").rglob("*.py")]
    # Drivers of libraries that are checked, not used.
    sources = [path for path in sources if path.parent.name not in ("drivers", "clients", "relayed")]
    ours = {name for path in sources for name in (path.stem, path.parent.name)}
    brought_along = {"markupsafe": "jinja2", "tomli": "tomllib"}
    brought_along |= dict.fromkeys(("_pytest", "pluggy"), "pytest")
    names = set().union(*map(imported, sources)) - ours - {"__future__"}
    theirs = {brought_along.get(name, name) for name in names if not standard(name)}
    # The tests run in other projects' sessions too, which may use xdist (test_foreign.py).
    assert theirs | {"tomllib", "xdist"} == set(MODULES.values())


def standard(name: str) -> bool:
    """Whether a module is part of Python: a bare one has it."""
    return subprocess.run([sys.executable, "-I", "-S", "-c", f"import {name}"], env=outside(),
                          stderr=subprocess.DEVNULL).returncode == 0  # fmt: skip


def test_a_complete_machine_is_left_alone(machine: Machine) -> None:
    done = machine.make_deps(first=machine.python("whole", *MODULES))
    assert (done.returncode, done.stdout, done.stderr) == (0, "deps: nothing is missing\n", "")
    assert not (machine.folder / "asked").exists(), "not even for news"


def test_only_what_is_missing_is_installed(machine: Machine) -> None:
    assert machine.make_deps().stdout == f"deps: installing {PACKAGES}\n"
    assert machine.asked() == [PACKAGES]
    assert machine.make_deps().stdout == "deps: nothing is missing\n"


def test_tomli_is_installed_where_python_has_no_tomllib(machine: Machine) -> None:
    machine.hide("system", "tomllib", "tomli", until="tomli")
    assert machine.make_deps().returncode == 0
    assert machine.asked() == [f"{PACKAGES} python3-tomli"]


@pytest.mark.parametrize("trouble", ["there is none", "it is python3-minimal"])
def test_python_first_and_then_what_it_says_that_it_lacks(machine: Machine, trouble: str) -> None:
    """Only the Python that apt-get installs knows whether it has tomllib."""
    minimal = machine.python("minimal")
    machine.hide("minimal", "ctypes")
    script = machine.command("minimal.sh", f'exec {minimal} "$@"')
    before = GONE if trouble == "there is none" else f"mount --bind {script} {SYSTEM}"
    # Whatever comes with the testing machine.
    broken = machine.command("broken/python3", "exit 1")
    build = machine.make_linger(first=broken, before=before)
    assert build.returncode == 2 and "run: make deps\n" in build.stderr
    deps = machine.make_deps(first=broken, before=before)
    assert deps.returncode == 0, deps.stderr
    assert machine.asked() == ["python3", PACKAGES]


LIBCS = {"echo glibc 2.31": "glibc 2.31", "exit 1": "another libc", "echo glibc 1.99": "glibc 1.99"}


@pytest.mark.parametrize("getconf", LIBCS)
def test_an_old_or_another_libc(machine: Machine, getconf: str) -> None:
    """Debian 11 and Alpine: refused before anything is installed."""
    machine.command("tools/getconf", getconf)
    done = machine.make_deps()
    assert done.returncode == 77 and done.stderr.count("\n") == 1
    assert f"glibc 2.32 or newer, and this system has {LIBCS[getconf]}; take Debian" in done.stderr
    assert not (machine.folder / "asked").exists()


@pytest.mark.parametrize("version", ["2.32", "2.41", "3.0"])
def test_a_libc_that_is_new_enough(machine: Machine, version: str) -> None:
    machine.command("tools/getconf", f"echo glibc {version}")
    assert machine.make_deps().returncode == 0


APT_GETS = {
    "exit 100": f"deps: apt-get failed (see above); linger needs these packages: {PACKAGES}\n",
    "exit 0": f"deps: installed, but still missing: {PACKAGES}; for Python,",
}


@pytest.mark.parametrize("script", APT_GETS)
def test_an_apt_get_that_does_not_help(machine: Machine, script: str) -> None:
    machine.command("tools/apt-get", script)
    done = machine.make_deps()
    assert done.returncode == 77 and done.stdout == f"deps: installing {PACKAGES}\n"
    assert done.stderr.startswith(APT_GETS[script])


@pytest.mark.parametrize("lacking", ["apt-get", "sudo"])
def test_without_what_installs_it_says_what_is_needed(machine: Machine, lacking: str) -> None:
    """Without apt-get, and as an ordinary user (according to id(1)) without sudo."""
    tools = machine.folder / "tools"
    machine.command("tools/id", "echo 1000")
    (tools / lacking).unlink()
    all_but(tools, lacking)
    done = machine.make_deps(PATH=str(tools))
    sentence = {"apt-get": "not a Debian or Ubuntu system; install the contents of these packages:",
                "sudo": "not root and no sudo; ask root to run: apt-get install"}[lacking]  # fmt: skip
    assert (done.returncode, done.stdout) == (77, "")
    assert done.stderr == f"deps: {sentence} {PACKAGES}\n"


# By target: a program that it needs beyond `make deps`, its command, and its message without it.
TARGETS = {
    "valgrind": ("valgrind", [sys.executable, "harness/valgrind/run.py", "build"],
                 "valgrind: not installed; on Debian: apt-get install valgrind\n"),
    "fuzz": ("clang", ["harness/fuzz/run", "{folder}", "1", "text"],
             "fuzz: needs clang and libFuzzer; on Debian: apt-get install clang libclang-rt-dev\n"),
    "fuzz-figures": ("llvm-cov", ["harness/fuzz/require", "{folder}", "llvm-profdata", "llvm-cov"],
                     "fuzz: needs clang, llvm-profdata llvm-cov and libFuzzer; on Debian: "
                     "apt-get install clang libclang-rt-dev llvm\n"),
    "bench-census": ("netstat", [sys.executable, "harness/census/bench.py"],
                     "bench: no netstat; on Debian: apt-get install net-tools\n"),
    "test-real": ("apt-get", ["harness/tests/real/fetch", "{folder}", "servers"],
                  "fetch: not a Debian or Ubuntu system; needed: nginx"),
}  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_what_one_target_needs_it_names(tmp_path: Path, target: str) -> None:
    program, words, sentence = TARGETS[target]
    tools = tmp_path / "tools"
    tools.mkdir()
    all_but(tools, program, "nginx")
    (tmp_path / "compiler").write_text("cc\n")
    words = [word.format(folder=tmp_path) for word in words]
    done = subprocess.run(
        words, env=outside(PATH=str(tools)), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 77, done.stdout + done.stderr
    assert done.stdout == "" and done.stderr.startswith(sentence) and done.stderr.count("\n") == 1


def test_a_compiler_for_fuzzing_that_came_later_is_seen(tmp_path: Path) -> None:
    """Also after one is gone: what the other had made is made again."""
    words = ["make", "-s", f"BUILD={tmp_path}", f"{tmp_path}/fuzz/compiler"]
    for installed in ("no", "yes", "no"):
        path = tmp_path / installed
        path.mkdir(exist_ok=True)
        all_but(path, "clang")
        (path / "clang").write_text(f"#!/bin/sh\n[ {installed} = yes ]\n")
        (path / "clang").chmod(0o755)
        env = {name: value for name, value in outside(PATH=str(path)).items() if name not in OURS}
        subprocess.run(words, env=env, cwd=ROOT, check=True)
        found = (tmp_path / "fuzz/compiler").read_text()
        assert ("LIBFUZZER" in found) == (installed == "yes")
    before = (tmp_path / "fuzz/compiler").stat().st_mtime_ns
    subprocess.run(words, env=env, cwd=ROOT, check=True)
    assert (tmp_path / "fuzz/compiler").stat().st_mtime_ns == before, "nothing is made again"
