"""From what a program did to what is wrong with it: one diagnosis, the most telling first.

The kernel's counts, the other programs and the wait status decide. What the student's program says
of itself is a guard of the story, never by itself a reason to pass; WORKSHOP.md names the few rows
of stories that only the program can know.
"""

from __future__ import annotations

import dataclasses
import re
import signal
from typing import Any, Iterator

from linger import census
from linger.labs.texts import Text
from linger.labs.workplace import strip_comments

REPAIRED = "repaired"
CRASHES = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS")
SANITIZER = re.compile(r"SUMMARY: \w*Sanitizer|runtime error:")
SPINNING = 0.5  # s of CPU time: a hundred times what any exercise needs
PLACES = {  # in the kernel: what a program waits for there
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
}


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What is wrong, as a word that tests know and sentences that people read."""

    word: str
    sentence: str  # what happened
    advice: str = ""  # what it means, where to look
    report: str = ""  # the program's own last words

    @property
    def repaired(self) -> bool:
        return self.word == REPAIRED


# What is to be said in any exercise about a means that is not in the pair: pattern and text.
MEANS = (
    (r"\bSO_LINGER\b",
     "SO_LINGER {1, 0} changes what close() does: it throws away what was not delivered and sends a "
     "reset. It closes nothing by itself, and it trades a leak for lost data."),
    (r"/proc/sys|\bsysctl\b",
     "No sysctl repairs a program: what one holds open, the kernel keeps, whatever its settings. "
     "(Here a program may not change them, either.)"),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What a run left of one variant: result.json and trial.json, each None if it is missing."""

    result: dict[str, Any] | None
    trial: dict[str, Any] | None


def diagnose(
    text: Text, source: str, untouched: bool, yours: Evidence, fixed: Evidence, buggy: Evidence
) -> Diagnosis:
    """The diagnosis of a run. source: the student's code; untouched: it is the buggy one still."""
    if not yours.result or not yours.trial or not fixed.trial or not buggy.result:
        return Diagnosis("no-verdict", "The run ended before there was a verdict.",
                         "Does your program signal other processes, or start very many of its "
                         "own? Only what the task asks for is allowed here.")  # fmt: skip
    looks = (
        _untouched(untouched, yours.result),
        _ended(text, yours.trial),
        _like_the_bug(yours.result, buggy.result),
        _signalled(yours.trial),
        _spins(yours),
        _never_listens(text, yours.trial),
        _clients(yours.trial, fixed.trial),
        _silenced(text, source, yours),
        _stuck(yours),
        _aborts(text, yours.trial, fixed.trial),
        _expectations(yours.result),
        _service(yours.trial, fixed.trial),
        _witness(text, yours.trial, fixed.trial),
    )
    for look in looks:
        for found in look:
            return found
    return Diagnosis(REPAIRED, "Repaired: measured as for the fixed program, and still serving.")


def remarks(text: Text, source: str) -> list[str]:
    """What is to be said about the means in a student's code that the pair does without."""
    assert text.buggy
    fixed = text.buggy.with_name(f"{text.stem}_fixed.c")
    known = strip_comments(text.buggy.read_text() + fixed.read_text())
    written = strip_comments(source)
    entries = [(entry["pattern"], entry["text"]) for entry in text.discuss]
    return [words for pattern, words in (*entries, *MEANS)
            if re.search(pattern, written) and not re.search(pattern, known)]  # fmt: skip


Found = Iterator[Diagnosis]


def _failed(result: dict[str, Any]) -> bool:
    return result["verdict"] != "pass"


