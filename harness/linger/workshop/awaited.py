"""What a scenario waits for in vain: an event that the student's program does not report, or its end."""

from __future__ import annotations

import re

from linger.lab import failure
from linger.workshop.endings import waiting
from linger.workshop.evidence import Diagnosis, Evidence, Found
from linger.workshop.texts import Text

EVENT = re.compile(r'say\("(\w+)')


def silenced(text: Text, source: str, yours: Evidence) -> Found:
    """The scenario waits for an event that the student removed from the program."""
    word = _word(_awaited(yours))
    if word in _spoken(text) and word not in EVENT.findall(source):
        yield Diagnosis(
            "silenced",
            f'The judge waits for your program to say "{_awaited(yours)}".',
            f'The buggy program did so; put its line say("{word} ...") back.',
        )


def stuck(text: Text, yours: Evidence, fixed: Evidence) -> Found:
    """It runs, but does not get to the point where the scenario waits for it."""
    assert yours.result and yours.trial
    message = (yours.result["message"] or "").split("\n")[0]
    subjects = {subject["program"]: subject for subject in yours.trial["subjects"]}
    late = yours.first(failure.ENDING)
    if words := _awaited(yours):
        yield from _hurried(text, words, yours, fixed)
        word = _word(words)
        keep = (f'If it already does the right thing there, keep its line say("{word} ...") on that path: the '
                "judge waits for it." if word in _spoken(text) else "")  # fmt: skip
        last = yours.trial["subjects"][-1]
        yield Diagnosis("stuck", f'Your program did not say "{words}" as often as it should.',
                        f"{waiting(last)} {keep}".strip(), message)  # fmt: skip
    elif late and late["counted"] == "none" and late["subject"] in subjects:
        yield Diagnosis("stuck", "Your program does not end.",
                        waiting(subjects[late["subject"]]), message)  # fmt: skip


def _hurried(text: Text, words: str, yours: Evidence, fixed: Evidence) -> Found:
    """A server closed connections itself, so it never saw the end of its clients."""
    hurried = yours.ended_by("server")
    if text.serves and _word(words) == "recv" and hurried and not fixed.ended_by("server"):
        yield Diagnosis(
            "closes-early",
            f"Your server closed {hurried} connection{'s' * (hurried > 1)} before the client had left, so it "
            f'never said "{words}" there.',
            "Close a connection when recv() says that its client has left, not before.",
        )


def _awaited(yours: Evidence) -> str:
    """The event awaited in vain from the student's program, as "recv n=0", or ""."""
    assert yours.trial
    found = yours.first(failure.EVENT)
    subjects = [subject["program"] for subject in yours.trial["subjects"]]
    return found["event"] if found and found["subject"] in subjects else ""


def _word(words: str) -> str:
    """The name of an event: "recv" of "recv n=0"."""
    return words.partition(" ")[0]


def _spoken(text: Text) -> list[str]:
    """The names of the events that the buggy program reports."""
    assert text.buggy
    return EVENT.findall(text.buggy.read_text())
