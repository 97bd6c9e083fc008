"""Concludes from what a program did what is wrong with it: one diagnosis, the most telling one.

The kernel's counts, the other programs and the wait status decide. What the student's program says
about itself is a guard of the scenario, never a sufficient reason to pass; WORKSHOP.md lists the
few rows of scenarios that only the program can know.
"""

from __future__ import annotations

import re
from typing import Any

from linger.lab import census, failure
from linger.lab.processor import COMPUTING
from linger.workshop.awaited import silenced, stuck
from linger.workshop.endings import (
    SPINS,
    babbles,
    children,
    ended,
    forks,
    never_listens,
    signalled,
    spins,
    waiting,
)
from linger.workshop.evidence import REPAIRED, Diagnosis, Evidence, Found
from linger.workshop.texts import Text
from linger.workshop.workplace import strip_comments


CLOSE = re.compile(r"\bclose\s*\(")
SEVERAL = 3  # objects made and not freed: one or two may be in use
LIVING = ("ESTABLISHED", "descriptors")  # rows that count connections which clients still want


def diagnose(
    text: Text, source: str, untouched: bool, yours: Evidence, fixed: Evidence, buggy: Evidence
) -> Diagnosis:
    """The diagnosis of a run. source: the student's code; untouched: whether it is still the buggy one."""
    if not yours.result or not yours.trial or not fixed.trial or not buggy.result:
        return Diagnosis("no-verdict", "The run ended before it reached a verdict.",
                         "Does your program signal other processes, start very many of its own, or "
                         "print without end? It may do only what the task asks for.")  # fmt: skip
    looks = (
        _untouched(untouched, yours),
        ended(text, yours.trial, fixed.trial),
        forks(yours.trial),
        _like_the_bug(text, source, yours.result, buggy.result),
        signalled(yours.trial),
        spins(yours.trial),
        babbles(yours.trial, fixed.trial),
        never_listens(text, yours.trial),
        _clients(yours.trial, fixed.trial),
        silenced(text, source, yours),
        stuck(text, yours, fixed),
        _aborts(text, yours.trial, fixed.trial),
        _conduct(yours),
        _holds(yours),
        _cut_off(yours),
        children(yours.trial, fixed.trial),
        _expectations(yours),
        _service(yours.trial, fixed.trial),
        _afterwards(yours.trial, fixed.trial),
        _witness(text, yours.trial, fixed.trial),
        _hides(source),
    )
    for look in looks:
        for found in look:
            return found
    return Diagnosis(REPAIRED, "Repaired: it measures like the fixed program, and still serves.")


def _untouched(untouched: bool, yours: Evidence) -> Found:
    if untouched and yours.failed:
        yield Diagnosis("untouched", "This is the bug, measured. You have not changed anything yet.")


def _like_the_bug(
    text: Text, source: str, result: dict[str, Any], buggy: dict[str, Any]
) -> Found:
    """Every row that failed shows what the buggy program leaves."""
    failed = [row for row in result["expectations"] if not row["held"]]
    bug = {(row["subject"], row["name"], row["expected"]) for row in buggy["expectations"]}
    if failed and all(any(_fits(row, expected) for *place, expected in bug
                          if place == [row["subject"], row["name"]]) for row in failed):  # fmt: skip
        whole = len(failed) == len(result["expectations"])
        yield Diagnosis(
            "not-repaired" if whole else "half-repaired",
            f"Not repaired yet: {rows(failed)}.",
            _elsewhere(text, source, result) if whole else "Part of it is better; the rest is as before.",
        )


def _elsewhere(text: Text, source: str, result: dict[str, Any]) -> str:
    """Advice where a program has a new close() that closed nothing of what it should; "" elsewhere."""
    assert text.buggy
    before, now = (len(CLOSE.findall(strip_comments(code))) for code in (text.buggy.read_text(), source))
    path = next((row["name"] for row in result["struck"] if row["name"].startswith("recv ")), "")
    if not text.serves or not path or now <= before:
        return ""
    return (f'Your file has a new close(), but it closed none of these connections. For each of them your '
            f'program said "{path}": look at that path.')  # fmt: skip


