"""A machine for a test: with Pythons that it makes, and an apt-get that only records what it is asked for and
gives /usr/bin/python3 the modules. Nothing is installed.

Each Python is a venv without pip; .pth files name its folders of empty modules.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import Run

from linger.lab.environment import OF_PYTHON, outside
from linger.lab.programs import ROOT

PYTHON = ROOT / "harness" / "python"
LISTED = re.findall(r'^modules="(.*)"', PYTHON.read_text(), re.MULTILINE)[0].split()
MODULES = {name: module for module, _, name in (word.partition("=") for word in LISTED)}
HIDDEN = "import sys; sys.modules.update(dict.fromkeys({!r}))\n"  # a .pth file can do that too
LIBRARY = Path("lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
APT_GET = """#!/bin/sh
echo "$*" >>{folder}/asked
[ "$1" = install ] || exit 0
for word; do
	case $word in
	python3) mount --bind {folder}/system.sh {system} ;;
	python3-*) echo {folder}/modules/${{word#python3-}} >{library}/${{word#python3-}}.pth ;;
	esac
done
"""
# What this test was started with, and must not pass on.
OURS = (*OF_PYTHON, "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD", "LINGER_PYTHON")
SYSTEM = Path("/usr/bin/python3")


def all_but(folder: Path, *names: str) -> None:
    """Fill a folder with what PATH has on Debian, except these programs and what is already there."""
    there = {*names, *os.listdir(folder)}
    found = {path.name: path for where in ("/usr/sbin", "/usr/bin") for path in Path(where).iterdir()}
    wanted = [str(path) for name, path in found.items() if name not in there]
    if wanted:
        subprocess.run(["ln", "-s", "-t", str(folder), *wanted], check=True)


class Machine:
    """The machine; of the modules that linger needs, /usr/bin/python3 has only tomllib."""

    def __init__(self, folder: Path, run: Run) -> None:
        """folder: an empty one for all of it; run: the fixture."""
        self.folder = folder
        self.build = folder / "build"
        self._run = run
        for name, module in MODULES.items():
            self._write(f"modules/{name}/{module.replace('tomllib', 'tomli')}/__init__.py", "")
        shutil.copy(os.path.realpath(sys.executable), folder / "python")  # /usr/bin's gets hidden
        system = self.python("system", "tomli")
        library = folder / "system" / LIBRARY
        (library / "name.pth").write_text(f"import sys; sys.executable = {str(SYSTEM)!r}\n")
        self.command("system.sh", f'exec {system} "$@"')
        self.command("tools/apt-get", APT_GET.format(folder=folder, library=library, system=SYSTEM))
        self.command("tools/sudo", 'exec "$@"')

    def python(self, folder: str, *names: str) -> Path:
        """Make a Python that has the modules of these names on PyPI; returns its path."""
        base = Path(os.path.realpath(sys.executable)).parent
        alone = "include-system-site-packages = false"
        self._write(f"{folder}/pyvenv.cfg", f"home = {base}\n{alone}\n")
        for name in names:
            self._write(f"{folder}/{LIBRARY}/{name}.pth", str(self.folder / "modules" / name))
        if "tomli" not in names:
            self.hide(folder, "tomllib", "tomli", until="tomli")
        python = self.folder / folder / "bin/python3"
        python.parent.mkdir()
        python.symlink_to(self.folder / "python")
        return python

    def hide(self, folder: str, *modules: str, until: str = "hidden") -> None:
        """Let the Python in a folder lack modules until a package of this PyPI name is installed."""
        self._write(f"{folder}/{LIBRARY}/{until}.pth", HIDDEN.format(modules))

    def command(self, name: str, script: str) -> Path:
        """Make a program of a shell script; returns its path."""
        path = self._write(name, script if script.startswith("#!") else f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def _write(self, name: str | Path, content: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def run(
        self, *words: object, first: Path | None = None, before: str = "true", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there, in the project's folder.

        first: the Python that comes first on PATH; before: a shell command, run as on the machine.
        """
        path = [str(self.folder / "tools"), os.environ["PATH"]]
        path[1:1] = [str(first.parent)] if first else []
        theirs = {name: value for name, value in outside().items() if name not in OURS}
        env = {**theirs, "PATH": os.pathsep.join(path), **environment}
        script = f'mount --bind {self.folder}/system.sh {SYSTEM} && {before} && exec "$@"'
        return self._run("sandbox", "sh", "-c", script, "sh", *words, env=env, cwd=ROOT)

    def make_deps(self, **options: object) -> subprocess.CompletedProcess[str]:
        return self.run(ROOT / "harness/deps", **options)

    def make_linger(self, **options: object) -> subprocess.CompletedProcess[str]:
        return self.run("make", f"BUILD={self.build}", self.build / "linger", **options)

    def linked(self) -> Path:
        """The Python that the build chose."""
        return Path(os.readlink(self.build / "python"))

    def asked(self) -> list[str]:
        """The packages that apt-get was asked to install, request by request."""
        path = self.folder / "asked"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.partition("recommends ")[2] for line in lines if line.startswith("install")]
