"""What is to be said about the means a student chose, whether they repaired anything or not."""

from __future__ import annotations

import collections
import re
from typing import Any

from linger.workshop.texts import Text
from linger.workshop.workplace import strip_comments

# Of any exercise: pattern and text.
MEANS = (
    (r"\bSO_LINGER\b",
     "SO_LINGER {1, 0} changes what close() does: it throws away what was not delivered and sends a "
     "reset. It closes nothing by itself, and it trades a leak for lost data."),
    (r"/proc/sys|\bsysctl\b",
     "No sysctl repairs a program: what one holds open, the kernel keeps, whatever its settings. "
     "(Here a program may not change them, either.)"),
)  # fmt: skip


# Of what a program did, by the call (common/misuse.c).
MISUSE = {
    "close": "close() failed with EBADF, {times} x: your program closes what it has closed already. Here "
    "nothing came of it. With threads or callbacks the number may by then be another connection's, and "
    "that is the one you close (see double-close).",
    "send": "send() without MSG_NOSIGNAL, {times} x. Here nothing came of it. When the other side has reset "
    "the connection, SIGPIPE ends your program there (see sigpipe-exit).",
}


def conduct(trial: dict[str, Any] | None) -> list[str]:
    """What is to be said about what a program did, by its trial, though no harm came of it here."""
    found: collections.Counter[str] = collections.Counter()
    for subject in (trial or {}).get("subjects", ()):
        found.update({call: times for call, times in subject["misuse"].items() if call in MISUSE})
    return [MISUSE[call].format(times=times) for call, times in found.items()]


def remarks(text: Text, source: str) -> list[str]:
    """What is to be said about the means in a student's code that the pair does without."""
    assert text.buggy
    fixed = text.buggy.with_name(f"{text.stem}_fixed.c")
    known = strip_comments(text.buggy.read_text() + fixed.read_text())
    written = strip_comments(source)
    entries = [(entry["pattern"], entry["text"]) for entry in text.discuss]
    return [words for pattern, words in (*entries, *MEANS)
            if re.search(pattern, written) and not re.search(pattern, known)]  # fmt: skip
