"""In the sandbox: runs a student's program instead of the pair's own, and examines what it did.

The scenario itself records what its expectations measured. This asks the rest afterwards, in the
same lab: how each program ended, which errors the other programs got, whether a fresh client is
still served, and what is held and kept after it. The answers for the student's program and for the fixed
one, with which it is compared, go to trial.json.
"""

from __future__ import annotations

import collections
import contextlib
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

from linger.lab import census, confine, files, holding, processor, waiting
from linger.lab.errors import NotHeld
from linger.lab.expect import Peer
from linger.lab.lab import HURRIED, Lab, Own
from linger.run import scenarios
from linger.workshop import build, texts

if TYPE_CHECKING:  # the judge outside the sandbox needs none
    import pytest

# More than an exercise needs: bytes of memory for each process and in total, seconds of CPU time,
# processes, core dumps.
LIMITS = {"as": 512 << 20, "memory": 512 << 20, "cpu": 2, "nproc": 64, "core": 0}
SANITIZED = {"memory": 1 << 30}  # AddressSanitizer keeps freed memory, to recognize it
SPINNING = 0.1  # s of CPU time, after the scenario
SPIN_WATCH = 6  # s
TELLING = 1.0  # s
SETTLING = 2.0  # s that a server may take to let go of a client that has left, and the kernel of a tool
NOTHING = {"guests": [], "service": None, "held": None}  # was asked
GUESTS = ("connect rst", "connect half drain fin")  # silent clients: one resets, one ends
DEAF = "connect fill:300000 rst"  # more than fits in all buffers on the way
CAPPED = {"tcp_wmem": "4096 16384 16384", "tcp_rmem": "4096 16384 16384"}  # bytes
ABORTS = ("TCPAbortOnData", "TCPAbortOnClose")  # close() that became a reset (tcp(7), nstat(8))


def label(program: Path) -> str:
    """The name of the variant with a program: closewait_leak_yours is "yours"."""
    return program.name.rpartition("_")[2]


def _program(item: pytest.Item) -> Path | None:
    """The student's program that a test runs, if any."""
    marker = item.get_closest_marker("yours")
    return marker.args[0] if marker else None


def pytest_linger_label(item: pytest.Item) -> str | None:
    """The variant of a student's program (run/plugin.py, Hooks)."""
    program = _program(item)
    return label(program) if program else None


def pytest_linger_instead(item: pytest.Item) -> dict[str, Own] | None:
    """The confined program instead of the fixed one (run/plugin.py, Hooks)."""
    program = _program(item)
    if not program:
        return None
    buggy = texts.buggy_of(scenarios.name_of(item.fspath))
    assert buggy
    fixed = f"{buggy.parent.name}/{buggy.stem.replace('_buggy', '_fixed')}"
    return {fixed: Own(program, confine.closed(**limits()))}


def pytest_linger_examine(item: pytest.Item, lab: Lab, passed: bool) -> None:
    """Write trial.json beside the evidence of the lab (run/plugin.py, Hooks)."""
    trial = examine(lab, scenarios.name_of(item.fspath), passed)
    files.write_json(lab.evidence / "trial.json", trial)


def limits() -> dict[str, int]:
    """What a student's program may use, for confine.closed()."""
    if not build.sanitized():
        return LIMITS
    # AddressSanitizer reserves terabytes of addresses; only what it uses counts, in any case.
    return {name: value for name, value in {**LIMITS, **SANITIZED}.items() if name != "as"}


def examine(lab: Lab, scenario: str, passed: bool) -> dict[str, Any]:
    """What the programs of a lab did, after its scenario has ended.

    passed: whether it ended well; only then does it matter whether a fresh client is served.
    """
    stem = scenarios.path_of(scenario).stem
    subjects = [peer for peer in lab.peers if peer.program.startswith(f"{stem}_")]
    others = [peer for peer in lab.peers if peer not in subjects]
    host = subjects[0].host.name if subjects else "server"
    counted = _counts(lab, host)
    served = passed and subjects
    asked = _afterwards(lab, scenario, subjects) if served else NOTHING
    if subjects and not counted["LISTEN"]:
        subjects[-1].ending(0.5)  # a program that is about to end has already closed its sockets
    return {
        "subjects": [_subject(peer) for peer in subjects],  # before what may end them
        "others": [_other(peer) for peer in others],
        "listening": counted["LISTEN"],
        "aborts": sum(counted[name] for name in ABORTS),
        **asked,
        "kept": _kept(subjects[-1]) if served else None,
    }


def _counts(lab: Lab, host: str) -> dict[str, int]:
    counted = census.count(lab.paths)[host]
    aborts = {name: counted["counters"].get(name, 0) for name in ABORTS}
    return {"LISTEN": counted["states"]["LISTEN"], **aborts}


