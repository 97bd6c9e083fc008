"""If the sandbox cannot work: one sentence with the true reason, and the remedy for just that.

A cause that this kernel can have is produced without a container or root, in a user namespace. The answers of
others (AppArmor's, an older Debian's) are recorded, and given by our own unshare.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from callers import DOCKER, ROOT_ALONE, USER_ALONE, after, contained
from conftest import Run

from linger.lab import netns
from linger.lab.environment import outside
from linger.lab.programs import MAIN, program

CONTAINED = contained()
REFUSE = [sys.executable, str(Path(__file__).with_name("refuse.py"))]
NO_SETFCAP = contained(DOCKER.replace(",setfcap", ""))
MASKED = "mount --bind /proc/sys /proc/sys"
BOTH = ["systempaths=unconfined (Docker)", "unmask=ALL (Podman)"]
PRIVILEGED = "start the container with --privileged"


def limit(kind: str, number: int) -> str:
    return f"echo {number} > /proc/sys/user/max_{kind}_namespaces"


def scarce(kind: str) -> list[str]:
    return [f"no more {kind} namespaces", f"sysctl -w user.max_{kind}_namespaces=10000"]


@dataclass(frozen=True)
class Cause:
    """Who meets what, what the sandbox must say about it, and the same without the cause."""

    who: list[str]
    made: list[str]
    told: list[str]
    cured: list[str]


CAUSES = {
    "masked, user": Cause(USER_ALONE, after(MASKED), ["/proc is masked", *BOTH],
                          after(f"{MASKED}; umount /proc/sys")),
    "masked, container": Cause(ROOT_ALONE, [*after(MASKED), *CONTAINED],
                               ["/proc is masked", *BOTH, PRIVILEGED], CONTAINED),
    "user namespaces, user": Cause(USER_ALONE, after(limit("user", 0)), scarce("user"),
                                   after(f"{limit('user', 0)}; {limit('user', 10000)}")),
    "user namespaces, container": Cause(ROOT_ALONE, [*after(limit("user", 0)), *CONTAINED],
                                        scarce("user"), CONTAINED),
    "network namespaces, user": Cause(USER_ALONE, after(limit("net", 0)), scarce("net"), []),
    "network namespaces, root": Cause(ROOT_ALONE, after(limit("net", 0)), scarce("net"), []),
    "mount namespaces, container": Cause(ROOT_ALONE, [*after(limit("mnt", 0)), *CONTAINED],
                                         scarce("mnt"), CONTAINED),
    "pid namespaces, root": Cause(ROOT_ALONE, after(limit("pid", 0)), scarce("pid"), []),
    "setfcap": Cause(ROOT_ALONE, NO_SETFCAP, ["CAP_SETFCAP", "--cap-add SETFCAP"], CONTAINED),
    "filter, user": Cause(USER_ALONE, [*REFUSE, "always"], ["seccomp filter", *BOTH], []),
    "filter of flags, user": Cause(USER_ALONE, [*REFUSE, "namespaces"],
                                   ["seccomp filter", "RestrictNamespaces="], []),
    "filter, container": Cause(ROOT_ALONE, [*CONTAINED, *REFUSE, "always"],
                               ["seccomp filter", *BOTH, PRIVILEGED], CONTAINED),
    "filter, root": Cause(ROOT_ALONE, [*REFUSE, "namespaces"], ["seccomp filter"], []),
    "unknown, user": Cause(USER_ALONE, ["unshare", "--user"], ["does not map user 65534"],
                           ["unshare", "--user", "--map-current-user"]),
    "no /proc": Cause(USER_ALONE, after("mount -t tmpfs none /proc"), ["/proc is not mounted"], []),
}  # fmt: skip


def tried(words: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """The sandbox, behind these words."""
    command = [*words, str(program("sandbox")), "true"]
    return subprocess.run(command, env=outside(**environment), capture_output=True, text=True)


def refused(done: subprocess.CompletedProcess[str], told: list[str], root: bool) -> None:
    """Assert that it was refused in one sentence, which says this and nothing false."""
    assert done.returncode == 77, done.stderr
    assert done.stderr.count("\n") == 1, "one sentence"
    for words in told:
        assert words in done.stderr
    assert not root or "run as root" not in done.stderr, "root is not told to become root"


@pytest.mark.usefixtures("alone")  # a single /proc that is seen whole would do
@pytest.mark.parametrize("name", CAUSES)
def test_a_real_refusal_is_explained(name: str) -> None:
    cause = CAUSES[name]
    refused(tried([*cause.who, *cause.made]), cause.told, cause.who is ROOT_ALONE)


@pytest.mark.usefixtures("alone")  # a single /proc that is seen whole would do
@pytest.mark.parametrize("name", CAUSES)
def test_it_works_without_just_that_cause(name: str) -> None:
    done = tried([*CAUSES[name].who, *CAUSES[name].cured])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", netns.KINDS.values())
def test_one_too_many_is_explained(kind: str) -> None:
    """The sandbox may get its namespaces while a worker or a lab gets no more."""
    code = "from linger.lab import netns; [netns.unshare(number) for number in netns.KINDS]"
    words = [*USER_ALONE, *after(limit(kind, 0)), sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True)
    cause, remedy = scarce(kind)
    assert f"CannotRun: {cause}" in done.stderr and remedy in done.stderr


DENIED = "unshare: write failed /proc/self/uid_map: Operation not permitted"
FORBIDDEN = "unshare: unshare failed: Operation not permitted"
NO_MOUNT = "unshare: cannot change root filesystem propagation: Permission denied"
APPARMOR = "apparmor_restrict_unprivileged_userns"
# What is recorded, the sysctl that it comes with, and what must be said about it.
RECORDED = {
    "Ubuntu 24.04": (DENIED, f"{APPARMOR}=1", ["AppArmor", f"sysctl -w kernel.{APPARMOR}=0"]),
    "another module": (DENIED, f"{APPARMOR}=0", ["a security module denies user namespaces"]),
    "SELinux": ("unshare: unshare failed: Permission denied", "", ["a security module denies"]),
    "Debian 10": (FORBIDDEN, "unprivileged_userns_clone=0",
                  ["a sysctl forbids", "sysctl -w kernel.unprivileged_userns_clone=1"]),
    "Docker's AppArmor": (NO_MOUNT, "", ["forbids mounts", "apparmor=unconfined", *BOTH]),
    "no such folder": ("mount: /proc: mount point does not exist.", "", ["mkdir /proc"]),
    "anything else": ("unshare: unshare failed: Invalid argument", "", ["harness/sandbox/README.md"]),
}  # fmt: skip


@pytest.mark.parametrize("who", [ROOT_ALONE, USER_ALONE], ids=["root", "user"])
@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_refusal_is_explained(tmp_path: Path, name: str, who: list[str]) -> None:
    answer, sysctl, told = RECORDED[name]
    fake = tmp_path / "unshare"
    fake.write_text(f"#!/bin/sh\necho '{answer}' >&2\nexit 1\n")
    fake.chmod(0o755)
    script = "mount -t tmpfs none /proc/sys/kernel"
    if sysctl:
        script += "; echo {1} > /proc/sys/kernel/{0}".format(*sysctl.split("="))
    script += f"; PATH={tmp_path}:$PATH"
    refused(tried([*who, *after(script)]), [answer, *told], who is ROOT_ALONE)


def test_what_is_not_built_is_said(run: Run, tmp_path: Path) -> None:
    """A missing part of the sandbox is not a refusal by the machine."""
    sandbox = tmp_path / "sandbox"
    sandbox.write_bytes(program("sandbox").read_bytes())
    sandbox.chmod(0o755)
    done = subprocess.run([sandbox, "true"], env=outside(), capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (77, 1)
    assert "not built; run: make" in done.stderr


@pytest.mark.parametrize("command, part", [(["blame", "--", "true"], "blame"), (["explain", "--pid", "1"], "census")])
def test_a_program_that_is_not_built_is_no_bug(tmp_path: Path, command: list[str], part: str) -> None:
    words = [sys.executable, "-c", MAIN, *command]
    done = subprocess.run(words, env=outside(LINGER_BUILD=str(tmp_path)), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (77, f"linger: {tmp_path / part} is not built; run: make\n")
