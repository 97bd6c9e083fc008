"""Guests: other kernels under QEMU, with the linger that was built here.

The kernels, the root of all guests and what was found out about KVM stay in a cache. A guest gets linger
packed, runs one command there, and brings back what that left in /evidence.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from linger.lab.errors import CannotRun

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROBE = 10  # s: a KVM that has not booted by then will not do
STATUS = Path("/var/lib/dpkg/status")  # changes when packages do, of which the root is made


# What a guest is made with; the rest is on every Debian.
TOOLS = ["qemu-system-x86_64", "busybox", "depmod"]


class Refused(Exception):
    """There is no guest; the exit status, and a script has said why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def require() -> None:
    """Errors: CannotRun when this machine can have no guests."""
    if platform.machine() != "x86_64":
        raise CannotRun(f"guests are x86-64 machines, as this one ({platform.machine()}) would have to be")
    if not shutil.which("apt-cache"):
        raise CannotRun("this is not a Debian or Ubuntu system, of whose packages guests are made")
    if not os.path.realpath(sys.executable).startswith("/usr/bin/python3"):
        raise CannotRun(f"guests have Debian's Python, and linger runs on {sys.executable} here; "
                        "build it with LINGER_PYTHON=/usr/bin/python3")  # fmt: skip
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for tool in TOOLS:
        if not shutil.which(tool):
            raise CannotRun(f"{tool} is not installed; run: make deps-kernels")


class Kernel:
    """A kernel of Debian's in the cache."""

    def __init__(self, cache: Path, version: str) -> None:
        """Fetch the newest one of a version, if there is none. Errors: Refused."""
        self.folder = cache / version
        _script("archive", cache, version)
        package, number = (self.folder / "package").read_text().split()
        self.package = f"{package} {number}"
        self.number = number.partition("-")[0]  # "5.10.262"


class Guests:
    """All that a guest needs besides its kernel."""

    def __init__(self, cache: Path, probed: Kernel) -> None:
        """Make their root, if the one in the cache is older than what it is made of, and find out whether
        KVM works. probed: a kernel to try. Errors: Refused."""
        self.cache = cache
        self.root = cache / "root.cpio"
        made_of = [STATUS, HERE / "root", HERE / "guest", HERE.parent / "deps"]
        if not self.root.exists() or any(_age(path) > _age(self.root) for path in made_of):
            print("kernels: making the root of the guests", flush=True)
            _script("root", self.root)
        self.acceleration = self._accelerated(probed)

    def _accelerated(self, kernel: Kernel) -> str:
        """"kvm" or "tcg", found out once on each kernel of this machine."""
        known = self.cache / f"acceleration-{platform.release()}"
        if not known.exists():
            works = os.access("/dev/kvm", os.R_OK | os.W_OK) and self._try_kvm(kernel)
            known.write_text("kvm" if works else "tcg")
        return known.read_text()

    def _try_kvm(self, kernel: Kernel) -> bool:
        self.acceleration = "kvm"
        with tempfile.TemporaryDirectory(prefix=".probe-", dir=self.cache) as folder:
            return self.run(kernel, "true", Path(folder), PROBE, subprocess.DEVNULL) == 0

    @property
    def at_once(self) -> int:
        """How many guests the processors of this machine serve."""
        cores = os.cpu_count() or 1
        return cores if self.acceleration == "tcg" else max(1, cores // 2)

    def run(
        self, kernel: Kernel, command: str, folder: Path, limit: int, complaints: int | None = None
    ) -> int:
        """Run a shell command where linger lies, for so many seconds at most; what it left in /evidence
        is in the folder then, and console.log. complaints: where QEMU's go, by default to the caller.
        Returns the exit status (see boot)."""
        folder.mkdir(parents=True, exist_ok=True)
        packed = folder / "packed.tar"
        (folder / "command").write_text(command + "\n")
        pack(packed, folder / "command")
        words = [HERE / "boot", kernel.folder, self.root, folder]
        env = {**os.environ, "ACCEL": self.acceleration, "LIMIT": str(limit)}
        status = subprocess.run(["setpriv", "--pdeathsig", "TERM", *words], env=env, stderr=complaints).returncode
        packed.unlink()
        return status


def pack(file: Path, command: Path) -> None:
    """Pack what a guest needs of linger, and what it is to run."""
    built = ROOT / "build"
    with tarfile.open(file, "w") as tar:
        tar.add(command, "command")
        for name in ("harness/linger", "harness/VERSION", "harness/pytest.ini", "scenarios"):
            tar.add(ROOT / name, name, filter=_source)
        for name in ("servers", "clients"):
            tar.add(ROOT / name, name)
            tar.add(built / name, f"build/{name}")
        for path in built.iterdir():
            if path.name == "python" or path.is_file() and path.suffix != ".a":
                tar.add(path, f"build/{path.name}")


def _source(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in member.name else member


def _age(path: Path) -> float:
    return path.stat().st_mtime


def _script(name: str, *words: object) -> None:
    """Run one of the scripts beside this file. Errors: Refused."""
    sys.stdout.flush()
    status = subprocess.run([str(HERE / name), *map(str, words)]).returncode
    if status:
        raise Refused(status if status in (2, 77) else 70)
