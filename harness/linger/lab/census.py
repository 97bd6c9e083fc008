"""The census for Python: awaits one expression, or counts once (samples.py has the one that goes on).

build/census (harness/census) does the counting, one process for each question.
"""

from __future__ import annotations

import json
import operator
import re
import subprocess
from pathlib import Path
from typing import Any, Iterable, Mapping

from linger.lab.errors import Broken, CannotRun, Usage
from linger.lab.foreign import read_json
from linger.lab.programs import program

Expected = Mapping[str, "int | str"]
STATES = (
    "ESTABLISHED SYN_SENT SYN_RECEIVED FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSED CLOSE_WAIT "
    "LAST_ACK LISTEN CLOSING"
).split()
_COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


def comparison(value: int | str) -> tuple[str, int]:
    """An expected value as an operator and a number: 100 is ("==", 100), "<= 1" is ("<=", 1)."""
    match = re.fullmatch(r"(==|!=|<=|>=|<|>)? *([0-9]+)", str(value))
    if not match:
        raise Usage(f"an expectation is a number or a comparison like '<= 1', not {value!r}")
    return match[1] or "==", int(match[2])


def term(variable: str, value: int | str) -> str:
    """The expression for an expected variable: "server:CLOSE_WAIT == 100"."""
    return "{} {} {}".format(variable, *comparison(value))


def holds(measured: int, value: int | str) -> bool:
    """Whether a measured number is as expected."""
    sign, number = comparison(value)
    return _COMPARE[sign](measured, number)


def command(
    hosts: Mapping[str, Path], ports: Iterable[int] = (), copies: bool = False
) -> list[str | Path]:
    """The census command for these hosts (name to namespace).

    ports: only sockets with these local ports; none means all. copies: distinguish ghosts from
    never connected descriptors by copying them (pidfd_getfd(2)); that disturbs the programs, so use
    it only on our own.
    """
    words: list[str | Path] = [program("census"), *(["--copy"] if copies else [])]
    for name, path in hosts.items():
        words += ["--host", f"{name}={path}"]
    for port in ports:
        words += ["--port", str(port)]
    return words


def count(hosts: Mapping[str, Path], ports: Iterable[int] = ()) -> dict[str, Any]:
    """One count: the snapshot of each host by its name. Errors: as until()."""
    return {host["host"]: host for host in _ask([*command(hosts, ports), "--json"])["hosts"]}


def until(
    hosts: Mapping[str, Path],
    expression: str,
    within: float,
    hold: float,
    ports: Iterable[int] = (),
    copies: bool = False,
    owners: bool = True,
) -> dict[str, Any]:
    """Await an expression over the hosts' sockets; see `build/census --help` for its language.

    within: seconds until it must become true; hold: seconds that it must then stay true.
    ports, copies: as for command(). owners: whether to look for processes; an expression of states and counters
    does not need them. Returns the last snapshot; its "until" says whether it held and what was measured.
    Errors: Broken, CannotRun or Usage with the census's own sentence.
    """
    words = command(hosts, ports, copies) + ([] if owners else ["--no-owners"]) + [
        "--json", "--until", expression, "--within", f"{within:.3f}s", "--hold", f"{hold:.3f}s",
    ]  # fmt: skip
    return _ask(words)


def _ask(words: list[str | Path]) -> dict[str, Any]:
    done = subprocess.run(words, capture_output=True, text=True, errors="replace")
    if done.returncode in (0, 1):
        return read_json(done.stdout)  # a process chooses its own name
    sentence = done.stderr.strip() or f"census ended with status {done.returncode}"
    raise {Usage.code: Usage, CannotRun.code: CannotRun}.get(done.returncode, Broken)(sentence)
