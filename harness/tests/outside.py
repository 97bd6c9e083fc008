"""What attacker.py aims at: everything of the caller's outside the cage."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pty
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Collection, Iterator, Sequence

from linger.lab.environment import outside
from linger.lab.events import parse_event

HERE = Path(__file__).parent
MODULES = ("attack_calls", "attack_limits", "attack_setuid", "attacker")
ATTACKER = (HERE / "attacker.py").read_text()


def _loader() -> str:
    """The attacker with its modules as a text for python -c: a closed cage shows no file."""
    texts = {name: (HERE / f"{name}.py").read_text() for name in MODULES}
    return f"""import sys, types
for name, text in {texts!r}.items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
"""


LOADER = _loader()
SECRET = "the caller's secret"
KEYCTL_JOIN, SESSION_KEYRING = 1, -3
USER = 1000  # an ordinary user, where the tests run as root
ADD_KEY, KEYCTL = (248, 250) if os.uname().machine == "x86_64" else (217, 219)
libc = ctypes.CDLL(None, use_errno=True)


class Outside:
    """Folders, sockets, a terminal and a process of the caller's; a context manager."""

    def __init__(self, folder: Path, uid: int, netns: Path = Path("/nowhere")) -> None:
        """folder: an empty one; uid: their owner; netns: the file of another host."""
        self.uid = uid
        self.folder = folder
        self.evidence, self.mine = folder / "results" / "run", folder / "mine"
        self.output = folder / "output"
        self._netns = netns
        self._cgroup = Path("/nowhere")
        self._stack = contextlib.ExitStack()
        self.asked = 0  # times, to signal the witness

    def __enter__(self) -> Outside:
        with self._stack:
            self._furnish()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def _furnish(self) -> None:
        self._stack.callback(self.trace.unlink, missing_ok=True)
        for path in (self.folder, self.evidence, self.mine):
            path.mkdir(parents=True, exist_ok=True)
        (self.evidence / "kept").write_text("evidence")
        (self.mine / "secret").write_text(SECRET)
        (self.mine / "secret").chmod(0o600)
        os.mkfifo(self.folder / "fifo", 0o600)
        self.output.write_text("of the caller's\n")
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, self.uid, self.uid)
        fifo = os.open(self.folder / "fifo", os.O_RDWR | os.O_NONBLOCK)  # so that each end can be opened
        self._stack.callback(os.close, fifo)
        self.witness = self._stack.enter_context(self._process(["sleep", "1000"]))
        self._stack.callback(self.witness.kill)
        self.terminal, self._slave = pty.openpty()
        os.fchown(self._slave, self.uid, self.uid)
        self._stack.callback(os.close, self.terminal)
        self._stack.callback(os.close, self._slave)
        self._listen()
        self._mount_proc()
        self._delegate()

    def _mount_proc(self) -> None:
        """A second procfs, as a chroot has, where the witness is seen."""
        place = self.folder / "proc"
        place.mkdir()
        subprocess.run(["mount", "-n", "-t", "proc", "proc", place], check=True)
        self._stack.callback(subprocess.run, ["umount", "-n", "-l", place], check=True)

    def _delegate(self) -> None:
        """A control group of the caller's own, if there is a writable hierarchy."""
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        for words in map(str.split, reversed(mounts)):  # the unified hierarchy is the last
            folder = Path(words[4], f"linger-test-{self.folder.parent.name}-{self.folder.name}")
            if not words[words.index("-") + 1].startswith("cgroup"):
                continue
            with contextlib.suppress(OSError):
                folder.mkdir()
                self._cgroup = folder
                self._stack.callback(folder.rmdir)
                for path in (folder, folder / "cgroup.procs"):
                    os.chown(path, self.uid, self.uid)
                return

    def _process(self, words: Sequence[str]) -> subprocess.Popen[str]:
        return subprocess.Popen([*self.become(), *words])

    def become(self) -> list[str]:
        """The words before a command that an ordinary user starts."""
        if self.uid == os.getuid():
            return []
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups",
                "--inh-caps=-all", "--ambient-caps=-all", "--"]  # fmt: skip

    def _listen(self) -> None:
        names = (str(self.folder / "socket"), f"\0{self.name}")
        for kind, suffix in ((socket.SOCK_STREAM, ""), (socket.SOCK_DGRAM, "-datagram")):
            for name in names:
                made = self._stack.enter_context(socket.socket(socket.AF_UNIX, kind))
                made.bind(name + suffix)
                if not name.startswith("\0"):
                    os.chown(name + suffix, self.uid, self.uid)
                if kind == socket.SOCK_STREAM:
                    made.listen()
                    threading.Thread(target=self._serve, args=(made,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        """Do what anybody asks, like a terminal multiplexer or a service manager."""
        with contextlib.suppress(OSError):
            while True:
                asker = listener.accept()[0]
                asker.settimeout(5)
                with asker, contextlib.suppress(OSError):
                    if asker.recv(99) == b"signal\n":
                        self.witness.send_signal(0)
                        self.asked += 1
                        asker.sendall(b"done\n")

    @property
    def name(self) -> str:
        """A unique name, for its abstract sockets and what the attacker leaves."""
        return f"{self.folder.parent.name}-{self.folder.name}"

    @property
    def trace(self) -> Path:
        """What the attacker leaves, if its /tmp is ours."""
        return Path("/tmp", self.name)

    def facts(self, **more: object) -> dict[str, Any]:
        """The facts for the attacker."""
        return {
            "witness": self.witness.pid,
            "evidence": str(self.evidence),
            "mine": str(self.mine),
            "netns": str(self._netns),
            "socket": str(self.folder / "socket"),
            "datagram": str(self.folder / "socket-datagram"),
            "abstract": self.name,
            "fifo": str(self.folder / "fifo"),
            "terminal": os.ttyname(self._slave),
            "inherited": 9,
            "proc": str(self.folder / "proc"),
            "cgroup": str(self._cgroup),
            "key": "linger-secret",
            **more,
        }

    @contextlib.contextmanager
    def streams(self) -> Iterator[tuple[int, int]]:
        """A directory for standard input, a file for standard output."""
        given = os.open(self.mine, os.O_RDONLY)
        taken = os.open(self.output, os.O_RDWR | os.O_APPEND)
        try:
            yield given, taken
        finally:
            os.close(given), os.close(taken)

    def _before_exec(self) -> None:
        """In the new process: a session keyring with a key, a directory that is left open."""
        libc.syscall(KEYCTL, KEYCTL_JOIN, None)
        libc.syscall(ADD_KEY, b"user", b"linger-secret", b"secret", 6, SESSION_KEYRING)
        os.dup2(os.open(self.mine, os.O_RDONLY), 9)

    def command(self, rows: Collection[str]) -> list[str]:
        """The attacker as a command, which tries these rows."""
        shell = ["sh", "-c", 'exec "$@" 7<&0 </dev/null', "sh"]
        facts = json.dumps(self.facts(rows=list(rows)))
        return [*shell, sys.executable, "-c", LOADER, facts]

    def run(self, words: Sequence[object], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command as its user, with everything that could lead it out."""
        with self.streams() as (given, taken):
            return subprocess.run(
                [*self.become(), *map(str, words)], stdin=given, stdout=taken, stderr=subprocess.PIPE,
                text=True, cwd="/", close_fds=False, preexec_fn=self._before_exec, timeout=180,
                env=outside(LINGER_TEST_SECRET="1"), **options,
            )  # fmt: skip


def outcomes(output: str) -> dict[str, str]:
    """What the attacker printed: the outcome of each way. Empty unless it ran to its end."""
    events = [event for line in output.splitlines() if (event := parse_event(line))]
    if not any(event["ev"] == "ready" for event in events):
        return {}
    return {event["way"]: event["outcome"] for event in events if "way" in event}
