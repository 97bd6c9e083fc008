"""Which Python linger runs on: the build and `make deps` agree, whatever else is on the machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Run
from machine import LIBRARY, MODULES, PYTHON, SYSTEM, Machine

SUBSETS = {
    "none": (),
    **{f"only {name}": (name,) for name in MODULES},
    **{f"all but {name}": tuple(n for n in MODULES if n != name) for name in MODULES},
    "all": tuple(MODULES),
}


@pytest.fixture
def machine(tmp_path: Path, run: Run) -> Machine:
    return Machine(tmp_path, run)


@pytest.mark.parametrize("subset", SUBSETS)
def test_deps_completes_what_the_build_takes(machine: Machine, subset: str) -> None:
    private = machine.python("private", *SUBSETS[subset])
    for again in (False, True):
        deps = machine.make_deps(first=private)
        assert deps.returncode == 0, deps.stderr
        assert not again or deps.stdout == "deps: nothing is missing\n"
        build = machine.make_linger(first=private)
        assert build.returncode == 0, build.stderr
        assert machine.linked() == (private if subset == "all" else SYSTEM)
    imports = "import " + ", ".join(set(MODULES.values()) - {"tomllib"})
    assert machine.run(machine.linked(), "-I", "-c", imports).returncode == 0
    assert len(machine.asked()) == (subset != "all")


def test_the_build_does_not_wait_for_modules(machine: Machine) -> None:
    assert machine.make_linger().returncode == 0
    assert machine.linked() == SYSTEM
    assert machine.asked() == []


def test_only_the_first_on_the_path_counts(machine: Machine) -> None:
    few, whole, other = (
        machine.python(name, *names)
        for name, names in (("few", ("rich",)), ("whole", MODULES), ("other", MODULES))
    )
    for first, second, chosen in ((few, whole, SYSTEM), (whole, other, whole)):
        done = machine.run(PYTHON, first=first, before=f'PATH="$PATH:{second.parent}"')
        assert done.stdout == f"{chosen}\n"


@pytest.mark.parametrize("name", MODULES)
def test_a_named_python_that_lacks_something(machine: Machine, name: str) -> None:
    """The reason is given, nothing useless is installed, and no other Python is used."""
    named = machine.python("named", *(other for other in MODULES if other != name))
    whole = machine.python("whole", *MODULES)
    for make, code in ((machine.make_deps, 77), (machine.make_linger, 2)):
        done = make(first=whole, LINGER_PYTHON=str(named))
        assert done.returncode == code, done.stdout
        said = done.stderr.splitlines()[0]
        assert said.startswith(f"harness/python: LINGER_PYTHON: {named} lacks {name}; run: ")
    assert machine.asked() == [] and not (machine.build / "python").exists()


def test_a_named_python_is_taken(machine: Machine) -> None:
    named, whole = machine.python("named", *MODULES), machine.python("whole", *MODULES)
    for name in (str(named), f"{named.parent}/../bin/python3", "the-python"):
        machine.command("tools/the-python", f'exec {named} "$@"')
        assert machine.make_deps(first=whole, LINGER_PYTHON=name).returncode == 0
        assert machine.make_linger(first=whole, LINGER_PYTHON=name).returncode == 0
        assert machine.linked() == named
    assert machine.asked() == []


def test_the_python_of_the_system_may_be_named(machine: Machine) -> None:
    """In this case Debian's packages help."""
    options = {"first": machine.python("whole", *MODULES), "LINGER_PYTHON": str(SYSTEM)}
    assert machine.make_deps(**options).returncode == 0 and len(machine.asked()) == 1
    assert machine.make_linger(**options).returncode == 0 and machine.linked() == SYSTEM


def test_until_3_10_tomli_is_the_tomllib(machine: Machine) -> None:
    old = machine.python("old", *MODULES)
    machine.hide("old", "tomllib")
    assert machine.run(PYTHON, first=old).stdout == f"{SYSTEM}\n"
    (machine.folder / "old" / LIBRARY / "old.pth").write_text(VERSION.format(10))
    assert machine.run(PYTHON, first=old).stdout == f"{old}\n"


def test_a_venv_of_the_system_is_not_the_system(machine: Machine) -> None:
    """Its python3 is a link to the system's, which must not be followed."""
    venv = machine.python("venv")
    venv.unlink()
    venv.symlink_to(SYSTEM)
    done = machine.run(PYTHON, before=f"umount {SYSTEM}", LINGER_PYTHON=str(venv))
    assert done.returncode == 77 and f"{venv} lacks pytest" in done.stderr