def _ends(trial: dict[str, Any]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Of each program that ended unasked its status, the signal's name or "", and all of it."""
    for subject in trial["subjects"]:
        status = subject["status"]
        if not subject["killed"] and status is not None:
            yield status, signal.Signals(-status).name if status < 0 else "", subject


def _ended(text: Text, trial: dict[str, Any]) -> Found:
    """By a crash, by the limit of CPU time, or by itself although nobody asked it to."""
    for status, name, subject in _ends(trial):
        tail = subject["tail"]
        if name in CRASHES or SANITIZER.search(tail):
            yield Diagnosis("crashes", f"Your program crashed{f' ({name})' if name else ''}.",
                            CRASH_ADVICE.get(name, "The report names the line."), tail)  # fmt: skip
        elif name in ("SIGXCPU", "SIGKILL"):
            yield Diagnosis("spins", "Your program used up its seconds of CPU time, and was ended.",
                            SPIN_ADVICE, tail)  # fmt: skip
        elif not name and _is_server(text) and subject["events"].get("ready"):
            yield Diagnosis("exits", f"Your server ended by itself, with status {status}.",
                            "That closes everything, and serves nobody any more. A server goes on "
                            "after a connection has ended.", tail)  # fmt: skip
        elif status > 0 and not _is_server(text):
            yield Diagnosis("exits", f"Your client ended with status {status}.",
                            "It gave up before its work was done.", tail)  # fmt: skip


def _signalled(trial: dict[str, Any]) -> Found:
    """By a signal that is no crash; where that is the bug itself, the rows have said so."""
    for _, name, subject in _ends(trial):
        if name:
            yield Diagnosis("ended-by-signal", f"Your program was ended by {name}.",
                            SIGNAL_ADVICE.get(name, "Who sends it that signal?"),
                            subject["tail"])  # fmt: skip


SPIN_ADVICE = (
    "Something turns in a circle: is there a loop that goes on after an error, or an event that "
    "stays ready?"
)
CRASH_ADVICE = {
    "SIGSEGV": "It used memory that is not its own: a pointer that is NULL, freed or never set.",
    "SIGABRT": "It ended itself by abort(): often after free() of something that was freed before.",
    "SIGFPE": "An impossible division, most likely by 0.",
}
SIGNAL_ADVICE = {
    "SIGPIPE": "It wrote to a connection whose other end is gone. send() with MSG_NOSIGNAL returns "
    "-1 and EPIPE instead.",
}


def _is_server(text: Text) -> bool:
    return bool(text.buggy and text.buggy.parent.name == "servers")


def _never_listens(text: Text, trial: dict[str, Any]) -> Found:
    subjects = trial["subjects"]
    if not _is_server(text) or not subjects:
        return
    last = subjects[-1]
    ready = last["events"].get("ready")
    if not ready and last["status"] is not None:
        yield Diagnosis("never-listens", f"Your server ended with status {last['status']} before "
                        "it listened.", "See what it said:", last["tail"])  # fmt: skip
    elif not ready and trial["listening"]:
        yield Diagnosis(
            "silenced",
            "Your server listens, and does not say so (ev=ready).",
            'The harness waits for its event lines. Put say("ready ...") back.',
        )
    elif not trial["listening"] and last["status"] is None:
        yield Diagnosis("never-listens", "Your server runs, and does not listen (any more).",
                        _waiting(last) or "No client can connect.", last["tail"])  # fmt: skip


def _untouched(untouched: bool, result: dict[str, Any]) -> Found:
    if untouched and _failed(result):
        yield Diagnosis("untouched", "This is the bug, measured. Nothing is changed yet.")


def _like_the_bug(result: dict[str, Any], buggy: dict[str, Any]) -> Found:
    """Every row that failed is what the buggy program leaves."""
    failed = [row for row in result["expectations"] if not row["held"]]
    bug = {(row["host"], row["name"]): row["expected"] for row in buggy["expectations"]}
    if failed and all(_fits(row, bug.get((row["host"], row["name"]), "")) for row in failed):
        whole = len(failed) == len(result["expectations"])
        yield Diagnosis(
            "not-repaired" if whole else "half-repaired",
            f"Not repaired yet: {rows(failed)}.",
            "" if whole else "Part of it is better, and the rest is as before.",
        )


def _fits(row: dict[str, Any], expected: str) -> bool:
    if isinstance(row["measured"], int) and expected:
        return census.holds(row["measured"], expected)
    return f"== {row['measured']}" == expected


def rows(found: list[dict[str, Any]]) -> str:
    """Rows of a verdict in words."""
    return ", ".join(f"{row['name']} is {row['measured']} and should be "
                     f"{row['expected'].replace('== ', '')}" for row in found)  # fmt: skip


def _clients(trial: dict[str, Any], fixed: dict[str, Any]) -> Found:
    """What the story's clients met that they do not meet with the fixed program.

    A client in its step "await" waits for the story, not for the program.
    """
    for mine, model in zip(trial["others"], fixed["others"]):
        new = [error for error in mine["errors"] if error not in model["errors"]]
        if new:
            yield _client_error(new[0], mine["errors"][new[0]])
        elif (
            mine["status"] is None and not mine["awaits"] and len(mine["done"]) < len(model["done"])
        ):
            step = model["done"][len(mine["done"])].split()[0]
            subject = trial["subjects"][-1]
            owed = "the end: who closes?" if step == "drain" else "an answer."
            yield Diagnosis(
                "answers-nothing",
                f'A client still waits in its step "{step}".',
                f"Your program owes it {owed} {_waiting(subject)}".strip(),
            )


def _client_error(error: str, times: int) -> Diagnosis:
    action, name = error.split()
    met = f"{times} client{'s' if times > 1 else ''} met {name} in the step \"{action}\""
    if action in ("hello", "recv", "send", "fill"):
        return Diagnosis(
            "closes-early",
            f"Your program hung up before it had answered: {met}.",
            "Close when the client has left or the work is done, not before.",
        )
    if name == "ECONNRESET":
        return Diagnosis("resets", f"Your program reset connections: {met}.", ABORT_ADVICE)
    return Diagnosis("drops-service", f"Clients are not served: {met}.")


ABORT_ADVICE = (
    "A reset (RST) is not a close: what the other side has not read may be lost, and it sees an "
    "error instead of an end. SO_LINGER {1, 0} does that, and so does close() with unread input."
)


def _spins(yours: Evidence) -> Found:
    """Still on a CPU when the story had waited long enough."""
    assert yours.result and yours.trial
    for subject in yours.trial["subjects"]:
        if _failed(yours.result) and subject["cpu_seconds"] >= SPINNING:
            yield Diagnosis("spins", f"Your program had used {subject['cpu_seconds']:.1f} s of CPU "
                            "time when the harness lost patience.", SPIN_ADVICE)  # fmt: skip


def _silenced(text: Text, source: str, yours: Evidence) -> Found:
    """The story waits for an event that the student took out of the program."""
    assert text.buggy
    spoken = set(re.findall(r'say\("(\w+)', text.buggy.read_text()))
    missing = spoken - set(re.findall(r'say\("(\w+)', source))
    words = _awaited(yours)
    if words and words.split()[0] in missing:
        yield Diagnosis(
            "silenced",
            f'The harness waits for your program to say "{words}".',
            f'The buggy program did; put its line say("{words.split()[0]} ...") back.',
        )


def _awaited(yours: Evidence) -> str:
    """What the story waited in vain to hear from the student's program, as "recv n=0", or ""."""
    assert yours.result and yours.trial
    found = re.search(r"(\S+) reported (.*?) \d+ of \d+ times", yours.result["message"] or "")
    subjects = [subject["program"] for subject in yours.trial["subjects"]]
    if not found or found[1] not in subjects:
        return ""
    fields = dict(word.partition("=")[::2] for word in found[2].split())
    return " ".join([fields.pop("ev"), *(f"{key}={value}" for key, value in fields.items())])


def _stuck(yours: Evidence) -> Found:
    """It runs, and does not come to where the story waits for it."""
    assert yours.result and yours.trial
    message = (yours.result["message"] or "").split("\n")[0]
    words = _awaited(yours)
    subjects = {subject["program"]: subject for subject in yours.trial["subjects"]}
    late = re.match(r"(\S+) still runs after", message)
    if words:
        last = yours.trial["subjects"][-1]
        yield Diagnosis("stuck", f"Your program did not say \"{words}\" as often as it should.",
                        _waiting(last), message)  # fmt: skip
    elif late and late[1] in subjects:
        yield Diagnosis("stuck", "Your program does not come to its end.",
                        _waiting(subjects[late[1]]), message)  # fmt: skip


def _waiting(subject: dict[str, Any]) -> str:
    where = subject["waits"] or ""
    for part, what in PLACES.items():
        if part in where:
            return f"It waits for {what}."
    return ""


def _expectations(result: dict[str, Any]) -> Found:
    """Whatever else the story does not accept."""
    if not _failed(result):
        return
    failed = [row for row in result["expectations"] if not row["held"]]
    if failed:
        yield Diagnosis("half-repaired", f"Not yet: {rows(failed)}.")
    yield Diagnosis("fails", "The story did not go its way.", "", result["message"] or "")


def _service(trial: dict[str, Any], fixed: dict[str, Any]) -> Found:
    """Whether a fresh client, afterwards, met what it meets with the fixed program."""
    mine, model = trial["service"], fixed["service"]
    if not model:
        return
    if not mine or (mine["done"], mine["errors"]) != (model["done"], model["errors"]):
        got = ", ".join([*mine["errors"], *mine["done"]]) if mine else "nothing"
        yield Diagnosis("drops-service", "What was wrong is gone, and so is the service: a fresh "
                        f"client did \"{model['words']}\" and got as far as: {got or 'nothing'}.",
                        "A repair leaves the program doing its job.")  # fmt: skip


def _witness(text: Text, trial: dict[str, Any], fixed: dict[str, Any]) -> Found:
    if not text.witness:
        return
    mine, model = (sum(other["events"].get(text.witness, 0) for other in side["others"])
                   for side in (trial, fixed))  # fmt: skip
    if mine < model:
        yield Diagnosis("drops-service", f"The other side served {mine} of {model} requests "
                        f"(its event \"{text.witness}\").",
                        "A repair does all of the work, with less harm.")  # fmt: skip


def _aborts(text: Text, trial: dict[str, Any], fixed: dict[str, Any]) -> Found:
    if not text.aborts and trial["aborts"] > fixed["aborts"]:
        yield Diagnosis("resets", f"The leak is gone, but {trial['aborts']} connections ended by "
                        "reset instead of a close.", ABORT_ADVICE)  # fmt: skip
