"""The sandbox in a chroot like those of debootstrap, pbuilder or schroot; nothing may leave it.

The tree is made from this machine's folders in the test's own namespace, whose root is shared with whatever
is mounted from it: as under systemd, and so that a leak would show.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from callers import ROOT_ALONE, USER_ALONE, contained
from conftest import HANGS

from linger.lab.environment import outside
from linger.lab.programs import ROOT, program

Done = subprocess.CompletedProcess[str]
SANDBOX = program("sandbox")
# Inside the tree the repository has the same path as outside. Only what debootstrap provides is mounted.
TREE = f"""set -e
mount --make-rshared /
cd "$1"; shift
for name in bin etc lib lib32 lib64 libx32 sbin usr; do
    if [ -L /$name ]; then cp -P /$name .
    elif [ -d /$name ]; then mkdir $name; mount --rbind /$name $name; fi
done
mkdir -p dev proc run sys tmp var .{ROOT}
mount --rbind /dev dev
mount --rbind {ROOT} .{ROOT}
"""
PROC = "mount --rbind /proc proc\n"
MOUNT_POINT = 'mount --rbind . .; cd "$PWD"\n'  # as schroot
TREES = {"plain": PROC, "mount point": PROC + MOUNT_POINT}
# A user namespace may mount /proc only where one exists: without it, only the machine's root can use a
# chroot.
MACHINE = ["unshare", "--mount"]
INITIAL = "user:[4026531837]"  # PROC_USER_INIT_INO of linux/proc_ns.h
MAKE_MOUNTS = """mount -t tmpfs none /var && mkdir /var/made && mount --bind /var/made /tmp &&
    grep -c ' /var ' /proc/self/mountinfo && read line"""


def script(tree: str, enter: str, folder: Path, who: list[str] = ROOT_ALONE) -> list[str]:
    """The words that make a tree in a folder, and enter it with the command that follows them."""
    return [*who, "sh", "-c", TREE + tree + enter, "sh", str(folder)]


def in_tree(folder: Path, *words: str, tree: str = PROC, who: list[str] = ROOT_ALONE) -> Done:
    command = [*script(tree, 'exec chroot . "$@"', folder, who), *words]
    return subprocess.run(
        command, env=outside(PWD="/"), capture_output=True, text=True, timeout=HANGS
    )


ROOTS = {f"root alone, {name}": (ROOT_ALONE, tree) for name, tree in TREES.items()}
if os.geteuid() == 0 and os.readlink("/proc/self/ns/user") == INITIAL:
    ROOTS |= {f"root, {name}": (MACHINE, tree) for name, tree in (TREES | {"no /proc": ""}).items()}


@pytest.mark.parametrize("who, tree", ROOTS.values(), ids=ROOTS)
def test_root_finds_its_world_in_a_chroot(tmp_path: Path, who: list[str], tree: str) -> None:
    """It stays in the tree, in its folder, and may even make user namespaces there."""
    host = "ip netns add a && nsenter --net=/run/netns/a ip link set lo up"
    inside = f"{host} && pwd && unshare --user id -u && ls /"
    words = f"mkdir /tmp/here && cd /tmp/here && exec {SANDBOX} sh -c '{inside}'"
    done = in_tree(tmp_path, "sh", "-c", words, tree=tree, who=who)
    where, user, *folders = done.stdout.split() or pytest.fail(done.stderr)
    assert (where, user) == ("/tmp/here", "65534")
    assert set(folders) == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("way", [*TREES, "no chroot"])
def test_no_mount_is_seen_outside(tmp_path: Path, way: str) -> None:
    """Neither while the sandbox runs nor after its end, though every mount there is shared."""

    def elsewhere(line: str) -> bool:  # another test's; it goes with the folder or file it is on
        place = line.split()[4]
        return place.startswith(("/run/", "/tmp/")) and not place.startswith(str(tmp_path))

    enter = "" if way == "no chroot" else "chroot ."
    told = f'echo built; read line; {enter} "$@"; echo over; read line'
    command = script(TREES.get(way, PROC), told, tmp_path)
    with subprocess.Popen(
        [*command, str(SANDBOX), "sh", "-c", MAKE_MOUNTS],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=outside(PWD="/"),
    ) as process:  # fmt: skip
        assert process.stdin and process.stdout
        mounts = Path(f"/proc/{process.pid}/mountinfo")
        seen: list[list[str]] = []
        for word in ("built\n", "1\n", "over\n"):
            assert process.stdout.readline() == word
            seen.append([line for line in mounts.read_text().splitlines() if not elsewhere(line)])
            process.stdin.write("\n")
            process.stdin.flush()
    assert any("shared:" in line for line in seen[0]), "outside, mounts are private: nothing could be seen there anyway"
    assert seen == [seen[0]] * 3


NOT_FOR_USERS = {
    "user": (USER_ALONE, [], "run as root"),
    "root of a container": (ROOT_ALONE, contained(), "start the container with --privileged"),
}


@pytest.mark.parametrize("tree", [PROC, ""], ids=["/proc", "no /proc"])
@pytest.mark.parametrize("name", NOT_FOR_USERS)
def test_why_a_chroot_is_for_root_is_said(tmp_path: Path, name: str, tree: str) -> None:
    who, words, cure = NOT_FOR_USERS[name]
    done = in_tree(tmp_path, *words, str(SANDBOX), "true", who=who, tree=tree)
    assert (done.returncode, done.stderr.count("\n")) == (77, 1)
    assert "forbids user namespaces in a chroot" in done.stderr and cure in done.stderr


def test_a_user_finds_a_world_where_the_tree_is_the_root(tmp_path: Path) -> None:
    """The named remedy, with pivot_root(8) itself."""
    pivot = 'mkdir old; pivot_root . old; umount -l /old; exec "$@"'
    tree = PROC + "mount --make-rprivate /\n" + MOUNT_POINT
    done = subprocess.run(
        [*script(tree, pivot, tmp_path, USER_ALONE), str(SANDBOX), "ls", "/usr"],
        env=outside(PWD="/"), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    done = in_tree(tmp_path, str(SANDBOX), "true", tree="")
    assert (done.returncode, done.stderr.count("\n")) == (77, 1)
    assert "/proc is not mounted" in done.stderr and "mount -t proc proc /proc" in done.stderr


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    done = in_tree(tmp_path, str(SANDBOX), "true", tree=PROC + "rmdir run\n")
    assert (done.returncode, done.stderr.count("\n")) == (77, 1)
    assert "no folder /run; run: mkdir /run" in done.stderr


def test_a_scenario_runs_in_a_chroot(tmp_path: Path) -> None:
    words = [str(program("linger")), "run", "closewait-leak", "--results", "/tmp/results"]
    done = in_tree(tmp_path, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed, 0 failed" in done.stdout
