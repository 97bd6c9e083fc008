"""A program can do what the table of harness/sandbox/README.md says, and no more.

attacker.py tries each cell, in every way of starting a program: as root, as root naming another user, as an
ordinary user; alone, in a lab, under `linger check`, in a sandbox where only the caller is mapped.
Unconfined, like linger's own programs, each attack must succeed; otherwise it would prove nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest
from conftest import Run, outlived, pidfds
from leftovers import abandoned_groups
from outside import ATTACKER, USER, Outside, outcomes

from linger.lab import Lab, confine, environment, netns
from linger.lab.errors import Broken
from linger.lab.process import descendants
from linger.lab.programs import ROOT, program

pytestmark = pytest.mark.usefixtures("alone")  # a second /proc
README = ROOT / "harness" / "sandbox" / "README.md"
CAGES = ("none", "opened", "closed")
BUILD = program("confine").parent.relative_to(ROOT)
LIMITS = {"nproc": 64, "as": 200 << 20, "memory": 200 << 20, "cpu": 1}

# What a kernel may lack or forbid to everybody; then there is nothing to deny.
LACKING = {
    "families.vsock": {"EAFNOSUPPORT"},
    "families.algorithms": {"EAFNOSUPPORT"},
    "kernel.io_uring": {"ENOSYS", "EPERM"},
    "kernel.bpf": {"ENOSYS", "EPERM"},
    "kernel.perf": {"EACCES", "ENOENT", "EPERM"},
    "kernel.userfaultfd": {"ENOSYS", "EPERM"},
    "kernel.settings": {"ENOENT"},
    "setuid.fchmodat2": {"ENOSYS"},
    "cgroup.any": {"ENOENT", "EROFS"},
    "cgroup.make": {"ENOENT"},
    "cgroup.move": {"ENOENT"},
    "foreign.ia32": {"ENOSYS"},
    "foreign.x32": {"ENOSYS"},
}
# What needs rights that an ordinary user does not have even unconfined.
OF_ROOT = {"outlive", "keeper", "host", "turn", "kernel", "cgroup", "terminal"}


def table() -> dict[str, dict[str, bool]]:
    """What the README says: for each row, whether it is possible in each cage."""
    rows = re.findall(
        r"^\| `([a-z]+)` \|[^|]+\|([^|]+)\|([^|]+)\|([^|]+)\|$", README.read_text(), re.M
    )
    for name, *cells in rows:
        wrong = [cell for cell in cells if not cell.strip().startswith(("can", "no", "up to"))]
        assert not wrong, f"row {name}: {wrong}"
    return {
        name: {cage: cell.strip().startswith("can") for cage, cell in zip(CAGES, cells)}
        for name, *cells in rows
    }


ROWS = table()
ATTACKS = re.findall(r'^    "([a-z]+\.[\w-]+)":', ATTACKER, re.M)  # +: those of one architecture


def test_every_row_of_the_table_is_tried() -> None:
    assert {way.partition(".")[0] for way in ATTACKS} | {"foreign"} == ROWS.keys()


def starters() -> list[tuple[str, int, list[str]]]:
    """The user who starts it: a name, the uid, and further words for confine."""
    if os.getuid() != 0:
        return [("user", os.getuid(), [])]
    return [("root", 0, []), ("root-user", 0, ["--user", "65534"]), ("user", USER, [])]


@pytest.fixture
def checkout() -> Iterator[Path]:
    """This checkout, at a place that an ordinary user can reach."""
    if os.getuid() != 0:
        yield ROOT
        return
    with tempfile.TemporaryDirectory(prefix="linger-", dir="/tmp") as name:
        place = Path(name, "checkout")
        place.mkdir()
        place.parent.chmod(0o755)
        subprocess.run(["mount", "-n", "--bind", ROOT, place], check=True)
        yield place
        subprocess.run(["umount", "-n", "-l", place], check=True)


@pytest.fixture
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="linger-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def words(outside: Outside, build: Path, cage: str, more: list[str]) -> list[object]:
    """The words of a cage, as from linger.confine, except the user."""
    limits = [word for name, value in LIMITS.items() for word in ("--limit", f"{name}={value}")]
    return {
        "none": [],
        "opened": [build / "confine", *more, "--read-only", outside.evidence, "--"],
        "closed": [build / "confine", "--closed", *more, "--"],
        "opened-limited": [build / "confine", *more, *limits, "--"],
        "closed-limited": [build / "confine", "--closed", *more, *limits, "--"],
    }[cage]


def judge(
    found: dict[str, str], cage: str, baseline: dict[str, str], trusted: bool, less: bool = False
) -> None:
    """Compare outcomes with the table.

    baseline: of the same starter, unconfined; trusted: whether that has root's rights; less: whether the cage
    runs the program as another user, with fewer rights than the caller.
    """
    assert found, "the attacker did not run to its end"
    wrong = []
    for way, outcome in found.items():
        can = ROWS[way.partition(".")[0]][cage]
        if cage == "none":
            excused = outcome in LACKING.get(way, ()) or (
                not trusted and way.partition(".")[0] in OF_ROOT
            )
            if can != (outcome == "ok") and not excused:
                wrong.append(f"{way}: {outcome}, though the table says {'can' if can else 'no'}")
        elif not can and outcome == "ok":
            wrong.append(f"{way}: possible, though the table says no")
        elif can and not less and baseline.get(way, "ok") == "ok" != outcome:
            wrong.append(f"{way}: {outcome}, though the table says can")
    assert not wrong, "\n" + "\n".join(wrong)


def unlimited() -> list[str]:
    return [row for row in ROWS if row != "limits"]


@pytest.mark.parametrize("where", ["alone", "lab"])
@pytest.mark.parametrize("who, uid, more", starters(), ids=lambda value: str(value))
def test_what_an_attacker_can_do(
    lab: Lab, checkout: Path, scratch: Path, who: str, uid: int, more: list[str], where: str
) -> None:
    baseline: dict[str, str] = {}
    for cage in CAGES:
        here = (
            netns.inside(lab.hosts["server"].path) if where == "lab" else contextlib.nullcontext()
        )
        with here, Outside(scratch / cage, uid, lab.hosts["client"].path) as outside:
            command = words(outside, checkout / BUILD, cage, more)
            done = outside.run([*command, *outside.command(unlimited())])
            found = outcomes(outside.output.read_text())
            assert found, done.stderr
            judge(found, cage, baseline, trusted=uid == 0, less=bool(more))
            left_alone(outside, cage)
            baseline = baseline or found


def left_alone(outside: Outside, cage: str) -> None:
    """What a cage must not have let through, seen from outside."""
    assert outside.trace.exists() == (cage != "closed"), "a closed cage has a /tmp of its own"
    if cage != "none":
        assert oct(outside.output.stat().st_mode) == "0o100644", "evidence is not a program"
        assert [path.name for path in outside.evidence.iterdir()] == ["kept"]
        assert not (cage == "closed" and outside.asked)


def bounded(outside: Outside, build: Path) -> bool:
    """Whether its user can have a control group, according to confine itself."""
    told = subprocess.run(
        [*outside.become(), build / "confine", "--bounds"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told.startswith(("A control group limits", "No control group is available (")), told
    return told.startswith("A")


# What confine cannot limit without a control group, and says so.
NEEDS_GROUP = {
    "opened": {"limits.memory-file", "limits.shared-memory", "limits.time-in-turn"},
    "closed": {"limits.time-in-turn"},
}


# Unconfined, anybody can; that is tried once.
TAKERS = [
    (*one, cage)
    for one in starters()
    for cage in CAGES
    if one[1:] == starters()[-1][1:] or cage != "none"
]


@pytest.mark.takes(10)
@pytest.mark.parametrize("who, uid, more, cage", TAKERS, ids=lambda value: str(value))
def test_it_cannot_take_all_there_is(
    checkout: Path, scratch: Path, who: str, uid: int, more: list[str], cage: str
) -> None:
    """One attack per program, because a program that takes too much is ended as a whole."""
    names = [way for way in ATTACKS if way.startswith("limits.")]
    with Outside(scratch / cage, uid) as outside:
        without = set() if bounded(outside, checkout / BUILD) else NEEDS_GROUP.get(cage, set())
        if without and uid == 0 and not (cage == "closed" or more):
            without |= {"limits.processes"}  # the kernel exempts root
        for way in names:
            form = cage if cage == "none" else f"{cage}-limited"
            command = words(outside, checkout / BUILD, form, more)
            done = outside.run([*command, *outside.command([way])])
            took = outcomes(outside.output.read_text()).get(way) == "ok"
            assert took == (cage == "none" or way in without), f"{way}: {done.stderr}"
            outside.output.write_text("")


def test_its_control_group_goes_with_it(tmp_path: Path) -> None:
    """By itself or, after SIGKILL of confine, when the next one starts."""
    words = confine.closed(memory=256 << 20)
    kill_confine(["sleep", "1000"], words)
    assert subprocess.run([*words, "--", "true"]).returncode == 0
    assert abandoned_groups() == set()  # also if none is available


def kill_confine(command: list[str], words: list[str]) -> None:
    """Start a confined command, and kill what confines it."""
    with subprocess.Popen([*words, "--", *command]) as process:
        deadline = time.monotonic() + 10
        while len(descendants(process.pid)) < 3 and time.monotonic() < deadline:
            time.sleep(0.001)  # the next look
        family = pidfds(descendants(process.pid)[1:])
        process.kill()
    assert outlived(family) == 0


def test_evidence_that_was_replaced_does_not_count(lab: Lab, tmp_path: Path) -> None:
    """By a process outside any cage: linger's own, or another one of the user's."""
    (tmp_path / "run").mkdir()
    other = Lab("replaced", tmp_path / "run")
    (tmp_path / "run").rename(tmp_path / "away")
    (tmp_path / "run").mkdir()
    with pytest.raises(Broken, match="no longer the folder"):
        other.close()


@pytest.mark.parametrize("share, mode", [("", 0o700), ("1", 0o755)])
def test_only_its_caller_reads_what_a_run_leaves(
    run: Run, tmp_path: Path, share: str, mode: int
) -> None:
    env = environment.outside(LINGER_SHARE=share, LABS=str(tmp_path / "labs"))
    command = ["lab", "closewait-leak", "--results", tmp_path / "results"]
    done = run("linger", *command, env=env, umask=0o022, stdin=subprocess.DEVNULL)
    assert "Your task" in done.stdout, done.stderr
    folder = tmp_path / "results" / "latest"
    assert oct(folder.stat().st_mode & 0o777) == oct(mode)
    left = {path.name for path in (tmp_path / "labs").iterdir()}
    assert left == {".progress.json", "closewait_leak.c", "compile_flags.txt"}


@pytest.mark.parametrize("cage", CAGES[1:])
@pytest.mark.parametrize("who, uid, more", starters(), ids=lambda value: str(value))
def test_what_a_server_under_check_can_do(
    checkout: Path, scratch: Path, who: str, uid: int, more: list[str], cage: str
) -> None:
    """Its output is the evidence of the check. In the sandbox of a user only that user is mapped."""
    with Outside(scratch / cage, uid) as outside:
        results = outside.folder / "checks"
        confined = [*words(outside, checkout / BUILD, cage, more), *outside.command(unlimited())]
        check = ["check", "--port", 9000, "--only", "abandon", "--results", results]
        shell = ["sh", "-c", 'exec "$@" </dev/null', "sh"]  # Python takes no directory
        done = outside.run([*shell, checkout / BUILD / "linger", *check, "--", *confined])
        assert done.returncode == 3, done.stderr  # it ends, serving nobody
        [output] = results.resolve().glob("20*/check/**/output.log")
        judge(outcomes(output.read_text()), cage, {}, trusted=False, less=True)
        assert not output.stat().st_mode & 0o7111, "evidence is not a program"
        assert results.joinpath("latest").stat().st_mode & 0o77 == 0


@pytest.mark.parametrize("cage", CAGES[1:])
def test_what_it_can_do_where_only_the_caller_is_mapped(
    checkout: Path, scratch: Path, cage: str
) -> None:
    """In an ordinary user's sandbox, where the uid 65534 is not mapped."""
    _, uid, more = starters()[-1]
    with Outside(scratch / cage, uid) as outside:
        command = words(outside, checkout / BUILD, cage, more)
        done = outside.run([checkout / BUILD / "sandbox", *command, *outside.command(unlimited())])
        found = outcomes(outside.output.read_text())
        assert found, done.stderr
        judge(found, cage, {}, trusted=False, less=True)
        left_alone(outside, cage)


