"""How a program ended, or where it waits, from its wait status and the kernel."""

from __future__ import annotations

import re
from typing import Any, Iterator

from linger.lab.errors import signal_name
from linger.workshop.evidence import Diagnosis, Found
from linger.workshop.texts import Text

CRASHES = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS")
SANITIZER = re.compile(r"SUMMARY: \w*Sanitizer|runtime error:")
PLACES = {  # the kernel's function: what a program waits for there
    "epoll": "an event (epoll_wait)",
    "poll_schedule": "an event (poll or select)",
    "accept": "a client (accept)",
    "wait_woken": "data from the other side (recv), or room to send",
    "sk_wait_data": "data from the other side (recv)",
    "stream_wait_memory": "room to send (send)",
    "nanosleep": "time to pass (sleep)",
    "pipe": "somebody at the other end of a pipe",
    "futex": "a lock",
    "do_wait": "a child process",
    "pause": "a signal (pause)",
    "sigsuspend": "a signal",
    "zombie": "its parent to call waitpid()",
}
SEVERAL = 3  # children: one or two may be about to end
SWARM = 32  # processes: half of what it may have
MANY_LINES = 1000
SPIN_ADVICE = (
    "Something spins: is there a loop that continues after an error, or an event that stays ready?"
)
SPINS = Diagnosis("spins", "Your program uses a whole CPU although it has nothing to do.", SPIN_ADVICE)
CRASH_ADVICE = {
    "SIGSEGV": "It used memory it does not own: a pointer that is NULL, freed or never set.",
    "SIGABRT": "It called abort(), often after a second free() of the same memory.",
    "SIGFPE": "An invalid division, most likely by 0.",
}
SIGNAL_ADVICE = {
    "SIGKILL": "Does it send that to itself, for example with kill(0, ...)?",
    "SIGPIPE": "It wrote to a connection whose other end is gone. send() with MSG_NOSIGNAL returns "
    "-1 and EPIPE instead.",
}


def _ends(trial: dict[str, Any]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """For each program that ended unasked: its status, the signal's name or "", and the whole entry."""
    for subject in trial["subjects"]:
        status = subject["status"]
        if not subject["killed"] and status is not None:
            yield status, signal_name(-status) if status < 0 else "", subject


def ended(text: Text, trial: dict[str, Any], fixed: dict[str, Any]) -> Found:
    """It crashed, hit the limit of CPU time, or exited although nobody asked it to."""
    stays = any(subject["status"] is None for subject in fixed["subjects"])
    for status, name, subject in _ends(trial):
        tail = subject["tail"]
        if name in CRASHES or SANITIZER.search(tail):
            yield Diagnosis("crashes", f"Your program crashed{f' ({name})' if name else ''}.",
                            CRASH_ADVICE.get(name, "The report names the line."), tail)  # fmt: skip
        elif name == "SIGXCPU":
            yield Diagnosis("spins", "Your program used up its CPU time and was killed.",
                            SPIN_ADVICE, tail)  # fmt: skip
        elif not name and text.serves and subject["events"].get("ready"):
            yield Diagnosis("exits", f"Your server exited with status {status}.",
                            "That closes everything, but no client is served any more. A server "
                            "continues after a connection has ended.", tail)  # fmt: skip
        elif status > 0 and not text.serves:
            yield Diagnosis("exits", f"Your client exited with status {status}.",
                            "It gave up before its work was done.", tail)  # fmt: skip
        elif not name and not text.serves and stays:
            yield Diagnosis("exits", "Your client exited; it should have continued.",
                            "When a program exits, the kernel closes what it left open. A program "
                            "that runs for months cannot wait for that.")  # fmt: skip


def babbles(trial: dict[str, Any], fixed: dict[str, Any]) -> Found:
    """It never stops printing: there are very many lines, or many and more to come."""
    usual = sum(subject["lines"] for subject in fixed["subjects"])
    said = sum(subject["lines"] for subject in trial["subjects"])
    writes = any("pipe_write" in (subject["waits"] or "") for subject in trial["subjects"])
    if said > 10 * usual + (MANY_LINES if writes else 10 * MANY_LINES):
        yield Diagnosis("babbles", f"Your program prints without end: {said} lines so far, where the "
                        f"fixed one prints {usual}.",
                        "Which loop prints, and what ends that loop?")  # fmt: skip


def forks(trial: dict[str, Any]) -> Found:
    """It has started very many processes, and they are busy."""
    for subject in trial["subjects"]:
        count = sum(subject["children"].values())
        if count >= SWARM and subject["children"].get("", 0) >= SEVERAL:
            yield Diagnosis("forks", f"Your program has started {count} processes, and they are "
                                     "busy.",
                            "Something calls fork() again and again: a child continues in its "
                            "parent's loop unless it exits (_exit).")  # fmt: skip


def children(trial: dict[str, Any], fixed: dict[str, Any]) -> Found:
    """It has more processes than it should, which wait, or are dead."""
    usual = sum(sum(subject["children"].values()) for subject in fixed["subjects"])
    for subject in trial["subjects"]:
        places = subject["children"]
        count = sum(places.values())
        if count >= usual + SEVERAL:
            place = max(places, key=lambda place: places[place])
            what = _place(place) or place
            waits = f" Most of them wait for {what}." if what else ""
            yield Diagnosis("children-stay", f"{count} child processes of your program are still "
                                             "there.",
                            f"A child has all of its parent's descriptors.{waits}")  # fmt: skip


def signalled(trial: dict[str, Any]) -> Found:
    """A signal that is not a crash ended it; if that is the bug itself, the rows already say so.
    """
    for _, name, subject in _ends(trial):
        if name:
            yield Diagnosis("ended-by-signal", f"{name} ended your program.",
                            SIGNAL_ADVICE.get(name, "What sends it that signal?"),
                            subject["tail"])  # fmt: skip


def never_listens(text: Text, trial: dict[str, Any]) -> Found:
    subjects = trial["subjects"]
    if not text.serves or not subjects:
        return
    last = subjects[-1]
    ready = last["events"].get("ready")
    if not ready and last["status"] is not None:
        yield Diagnosis("never-listens", f"Your server ended with status {last['status']} before "
                        "it listened.", "Its last output:", last["tail"])  # fmt: skip
    elif not ready and trial["listening"]:
        yield Diagnosis(
            "silenced",
            "Your server listens but does not report it (ev=ready).",
            'The judge waits for its event lines. Put say("ready ...") back.',
        )
    elif not trial["listening"] and last["status"] is None:
        yield Diagnosis("never-listens", "Your server runs but does not listen (any more).",
                        waiting(last) or "No client can connect.", last["tail"])  # fmt: skip


def spins(trial: dict[str, Any]) -> Found:
    """Still on a CPU when the scenario is over, whether or not all else is right."""
    for subject in trial["subjects"]:
        if subject["spins"]:
            yield SPINS


def waiting(subject: dict[str, Any]) -> str:
    """Where a program waits, in a sentence; if it has children, where most of those wait."""
    own = _place(subject["waits"] or "")
    children = subject["children"]
    theirs = _place(max(children, key=lambda place: children[place])) if children else ""
    sentences = [f"It waits for {own}." if own else "",
                 f"Its child waits for {theirs}." if theirs else ""]  # fmt: skip
    return " ".join(filter(None, sentences))


def _place(where: str) -> str:
    """What a kernel function waits for, in words; "" for an unknown one."""
    return next((what for part, what in PLACES.items() if part in where), "")
