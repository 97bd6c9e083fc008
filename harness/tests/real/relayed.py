"""Real programs of many protocols under `linger check-client --with`: each must get its known verdicts.

    make test-clients                         every one, all faults, three times with the same verdicts
    make test-clients RUNS=1 ARGS='-k redis'

Not part of `make test`: it takes minutes and needs what harness/tests/real/fetch unpacks. The programs,
their servers and the verdicts are a table, relayed/programs.toml.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from string import Template
from typing import Any, Collection, Iterator

import pytest
from clients import CHECK, PYTHON, RUNS, UNPACKED, environment
from conftest import Run

from linger.check.finding import CHOICE, NOT_TESTED, PASS
from linger.lab.programs import program
from linger.run import toml

HERE = Path(__file__).with_name("relayed")
TABLE: dict[str, Any] = toml.read(HERE / "programs.toml")
NOBODY = 65534
ROOT = os.getuid() == 0
LIBRARIES = Path(environment()["LD_LIBRARY_PATH"].partition(":")[0])
ENDS = dict.fromkeys(("recover-fin", "recover-rst", "recover-restart"), NOT_TESTED)  # of one that ends
MOST_SECONDS = 180.0  # of a program, with all faults
SSH = """Host *
IdentityFile {folder}/key
IdentitiesOnly yes
StrictHostKeyChecking no
UserKnownHostsFile /dev/null
"""


def installed(path: str) -> Path:
    """A file or folder of the system or, if it is missing there, of what was unpacked."""
    return Path("/", path) if Path("/", path).exists() else UNPACKED / path


def jars() -> str:
    names = ("HikariCP", "postgresql", "mariadb-java-client", "slf4j-api", "slf4j-nop")
    return ":".join([str(program("real")), *(str(installed(f"usr/share/java/{name}.jar")) for name in names)])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A working folder that servers without root's rights can also use."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "ssh").write_text(SSH.format(folder=folder))
    for parent in (folder, *folder.parents)[:-2]:
        if ROOT:
            parent.chmod(parent.stat().st_mode | 0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def places(folder: Path) -> dict[str, str]:
    nobody = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --"
    return {
        "root": str(UNPACKED), "here": str(HERE), "build": str(program("real")), "folder": str(folder),
        "python": PYTHON, "as": nobody if ROOT else "", "jars": jars(),
        "uid": str(NOBODY if ROOT else os.getuid()), "gid": str(NOBODY if ROOT else os.getgid()),
        "postgres": str(installed("usr/lib/postgresql/15/bin")), "modules": str(installed("usr/lib/lighttpd")),
        "mysql": str(installed("usr/share/mysql").parents[1]),
        "wrapper": str(installed(str((LIBRARIES / "libnss_wrapper.so").relative_to(UNPACKED)))),
    }  # fmt: skip


def prepared(server: dict[str, Any], folder: Path) -> str:
    """Make what a server needs; returns the command that starts it."""
    filled = places(folder)
    steps = [TABLE["server"][server["from"]]["prepare"]] if "from" in server else []
    for step in [*steps, server.get("prepare", "")]:
        if ROOT:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)
        words = ["sh", "-euc", Template(step).safe_substitute(filled)]
        done = subprocess.run(words, cwd=folder, env=settings(folder), capture_output=True, text=True)
        log = folder / "log"
        assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")
    if ROOT:
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)
    return Template(server["with"]).safe_substitute(filled)


def settings(folder: Path) -> dict[str, str]:
    return {
        **environment(), "PATH": f"{environment()['PATH']}:/usr/sbin:{UNPACKED}/usr/sbin",
        "PGPASSWORD": "secret", "NODE_PATH": str(program("real") / "npm/node_modules"),
        "GIT_SSH_COMMAND": f"ssh -q -F {folder}/ssh", "GIT_CONFIG_COUNT": "1", "HOME": str(folder),
        "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*", "GIT_TERMINAL_PROMPT": "0",
    }  # fmt: skip


@pytest.mark.parametrize("name", TABLE["program"])
def test_a_real_program(run: Run, tmp_path: Path, folder: Path, name: str) -> None:
    entry = TABLE["program"][name]
    backend = prepared(TABLE["server"][entry["server"]], folder)
    command = [Template(word).safe_substitute(places(folder)) for word in entry["command"]]
    runs = []
    for number in range(RUNS):
        results = Path(os.environ["LINGER_RUN"]) / "real" / name.replace(" ", "-") / str(number + 1)
        options = ["--with", backend, "--json", tmp_path / "out.json", "--results", results, *CHECK]
        options += ["--verify", entry["verify"]] if "verify" in entry else []
        done = run("linger", "check-client", *options, "--", *command, env=settings(folder), cwd=folder,
                   timeout=600)  # fmt: skip
        assert done.returncode in (0, 1), done.stdout + done.stderr
        print(done.stdout)
        found = json.loads((tmp_path / "out.json").read_text())["results"]
        runs.append({one["id"]: one["verdict"] for one in found})
    for one in runs:
        assert remarkable(one) == known(entry, one)
        assert one == runs[0]


def remarkable(found: dict[str, str]) -> dict[str, str]:
    """The verdicts that must be known: a check that could not test is none that passed."""
    return {id: verdict for id, verdict in found.items() if verdict not in (PASS, CHOICE)}


def known(entry: dict[str, Any], ids: Collection[str]) -> dict[str, str]:
    """What the table says of a program, of the checks that were run."""
    verdicts = ({} if entry.get("lasts") else ENDS) | entry["known"]
    return {id: verdict for id, verdict in verdicts.items() if id in ids}


def test_an_unexpected_na_is_told() -> None:
    ends, lasts = {"known": {}}, {"known": {}, "lasts": True}
    found = {"recover-fin": NOT_TESTED, "recover-refuse": PASS}
    assert remarkable(found) == known(ends, found) != known(lasts, found)
    assert remarkable(found | {"recover-refuse": NOT_TESTED}) != known(ends, found)


def test_there_are_enough_of_them() -> None:
    """At least 20 programs and 10 protocols; a shared one does not count twice."""
    same = {"git-dumb": "git-http"}
    used = {same.get(entry["server"], entry["server"]) for entry in TABLE["program"].values()}
    assert len(TABLE["program"]) >= 20 and len(used) >= 10