def _fits(row: dict[str, Any], expected: str) -> bool:
    if isinstance(row["measured"], int) and expected:
        return census.holds(row["measured"], expected)
    return f"== {row['measured']}" == expected


def rows(found: list[dict[str, Any]]) -> str:
    """Rows of a verdict in words."""
    return ", ".join(f"{row['name']} is {row['measured']} and should be "
                     f"{row['expected'].replace('== ', '')}" for row in found)  # fmt: skip


def _clients(trial: dict[str, Any], fixed: dict[str, Any]) -> Found:
    """What happened to the scenario's clients that does not happen with the fixed program.

    A client in its step "await" waits for the scenario, not for the program.
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
            owed = {"drain": "the end: who closes?", "accept": "a connection."}
            yield Diagnosis(
                "answers-nothing",
                f'The other side still waits in its step "{step}".',
                f"Your program owes it {owed.get(step, 'an answer.')} {waiting(subject)}".strip(),
            )


def _client_error(error: str, times: int) -> Diagnosis:
    action, name = error.split()
    met = f"{times} client{'s' if times > 1 else ''} got {name} in the step \"{action}\""
    if name == "EBADMSG":
        return Diagnosis(
            "answers-wrong",
            f"Your program gives a wrong answer: {met}.",
            "A repair does not change the answers.",
        )
    if action in ("hello", "recv", "send", "fill"):
        return Diagnosis(
            "closes-early",
            f"Your program closed before it answered: {met}.",
            "Close when the client has left or the work is done, not before.",
        )
    if name == "ECONNRESET":
        return Diagnosis("resets", f"Your program reset connections: {met}.", ABORT_ADVICE)
    return Diagnosis("drops-service", f"Clients are not served: {met}.")


ABORT_ADVICE = (
    "A reset (RST) is not a close: the other side may lose unread data, and it sees an error "
    "instead of an end. SO_LINGER {1, 0} causes one, and so does close() with unread input."
)


def _conduct(yours: Evidence) -> Found:
    """The kernel's count differs from both halves of the pair, which agree."""
    assert yours.result
    failed = [row for row in yours.result["struck"] if not row["held"]]
    if any(row["name"] == COMPUTING for row in failed):
        yield SPINS
    if failed:
        yield Diagnosis("behaves-otherwise", "Your program does something different from before, "
                                             f"and should not: {rows(failed)}.",
                        "The task says what must stay as it is.")  # fmt: skip


def _cut_off(yours: Evidence) -> Found:
    """Less is left than with the fixed program: it ended something that was still alive."""
    assert yours.result
    less = [row for row in yours.result["expectations"]
            if row["name"] in LIVING and not row["held"] and _number(row["expected"]) > row["measured"]]  # fmt: skip
    if less:
        yield Diagnosis("closes-early", "Your program ended connections that were still in use: "
                        f"{rows(less)}.",
                        "A quiet client has done nothing wrong. How does it differ from one that "
                        "has left?")  # fmt: skip


def _number(expected: str) -> int:
    """The exact expected number; 0 for a comparison or a word."""
    return int(expected[3:]) if re.fullmatch(r"== \d+", expected) else 0


def _expectations(yours: Evidence) -> Found:
    """Anything else that the scenario does not accept."""
    if not yours.failed:
        return
    assert yours.result
    failed = [row for row in yours.result["expectations"] if not row["held"]]
    if failed:
        yield Diagnosis("half-repaired", f"Not yet: {rows(failed)}.")
    other = yours.first(failure.EVENT)
    advice = (
        f'The other side, {other["subject"]}, said "{other["event"]}" {other["counted"]} times '
        f'instead of {other["wanted"].rpartition(" ")[2]}: your program treats it differently from '
        "both halves of the pair."
        if other
        else ""
    )
    yield Diagnosis("fails", "The scenario failed.", advice, yours.result["message"] or "")