def ask(checkout: Path) -> list[str]:
    """The words that say which user a closed program is."""
    return [str(checkout / BUILD / "confine"), "--closed", "--", "id", "-u"]


def test_root_in_name_only_is_not_root(checkout: Path) -> None:
    user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--"]
    by_name = [*(user if os.getuid() == 0 else []), "unshare", "--map-root-user", *ask(checkout)]
    named = subprocess.run(by_name, capture_output=True, text=True)
    assert (named.returncode, named.stdout) == (0, "65534\n"), named.stderr


def nobody(checkout: Path) -> None:
    """Started by root, it runs as nobody."""
    assert subprocess.run(ask(checkout), capture_output=True, text=True).stdout == "65534\n"


def nobody_else(checkout: Path) -> None:
    """If only root exists, it is refused."""
    only_root = ["unshare", "--map-root-user", *ask(checkout)]
    done = subprocess.run(only_root, capture_output=True, text=True)
    assert done.returncode == 77 and "must not be root" in done.stderr, done


def one_of_few(checkout: Path) -> None:
    """If there are few users, it is one of them."""
    assert 0 < int(among_few(ask(checkout))) < 1000


def itself(checkout: Path) -> None:
    """Started by an ordinary user, it runs as that one."""
    assert subprocess.run(ask(checkout), capture_output=True, text=True).stdout == f"{os.getuid()}\n"


@pytest.mark.parametrize("is_who", [nobody, nobody_else, one_of_few] if os.getuid() == 0 else [itself])
def test_closed_is_never_root(checkout: Path, is_who: Callable[[Path], None]) -> None:
    is_who(checkout)


def among_few(command: list[str]) -> str:
    """The output of a command that root starts where only the users 0 to 999 are mapped."""
    script = 'echo ready; read go; exec "$@"'
    words = ["unshare", "--user", "sh", "-c", script, "sh", *command]
    with subprocess.Popen(words, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{process.pid}/{name}").write_text("0 0 1000")
        output, _ = process.communicate("\n")
    return output