VERSION = "import sys; sys.version_info = (3, {}, 1)\n"
NO_PYTHON = {
    "exit 1": "does not run, or is no Python 3",
    "echo /bin/sh": "does not run, or is no Python 3",
    "kill -9 $$": "does not run, or is no Python 3",
    "sleep 60": "does not run, or is no Python 3",
    "exec {old} \"$@\"": "is Python 3.8, and linger needs 3.9 or newer",
    "exec {minimal} \"$@\"": "lacks ctypes, so it is not a whole Python",
}  # fmt: skip


@pytest.mark.parametrize("script", NO_PYTHON)
def test_what_is_no_python(machine: Machine, script: str) -> None:
    """If named, it is an error; if first on the path, it is skipped."""
    pythons = {name: machine.python(name, *MODULES) for name in ("old", "minimal")}
    (machine.folder / "old" / LIBRARY / "old.pth").write_text(VERSION.format(8))
    machine.hide("minimal", "ctypes")
    shim = machine.command("shims/python3", script.format(**pythons))
    machine.command("tools/timeout", 'shift 3; exec /usr/bin/timeout -k 1 2 "$@"')
    named = machine.run(PYTHON, LINGER_PYTHON=str(shim))
    assert named.returncode == 77
    assert named.stderr.endswith(f"harness/python: LINGER_PYTHON: {shim} {NO_PYTHON[script]}\n")
    assert ("did not answer within" in named.stderr) == ("sleep" in script)
    assert machine.run(PYTHON, first=shim).stdout == f"{SYSTEM}\n"


def test_a_shim_is_seen_through(machine: Machine) -> None:
    """It may print, and lead elsewhere in another folder: what it starts here is linked."""
    whole = machine.python("whole", *MODULES)
    script = f'echo /usr/bin/python3; echo linger; [ -e Makefile ] && exec {whole} "$@"'
    shim = machine.command("shims/python3", script)
    assert machine.make_linger(first=shim).returncode == 0
    assert machine.linked() == whole


# What site.py does in a Python that is not a venv.
OF_USER = "import site, sys; sys.flags.no_user_site or site.addsitedir(site.getusersitepackages())"


def test_what_only_one_user_has_does_not_count(machine: Machine) -> None:
    few = machine.python("few", *(name for name in MODULES if name != "rich"))
    (machine.folder / "few" / LIBRARY / "user.pth").write_text(OF_USER)
    home = machine.folder / "home"
    theirs = home / ".local" / LIBRARY
    theirs.mkdir(parents=True)
    (theirs / "rich.pth").write_text(str(machine.folder / "modules/rich"))
    callers = {"HOME": str(home), "PYTHONPATH": str(machine.folder / "modules/rich")}
    for name, value in callers.items():
        counts = machine.run(few, "-c", "import rich", **{name: value})
        assert counts.returncode == 0, f"{name} is no trap here: {counts.stderr}"
        assert machine.run(PYTHON, first=few, **{name: value}).stdout == f"{SYSTEM}\n"
    assert machine.run(PYTHON, PYTHONHOME="/nowhere").stdout == f"{SYSTEM}\n"


def test_a_choice_is_made_again(machine: Machine) -> None:
    """When the Python is gone or has lost a module, or a better one has appeared."""
    private = machine.python("private", *MODULES)
    rich = machine.folder / "private" / LIBRARY / "rich.pth"
    words = rich.read_text()
    assert machine.make_linger(first=private).returncode == 0 and machine.linked() == private
    rich.unlink()
    assert machine.make_deps(first=private).returncode == 0 and len(machine.asked()) == 1
    assert machine.make_linger(first=private).returncode == 0
    assert machine.linked() == SYSTEM
    rich.write_text(words)
    assert machine.make_linger(first=private).returncode == 0 and machine.linked() == private
    (machine.folder / "private").rename(machine.folder / "moved")
    gone = machine.run(machine.build / "linger", "list")
    assert gone.returncode == 77
    assert gone.stderr == f"linger: {private} no longer runs; run: make\n"
    assert machine.make_linger(first=private).returncode == 0
    assert machine.linked() == SYSTEM


READ_ONLY = "mount --bind {build} {build} && mount -o remount,bind,ro {build}"


def test_what_another_user_built_stays_if_it_runs(machine: Machine) -> None:
    private = machine.python("private", *MODULES)
    assert machine.make_linger().returncode == 0 and machine.linked() == SYSTEM
    options = {"first": private, "before": READ_ONLY.format(build=machine.build)}
    assert machine.make_linger(**options).returncode == 0 and machine.linked() == SYSTEM
    options["before"] += f" && mount --bind /dev/null {SYSTEM}"
    done = machine.make_linger(**options)
    assert done.returncode == 2
    assert f"{machine.build}/python cannot become a link to {private}; ask its owner to remove" in done.stderr
