"""Remarks on the approach that a student chose, whether or not it repaired anything."""

from __future__ import annotations

import collections
import re
from typing import Any

from linger.workshop.texts import Text
from linger.workshop.workplace import strip_comments

# For any exercise: pattern and text.
MEANS = (
    (r"/proc/sys|\bsysctl\b",
     "No sysctl repairs a program: with any settings, the kernel keeps what a program holds open. "
     "(Here a program may not change them anyway.)"),
    (r"\bclose\s*\([^(){};]*\)\s*;[^{}]*\bevent_free\s*\(",
     "Free an event before you close its descriptor. Between the two calls, another thread may get the "
     "same number for a new connection, and event_free() would stop watching that one."),
)  # fmt: skip
# For what a program did, by call (common/watched.c).
MISUSE = {
    "close": "close() failed with EBADF, {times} x: your program closes a descriptor twice. Here "
             "that did no harm. With threads or callbacks the number may by then belong to another "
             "connection, and you would close that one (see double-close).",
    "send": "send() without MSG_NOSIGNAL, {times} x. Here that did no harm. After the other side "
            "has reset the connection, SIGPIPE kills your program there (see sigpipe-exit).",
}
AT_ONCE = (
    "SO_LINGER {1, 0} changes close(): it discards undelivered data and sends a reset. It closes "
    "nothing by itself, and it trades a leak for lost data."
)
PATIENT = (
    "SO_LINGER {{1, {seconds}}} changes close(): it waits at most {seconds} s until the other "
    "side has acknowledged everything, even on a non-blocking socket. Meanwhile a program with "
    "one thread serves nobody. It closes nothing by itself."
)
TIMES = ("o.seconds", "patience")  # the option -t, in the programs
OWN_TIME = (
    "Your program ignores the time that the task gives (-t): with another value it would still "
    "wait as long as now."
)


def conduct(text: Text, trial: dict[str, Any] | None) -> list[str]:
    """Remarks on what a program did in its trial, even if it did no harm here."""
    misuse: collections.Counter[str] = collections.Counter()
    lingers: set[str] = set()
    for subject in (trial or {}).get("subjects", ()):
        misuse.update({call: times for call, times in subject["misuse"].items() if call in MISUSE})
        lingers |= {*subject["lingers"]}
    known = any("SO_LINGER" in code for code in _codes(text))
    return [
        *(MISUSE[call].format(times=times) for call, times in misuse.items()),
        *(AT_ONCE for seconds in lingers if seconds == "0" and not known),
        *(PATIENT.format(seconds=seconds) for seconds in sorted(lingers) if seconds != "0"),
    ]


def remarks(text: Text, source: str) -> list[str]:
    """Remarks on an approach in a student's code that the pair does not take."""
    known, written = "".join(_codes(text)), strip_comments(source)
    entries = [(entry["pattern"], entry["text"]) for entry in text.discuss]
    return [words for pattern, words in (*entries, *MEANS)
            if re.search(pattern, written) and not re.search(pattern, known)]  # fmt: skip


def own_time(text: Text, source: str) -> list[str]:
    """A remark on a repair that waits for a fixed time although the task gives one: the fixed program uses
    that one more often than the buggy one, but the repair does not."""
    (buggy, fixed), written = _codes(text), strip_comments(source)
    ignored = any(fixed.count(time) > buggy.count(time) >= written.count(time) for time in TIMES)
    return [OWN_TIME] if ignored and re.search(r"-t\b", text.task) else []


def _codes(text: Text) -> tuple[str, str]:
    """The code of the pair, the buggy one first."""
    assert text.buggy
    fixed = text.buggy.with_name(f"{text.stem}_fixed.c")
    return strip_comments(text.buggy.read_text()), strip_comments(fixed.read_text())
