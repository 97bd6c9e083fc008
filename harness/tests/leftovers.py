"""leftovers.py SIGNAL|itself|crash: start a run, end it, compare this host with its earlier state.

Needs its own host (`build/sandbox`), with the environment of test_cli.failing(). Ends with
status 1 and a sentence when anything is left. kill.py does the same at random moments.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from conftest import outlived, pidfds, started

from linger.lab.process import descendants
from linger.lab.programs import program

GROUPS = Path("/sys/fs/cgroup")
SETTLED = 1.0  # s that a group is old, so that its confine has locked it


def abandoned_groups(within: float = 5.0) -> set[str]:
    """The control groups that a confine left behind and that do not disappear within that many seconds.

    Those of a living confine are locked (sandbox/cgroup.c); other runs may be on this machine.
    """
    deadline = time.monotonic() + within
    while True:
        groups = [Path(folder) for folder, _, _ in os.walk(GROUPS)]  # some vanish meanwhile
        found = [path for path in groups if path.match("linger-confine-*") and not _is_locked(path)]
        if not found or time.monotonic() > deadline:
            return {path.name for path in found if _age(path) > SETTLED}
        time.sleep(0.1)  # the next look: its confine may be about to lock it, or to remove it


def _age(group: Path) -> float:
    return time.time() - int(group.name.rpartition("-")[2]) / 1e9


def _is_locked(group: Path) -> bool:
    """Whether a confine holds it, or it is gone; not yet known for a young one."""
    if _age(group) < SETTLED:
        return False
    try:
        fd = os.open(group, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class HostState:
    """What a run could leave behind or change in this host."""

    COMMANDS = ("ip netns", "ip -o link", "ip -o addr", "nft list ruleset", "ss -tanH")

    def __init__(self, *folders: Path) -> None:
        """folders: where no file may appear either."""
        self._folders = folders
        self._before, self._mounted = self._look(), self._mounts()

    def changes(self, within: float = 5.0) -> str:
        """What still differs after that many seconds; or ""."""
        deadline = time.monotonic() + within
        while (found := self._compare()) and time.monotonic() < deadline:
            time.sleep(0.01)  # the next look
        return found

    def _look(self) -> dict[str, str]:
        state = {
            command: subprocess.run(command.split(), capture_output=True, text=True).stdout
            for command in self.COMMANDS
        }
        state["processes"] = " ".join(sorted(path.name for path in Path("/proc").glob("[0-9]*")))
        for folder in self._folders:
            state[str(folder)] = " ".join(sorted(path.name for path in folder.iterdir()))
        for path in Path("/proc/sys/net").rglob("*"):
            try:
                state[str(path)] = path.read_text()
            except OSError:  # a directory, or write-only
                pass
        return state

    @staticmethod
    def _mounts() -> set[str]:
        return set(Path("/proc/self/mounts").read_text().splitlines())

    def _compare(self) -> str:
        before, after = self._before, self._look()
        names = [name for name in before | after if before.get(name) != after.get(name)]
        found = [f"{name}: {before.get(name)} -> {after.get(name)}" for name in names]
        # Not the other way round: what is unmounted outside this host disappears here too.
        found += [f"left mounted: {mount}" for mount in self._mounts() - self._mounted]
        return "\n".join(found)


def run_and_end(ending: str) -> str:
    """Run the planted scenario and end it as told; returns what is wrong, or ""."""
    words = [str(program("linger")), "run", "planted"]
    with started(words) as run:
        assert run.stdout
        if ending == "itself":
            run.stdout.read()
            return f"ended with {run.returncode}" if run.wait() else ""
        for line in run.stdout:
            if line.endswith("now\n"):
                break
        pids = descendants(run.pid)
        fds = pidfds(pids)
        if ending == "crash":  # of pytest itself: outer, process 1, then pytest
            number, victim = signal.SIGSEGV, pids[2]
        else:
            number, victim = signal.Signals[ending], run.pid
        os.kill(victim, number)
        run.stdout.read()
        status = run.wait()
        if left := outlived(fds):
            return f"{left} of {len(fds)} processes outlived the run"
        if len(pids) < 6:
            return f"only {len(pids)} processes ran: the test proves nothing"
        expected = -number if number in (signal.SIGKILL, signal.SIGSEGV) else 128 + number
        return f"ended with {status}, not {expected}" if status != expected else ""


if __name__ == "__main__":
    host = HostState()
    sys.exit(run_and_end(sys.argv[1]) or host.changes() or 0)
