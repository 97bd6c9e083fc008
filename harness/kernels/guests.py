"""Guests: other kernels under QEMU, with the linger built here.

The kernels, the guests' common root and whether KVM works stay in a cache. A guest gets a packed linger, runs
one command, and brings back what that left in /evidence.
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
PROBE = 10  # s: a KVM that has not booted by then is not used
STATUS = Path("/var/lib/dpkg/status")  # changes with the packages that the root is made of


# The tools that make a guest; every Debian has the others.
TOOLS = ["qemu-system-x86_64", "busybox", "depmod"]


class Refused(Exception):
    """No guest could be made. A script has said why; this has its exit status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def require() -> None:
    """Errors: CannotRun when this machine cannot run guests."""
    if platform.machine() != "x86_64":
        raise CannotRun(f"guests are x86-64 machines, but this one is {platform.machine()}")
    if not shutil.which("apt-cache"):
        raise CannotRun("guests are made of Debian or Ubuntu packages, which this system does not have")
    if not os.path.realpath(sys.executable).startswith("/usr/bin/python3"):
        raise CannotRun(f"guests have Debian's Python, but linger runs on {sys.executable} here; "
                        "build it with LINGER_PYTHON=/usr/bin/python3")  # fmt: skip
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for tool in TOOLS:
        if not shutil.which(tool):
            raise CannotRun(f"{tool} is not installed; run: make deps-kernels")


class Kernel:
    """One of Debian's kernels in the cache."""

    def __init__(self, cache: Path, version: str) -> None:
        """Fetch the newest one of a version, if the cache has none. Errors: Refused."""
        self.folder = cache / version
        _script("archive", cache, version)
        package, number = (self.folder / "package").read_text().split()
        self.package = f"{package} {number}"
        self.number = number.partition("-")[0]  # "5.10.262"


class Guests:
    """Everything that a guest needs besides its kernel."""

    def __init__(self, cache: Path, probed: Kernel) -> None:
        """Make their root, unless the one in the cache is up to date, and find out whether KVM works. probed:
        a kernel to try. Errors: Refused."""
        self.cache = cache
        self.root = cache / "root.cpio"
        made_of = [STATUS, HERE / "root", HERE / "guest", HERE.parent / "deps"]
        if not self.root.exists() or any(_age(path) > _age(self.root) for path in made_of):
            print("kernels: making the root of the guests", flush=True)
            _script("root", self.root)
        self.acceleration = self._accelerated(probed)

    def _accelerated(self, kernel: Kernel) -> str:
        """"kvm" or "tcg", determined once for each kernel of this machine."""
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
        """How many guests this machine's processors can run at once."""
        cores = os.cpu_count() or 1
        return cores if self.acceleration == "tcg" else max(1, cores // 2)

    def run(
        self, kernel: Kernel, command: str, folder: Path, limit: int, complaints: int | None = None
    ) -> int:
        """Run a shell command in linger's folder, for at most limit seconds; what it left in /evidence, and
        console.log, are then in the folder. complaints: where QEMU's go, by default to the caller. Returns
        the exit status (see boot)."""
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
    """Pack what a guest needs of linger, and the command to run."""
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