def _subject(peer: Peer) -> dict[str, Any]:
    """The program under trial: how it ended, where it waits, what it reported."""
    spins = _spins(peer)  # may end it, by its limit of CPU time
    return {
        "program": peer.program,
        "killed": peer.killed,
        "status": peer.status,
        "waits": waiting.place(peer.pid) if peer.running else None,
        "spins": spins,
        "events": _tally(peer),
        "misuse": _misuse(peer),
        "lingers": sorted({event.get("seconds", "") for event in peer.events("linger", on=1)}),
        "lines": peer.lines,
        "children": _children(peer),
        "tail": peer.tail(),
    }


def _other(peer: Peer) -> dict[str, Any]:
    """Another program: what it did, and the errors it got."""
    done = [f"{event['action']} {event['count']} ({event['bytes']} bytes)"
            for event in peer.events("done") if "action" in event]  # fmt: skip
    errors = [f"{event.get('action', '-')} {event.get('err', '-')}"
              for event in peer.events("error")]  # fmt: skip
    return {
        "program": peer.program,
        "status": peer.status,
        "events": _tally(peer),
        "done": done,
        "errors": dict(collections.Counter(errors)),
        "awaits": peer.running and len(peer.events("await")) > peer.told,  # for the scenario to go on
    }


def _tally(peer: Peer) -> dict[str, int]:
    return dict(collections.Counter(event["ev"] for event in peer.events()))


def _misuse(peer: Peer) -> dict[str, int]:
    """What it did that could do harm at other times, by call (common/watched.c)."""
    return dict(collections.Counter(event.get("call", "") for event in peer.events("misuse")))


def _spins(peer: Peer) -> bool:
    """Whether a program keeps computing until it has used more CPU time than any exercise needs.

    That takes long on a busy machine; a program that is merely working stops earlier.
    """
    began, deadline = peer.cpu_seconds, time.monotonic() + SPIN_WATCH
    while peer.computes and time.monotonic() < deadline:
        if peer.cpu_seconds - began >= SPINNING:
            return True
        time.sleep(0.01)  # the next look
    if processor.ended(peer.pid):
        peer.ending(0.5)  # its parent needs a moment to learn how it ended
    return False


def _children(peer: Peer) -> dict[str, int]:
    """The living processes that a program has started, by where they wait; a dead one waits for its
    parent."""
    found: collections.Counter[str] = collections.Counter()
    for pid in peer.family()[1:]:
        found["zombie" if processor.stat(pid)[1] == "Z" else waiting.place(pid)] += 1
    return dict(found)


def _afterwards(lab: Lab, scenario: str, subjects: Sequence[Peer]) -> dict[str, Any]:
    """What a server does after all faults: for clients that leave in other ways than the scenario's, and for
    a fresh one; and what it holds when they have left, beyond what it held before. subjects: all programs
    under trial; the last one serves."""
    table = texts.table(scenario)
    words = table.get("service")
    if not words or not subjects[-1].running:
        return NOTHING
    for host in lab.hosts.values():
        host.run("nft", "flush", "ruleset")
    for peer in lab.peers:
        if peer.running:
            peer.thaw()  # in case the scenario has frozen it
    subjects = [subject for subject in subjects if subject.running]
    before = _before(subjects)
    guests = [_guest(lab, leaving) for leaving in (*GUESTS, f"{words.removesuffix('fin')}rst")]
    service = _guest(lab, words)
    if table.get("deaf"):
        for host in lab.hosts.values():
            host.sysctl(**CAPPED)
        guests.append(_guest(lab, DEAF))
    return {"guests": guests, "service": service, "held": _held(subjects, before) - before}


def _guest(lab: Lab, words: str) -> dict[str, Any]:
    """One more client, and how far it got."""
    client = lab.peer(words)
    with contextlib.suppress(NotHeld):
        client.wait(HURRIED)
    return _other(client) | {"words": words}


def _kept(subject: Peer) -> dict[str, int] | None:
    """The memory that a server has not freed, if it reports that (common/watched.c).

    The request ends its wait, and perhaps the program, so it comes last.
    """
    subject.signal(signal.SIGRTMAX)
    try:
        told = subject.said("kept", within=TELLING)
    except NotHeld:  # it has ended, or takes no signals
        return None
    return {name: int(count) for name, count in told.items() if name != "ev"}


def _before(subjects: Sequence[Peer]) -> int:
    """What servers hold before a client comes. Sockets that the kernel still counts, of tools that have just
    ended, would hide as many that are held afterwards."""
    deadline = time.monotonic() + SETTLING
    while (held := holding.measure(subjects)).in_flight and time.monotonic() < deadline:
        time.sleep(0.01)  # the next look
    return held.total


def _held(subjects: Sequence[Peer], before: int) -> int:
    """What servers hold when a client has left; they may need a moment to notice that."""
    deadline = time.monotonic() + SETTLING
    while (held := holding.measure(subjects).total) > before and time.monotonic() < deadline:
        time.sleep(0.01)  # the next look
    return held
