"""The sandbox: a private world that passes on results and leaves nothing behind."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Iterator

import pytest
from callers import STRANGER, callers
from conftest import Run, outlived, pidfds, started

from linger.lab.environment import outside
from linger.lab.process import descendants
from linger.lab.programs import program

AS = callers()
as_users = pytest.mark.parametrize("prefix", AS.values(), ids=AS.keys())


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A copy of the sandbox that every user can reach, and to which every user can write."""
    with tempfile.TemporaryDirectory(prefix="linger-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        for part in ("sandbox", "sandbox-init", "sandbox-user", "sandbox-refusals", "start"):
            shutil.copy(program(part), folder)
        yield folder


def sandboxed(prefix: list[str], folder: Path, *command: str) -> list[str]:
    """The words that run a command in a sandbox as another user.

    It starts in the folder, because another user may not be allowed into ours (/root).
    """
    return ["env", f"--chdir={folder}", *prefix, str(folder / "sandbox"), *command]


@as_users
@pytest.mark.parametrize("status", [0, 1, 7, 77])
def test_exit_status_passes_through(prefix: list[str], folder: Path, status: int) -> None:
    done = subprocess.run(sandboxed(prefix, folder, "sh", "-c", f"exit {status}"), env=outside())
    assert done.returncode == status


@as_users
def test_death_by_signal_passes_through(prefix: list[str], folder: Path) -> None:
    done = subprocess.run(sandboxed(prefix, folder, "sh", "-c", "kill -USR1 $$"), env=outside())
    assert done.returncode == -signal.SIGUSR1


@as_users
def test_its_socket_table_is_its_own(prefix: list[str], folder: Path) -> None:
    words = sandboxed(prefix, folder, "cat", "/proc/sys/net/ipv4/tcp_ehash_entries")
    assert subprocess.run(words, env=outside(), capture_output=True, text=True).stdout == "4096\n"


def test_no_namespace_but_its_own_changes() -> None:
    """Not even that of a caller who forgot `unshare --net`."""
    script = 'unshare --mount --pid -- "$1" true && cat /proc/sys/net/ipv4/tcp_child_ehash_entries'
    words = ["unshare", "--net", "sh", "-c", script, "sh", str(program("sandbox-init"))]
    assert subprocess.run(words, env=outside(), capture_output=True, text=True).stdout == "0\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_death_by_signal_is_reported_where_it_cannot_be_passed_on(number: signal.Signals) -> None:
    """As process 1, which a container starts, the outer end cannot kill itself with a signal."""
    command = ["unshare", "--pid", "--fork", "--mount-proc", str(program("sandbox"))]
    command += ["sh", "-c", f"kill -{number.name[3:]} $$"]
    assert subprocess.run(command, env=outside()).returncode == 128 + number


@as_users
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_reaches_the_command(
    prefix: list[str], folder: Path, number: signal.Signals
) -> None:
    script = f"trap 'echo caught; exit 5' {number.name[3:]}; echo ready; sleep 60 & wait"
    command = sandboxed(prefix, folder, "sh", "-c", script)
    with started(command) as outer:
        assert outer.stdout and outer.stdout.readline() == "ready\n"
        outer.send_signal(number)
        assert outer.wait(10) == 5
        assert outer.stdout.read() == "caught\n"


def test_a_closed_terminal_ends_the_command(tmp_path: Path) -> None:
    """As under `ssh -t` and `xterm -e`: the sandbox itself leads the session."""
    script = f"trap 'exit 5' HUP; echo $$ > {tmp_path}/ready; sleep 60 & wait"
    terminal, theirs = pty.openpty()
    outer = subprocess.Popen(
        ["setsid", "--ctty", str(program("sandbox")), "sh", "-c", script],
        stdin=theirs, stdout=theirs, stderr=theirs, env=outside(),
    )  # fmt: skip
    os.close(theirs)
    with outer:
        try:
            while not (tmp_path / "ready").exists():
                assert outer.poll() is None
                time.sleep(0.005)  # the next look
            os.close(terminal)
            assert outer.wait(10) == 5
        finally:
            outer.kill()


@as_users
def test_everything_works_without_root(prefix: list[str], folder: Path) -> None:
    script = """
        ip netns add a && ip netns add b &&
        ip link add eth0 netns a type veth peer eth0 netns b &&
        ip netns exec a nft add table ip t &&
        ip netns exec a sh -c 'echo 3 > /proc/sys/net/ipv4/tcp_fin_timeout' &&
        ip netns exec a ss -K dport 1 && ip netns"""
    done = subprocess.run(
        sandboxed(prefix, folder, "sh", "-c", script), env=outside(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "a" in done.stdout.split() and "b" in done.stdout.split()


def test_uid_stays_and_files_belong_to_the_caller(folder: Path) -> None:
    file = folder / "written"
    done = subprocess.run(
        sandboxed(AS.get("ordinary user", []), folder, "sh", "-c", f"id -u; echo > {file}"),
        env=outside(), capture_output=True, text=True,
    )  # fmt: skip
    owner = STRANGER if "ordinary user" in AS else os.getuid()
    assert done.stdout == f"{owner}\n", done.stderr
    assert file.stat().st_uid == owner


@pytest.mark.parametrize("name", [name for name in AS if "container" in name])
def test_root_of_a_container_still_knows_others(name: str, folder: Path) -> None:
    """Every user who was mapped, so that a server can change its user: no fewer, and nobody else."""
    words = ["cat", "/proc/self/uid_map", "/proc/self/gid_map"]
    maps = [
        subprocess.run(command, env=outside(), capture_output=True, text=True, check=True)
        for command in ([*AS[name], *words], sandboxed(AS[name], folder, *words))
    ]
    known, inside = ([line.split()[::2] for line in done.stdout.splitlines()] for done in maps)
    assert inside == known
    last = sum(map(int, known[-1])) - 1
    become = ["setpriv", f"--reuid={last}", f"--regid={last}", "--keep-groups", "true"]
    subprocess.run(sandboxed(AS[name], folder, *become), env=outside(), check=True)


@pytest.mark.parametrize("name", [name for name in AS if "container" in name])
def test_a_scenario_runs_in_a_container(name: str, tmp_path: Path) -> None:
    words = [str(program("linger")), "run", "closewait-leak", "--results", str(tmp_path)]
    done = subprocess.run([*AS[name], *words], env=outside(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed, 0 failed" in done.stdout


@as_users
def test_sigkill_takes_everything_down(prefix: list[str], folder: Path) -> None:
    daemon = "trap '' TERM INT HUP; echo ready; exec sleep 1000"
    script = f'setsid sh -c "{daemon}" & ip netns add left-behind; echo ready; exec sleep 1000'
    command = sandboxed(prefix, folder, "sh", "-c", script)
    with started(command) as outer:
        assert outer.stdout
        assert [outer.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
        pids = descendants(outer.pid)
        assert len(pids) == 4  # outer, process 1, the command, and its daemon
        fds = pidfds(pids)
        outer.kill()
        assert outlived(fds) == 0
    listed = subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout
    assert "left-behind" not in listed


def test_nothing_to_run_is_wrong_usage(run: Run) -> None:
    done = run("sandbox")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