def _holds(yours: Evidence) -> Found:
    """The scenario's counts are right, but at the end more is held than with the fixed program."""
    if left := yours.first(failure.HELD):
        yield Diagnosis("still-holds", "Not repaired: the counts are right, but at the end your "
                                       f"program still holds {left['because']}.",
                        "The kernel releases only what you close, accept or wait for, not what you "
                        "shut down, set to -1, or send in a message.")  # fmt: skip


def _hides(source: str) -> Found:
    """A case that the judge cannot decide: the sandbox refuses a pair of datagram sockets, so the program may
    close what it could not send."""
    if "SCM_RIGHTS" in strip_comments(source):
        yield Diagnosis("hides", "Not judged: your program sends descriptors in messages "
                                 "(SCM_RIGHTS), which the sandbox permits only in part.",
                        "A descriptor in a message that nobody receives keeps its connection open "
                        "and appears in no list. A repair closes it.")  # fmt: skip


def _service(trial: dict[str, Any], fixed: dict[str, Any]) -> Found:
    """Whether a fresh client was afterwards served as by the fixed program."""
    mine, model = trial["service"], fixed["service"]
    if not model:
        return
    if not mine or (mine["done"], mine["errors"]) != (model["done"], model["errors"]):
        got = ", ".join([*mine["errors"], *mine["done"]]) if mine else "nothing"
        yield Diagnosis("drops-service", "The fault is gone, and so is the service: a fresh "
                        f"client did \"{model['words']}\" and got as far as: {got or 'nothing'}.",
                        "After a repair the program still does its job.")  # fmt: skip


def _afterwards(trial: dict[str, Any], fixed: dict[str, Any]) -> Found:
    """How other clients fared afterwards and what they left, where it differs from the fixed program."""
    for mine, model in zip(trial["guests"], fixed["guests"]):
        if (mine["done"], mine["errors"]) != (model["done"], model["errors"]):
            yield Diagnosis("treats-otherwise", f"A client did \"{mine['words']}\", and your "
                                                "program did not treat it as the fixed one does: "
                                                f"{_met(mine)} instead of {_met(model)}.",
                            "It is a client like those of the scenario.")  # fmt: skip
    if trial["held"] and trial["held"] > max(fixed["held"] or 0, 0):
        yield Diagnosis("still-holds", "Not repaired: the scenario's counts are right, but your "
                        "program still holds something of other clients that have left.",
                        "Every way out of a connection needs a close().")  # fmt: skip
    for what, count in (trial["kept"] or {}).items():
        if fixed["kept"] and count >= fixed["kept"][what] + SEVERAL:
            yield Diagnosis("keeps-memory", f"Not repaired: no descriptor is held, but {count} {what} "
                            f"were never freed, where the fixed program has {fixed['kept'][what]}.",
                            "Free what belongs to a connection when it ends: free(), event_free(), "
                            "bufferevent_free().")  # fmt: skip


def _met(guest: dict[str, Any]) -> str:
    return ", ".join([*guest["errors"], *guest["done"][-1:]]) or "nothing"


def _witness(text: Text, trial: dict[str, Any], fixed: dict[str, Any]) -> Found:
    if not text.witness:
        return
    mine, model = (sum(other["events"].get(text.witness, 0) for other in side["others"])
                   for side in (trial, fixed))  # fmt: skip
    if mine < model:
        yield Diagnosis("drops-service", f"The other side served {mine} of {model} requests "
                        f"(its event \"{text.witness}\").",
                        "A repair does all of the work with less harm.")  # fmt: skip


def _aborts(text: Text, trial: dict[str, Any], fixed: dict[str, Any]) -> Found:
    if not text.aborts and trial["aborts"] > fixed["aborts"]:
        yield Diagnosis("resets", f"With your program {trial['aborts']} connections ended by reset "
                        f"instead of a close, with the fixed one {fixed['aborts']}.",
                        ABORT_ADVICE)  # fmt: skip
