"""Evidence on disk: the directory of a run and the files in it (results/README.md)."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping

from linger.lab import host, netns
from linger.lab.errors import Usage
from linger.lab.files import MOST_EVIDENCE, read_regular, unwritable, write_json
from linger.lab.programs import INSTALLED, ROOT

SCHEMA = 2  # of result.json; 2: failures as objects, `subject`, the verdict `reproduced`
ENVIRONMENT = 1  # of environment.json
COMMIT = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]  # asks for ours
if INSTALLED or (ROOT / "harness/COMMIT").exists():  # no clone: git would find another's, if any
    COMMIT = ["cat", str(ROOT / "harness/COMMIT")]
TOLD = "LINGER_COMMIT"  # folder:commit, from a run of tests to the runs within it


def folder_mode() -> int:
    """The mode of a folder for evidence, before the umask: with SHARE=1 any user may read it."""
    return 0o777 if os.environ.get("LINGER_SHARE") else 0o700


def create_run(results: Path) -> Path:
    """Create the directory of a new run in the folder results, and point `latest` to it.

    The name is the time to the second; of two runs in the same second the later gets a suffix, because
    mkdir(2) gives each name only once. Other users may not read it, unless the caller allows it: a program
    could print what they must not see. Errors: CannotRun when the folder cannot be written.
    """
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S")
    try:
        results.mkdir(parents=True, exist_ok=True)
        for suffix in ("", *(f".{n}" for n in range(2, 1000))):
            run = results / (stamp + suffix)
            try:
                run.mkdir(mode=folder_mode())
                break
            except FileExistsError:
                continue
        link = run / ".latest"  # it stays in there, whatever happens before the next line
        link.symlink_to(run.name)
        link.replace(results / "latest")  # atomic: readers see the old run or the new one
    except OSError as error:
        with contextlib.suppress(OSError, UnboundLocalError):
            link.unlink(missing_ok=True)
            run.rmdir()
        raise unwritable(f"results to {results}", error) from error
    return run


def begin(folder: Path) -> Path:
    """Create the directory of a new run in a folder, and announce it to every process."""
    run = create_run(folder.absolute())
    os.environ["LINGER_RUN"] = str(run)
    return run


def find_run(results: Path, name: str | None = None) -> Path:
    """The directory of a run: a path, or a name in the folder results; the newest by default.

    Errors: Usage when there is none.
    """
    places = [Path(name), results / name] if name else [results / "latest"]
    for place in places:
        if any((place / file).exists() for file in ("environment.json", "junit.xml")):
            return place.resolve()
        if next(place.glob("*/*/**/result.json"), None):  # the run was ended before it could write more
            return place.resolve()
    if name:
        raise Usage(f"no run {name!r}, neither as a directory nor in {results}")
    raise Usage(f"no run in {results} yet; `linger run` makes one")


# Verdicts of a variant that behaved as predicted; for a buggy one that is "reproduced".
GOOD = ("reproduced", "pass", "told apart")


def read_result(path: Path) -> dict[str, Any]:
    """A result.json. Errors: OSError; ValueError when it was never finished; Usage when another
    version of linger wrote it."""
    result = json.loads(read_regular(path, MOST_EVIDENCE))
    if result["schema"] != SCHEMA:
        raise Usage(
            f"{shortest(path)} has schema {result['schema']}, but this linger reads {SCHEMA}; "
            "run the scenario again"
        )
    return result


def read_results(run: Path) -> Iterator[dict[str, Any]]:
    """Every result.json of a run, in the order of their paths. Errors: as read_result()."""
    for path in sorted(run.glob("*/*/**/result.json")):
        yield read_result(path)


def shortest(path: Path) -> str:
    """A path as the caller would type it: relative if it is below the working directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def labels(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The name of each row; a repeated measurement on a host is marked: "TIME_WAIT, then"."""
    used: set[tuple[str, str]] = set()
    found = []
    for row in rows:
        name = row["name"]
        while (row["subject"], name) in used:
            name += ", then"
        used.add((row["subject"], name))
        found.append(name)
    return found


def linux(release: str, built: str = "") -> str:
    """The version of a kernel without what its builder adds: "5.10.262".

    built: uname -v, where Debian gives the version: the release 5.10.0-46-amd64 stands for many.
    """
    debian = re.search(r"\bDebian (\d[\d.]*\d)", built)
    return debian[1] if debian else re.match(r"[\d.]*", release)[0].rstrip(".") or release  # type: ignore[index]


def tell_commit() -> None:
    """Tell the runs within this one the commit: git takes longer to find it than Python takes to start."""
    with contextlib.suppress(OSError):  # no git: they find nothing either
        asked = subprocess.run(COMMIT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        os.environ[TOLD] = f"{ROOT}:{asked.stdout.strip()}"


def _told_commit() -> dict[str, str | None]:
    """The commit of this folder, if an outer run told it: a test may run another clone."""
    folder, _, commit = os.environ.get(TOLD, "").rpartition(":")
    return {"commit": commit or None} if folder == str(ROOT) else {}


class Environment:
    """What a run ran on. The versions are requested at the start and read at the end."""

    COMMANDS = {
        "iproute2": ["ip", "-V"],
        "util-linux": ["unshare", "--version"],
        "commit": COMMIT,
    }

    def __init__(self) -> None:
        self._date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._told = _told_commit()
        self._asked = {name: self._ask(command) for name, command in self.COMMANDS.items()
                       if name not in self._told}  # fmt: skip

    @staticmethod
    def _ask(command: list[str]) -> subprocess.Popen[str] | None:
        try:
            return subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        except OSError:
            return None

    def write(self, run: Path) -> None:
        """Write environment.json; unknown values are null."""
        import _pytest  # knows the version, without importing the rest of pytest

        answers = {
            name: asked.communicate()[0].strip() or None if asked else None
            for name, asked in self._asked.items()
        }
        write_json(
            run / "environment.json",
            {
                "schema": ENVIRONMENT,
                "date": self._date,
                "kernel": platform.release(),
                "linux": linux(platform.release(), platform.version()),
                "machine": platform.machine(),
                "cores": os.cpu_count(),
                "uid": os.getuid(),
                "python": platform.python_version(),
                "pytest": _pytest.__version__,
                **answers,
                **self._told,
                "arguments": sys.argv[1:],
                "sysctls": netns.read_sysctls(host.SYSCTLS),
            },
        )
