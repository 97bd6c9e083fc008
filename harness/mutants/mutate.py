"""Mutants of a C program: each has one small mistake in a call that ends or limits something.

A call is left out, made twice, or replaced by its neighbour; a flag is missing; a timeout comes an hour late
or at once; an EOF is overlooked. Each mutant differs from the program in one place, and compiles. This is not
a compiler: it knows comments, strings and brackets, which is enough for programs of one style.

Places that can make no difference are left alone. Code after event_base_dispatch() in main() never runs: it
returns when no event is left, and the listener is one (event2/event.h); so LEV_OPT_CLOSE_ON_FREE, which
matters only there, is not among the flags. Nor are SOCK_CLOEXEC and EPOLL_CLOEXEC: the programs that use them
execute nothing. What main() closes and frees just before it returns, the kernel would close and free anyway
(_exit(2)).
"""

from __future__ import annotations

import re
from typing import Iterator, NamedTuple

# Calls that end, free, limit or set something, with the replacements of each. $0 is the first argument, $*
# are all.
CALLS = {
    "close": ["shutdown($0, SHUT_RDWR)"],
    "shutdown": ["close($0)", "shutdown($0, SHUT_RD)"],
    "free": [],
    "event_free": ["event_del($0)"],
    "event_add": ["event_add($0, NULL)", "event_del($0)"],
    "bufferevent_free": ["bufferevent_disable($0, EV_READ | EV_WRITE)", "bufferevent_setfd($0, -1)"],
    "bufferevent_enable": ["bufferevent_disable($*)"],
    "bufferevent_disable": ["bufferevent_enable($*)"],
    "bufferevent_set_timeouts": ["bufferevent_set_timeouts($0, NULL, NULL)"],
    "bufferevent_setwatermark": [],
    "evconnlistener_enable": ["evconnlistener_disable($*)"],
    "evconnlistener_disable": ["evconnlistener_enable($*)"],
    "evbuffer_drain": [],
    "setsockopt": [],
    "epoll_ctl": [],
    "signal": [],
    "alarm": ["alarm(0)", "alarm(3600)"],
    "poll": ["poll($0, 1, 0)", "poll($0, 1, -1)"],
    "arm": [],
    "watch": [],
    "client_free": [],
    "discard": [],
    "drop": [],
    "_exit": [],
}
VOID = ("free", "event_free", "bufferevent_free", "bufferevent_setwatermark", "arm", "watch", "signal",
        "client_free", "discard", "drop", "_exit", "bufferevent_set_timeouts")  # fmt: skip
# Setting, enabling, scheduling or watching the same thing twice changes nothing according to the manuals, or
# is refused. Nor can one event be awaited twice.
NO_TWICE = (
    "setsockopt", "signal", "alarm", "shutdown", "event_add", "bufferevent_enable", "bufferevent_disable",
    "bufferevent_set_timeouts", "bufferevent_setwatermark", "evconnlistener_enable",
    "evconnlistener_disable", "poll", "_exit", "arm", "watch", "epoll_ctl", "drop",
)  # fmt: skip
# Flags; each may be missing.
FLAGS = (
    "MSG_NOSIGNAL", "MSG_DONTWAIT", "MSG_PEEK", "SOCK_NONBLOCK", "BEV_OPT_CLOSE_ON_FREE",
    "EPOLLONESHOT", "EV_PERSIST", "EV_TIMEOUT", "SHUT_WR", "EV_READ", "EV_WRITE", "POLLIN", "POLLOUT",
    "LEV_OPT_CLOSE_ON_EXEC",
)  # fmt: skip

# Where the part of main() begins that the docstring exempts.
LAST = re.compile(r"""event_base_dispatch | (?:\s+ (?:(?:for|if)\ \([^{}\n]*\)\s+)* (?:close|free|discard)\([^;]*\);)+
                      \s+return\ EXIT_SUCCESS;""", re.X)  # fmt: skip
# Other mistakes: an EOF that is not recognised, the length of a timeout.
TIME = r"(?<=\.tv_sec = )[^,;}]+(?=[,;}])|(?<=\.tv_usec = )\d+(?=\})|\bo\.seconds \* 1000(?=\))"
WORD = re.compile(rf"\b(?:{'|'.join((*CALLS, *FLAGS))})\b|(?P<end>\bn <= 0\b)|(?P<time>{TIME})")


class Mutant(NamedTuple):
    """A program that differs in one place."""

    name: str  # "serve close#1 left out": function, call, its number there, the change
    line: int
    source: str


class Site(NamedTuple):
    """A place in the code: the name of a call or of a flag, or "time"."""

    word: str
    start: int
    end: int
    function: str
    number: int  # of this word in this function, from 1


def blank(source: str) -> str:
    """The source with comments and the contents of strings replaced by spaces."""
    def spaces(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', spaces, source, flags=re.S)


def mutants(source: str) -> list[Mutant]:
    """All mutants of a program, in the order of their lines. source: its text."""
    code, found = blank(source), []
    for site in sites(code):
        for doing, start, end, text in (
            *_of_call(code, source, site), *_of_flag(code, site), *_of_value(code, site)
        ):  # fmt: skip
            changed = source[:start] + text + source[end:]
            name = f"{site.function} {site.word}#{site.number} {doing}"
            found.append(Mutant(name, source.count("\n", 0, start) + 1, changed))
    return found


def sites(code: str) -> Iterator[Site]:
    """Where something can be wrong, in the bodies of functions. code: from blank()."""
    for name, begin, end in functions(code):
        counts: dict[str, int] = {}
        if name == "main" and (last := LAST.search(code, begin, end)):
            end = last.start()
        for match in WORD.finditer(code, begin, end):
            kind = match.lastgroup or match[0]
            counts[kind] = counts.get(kind, 0) + 1
            yield Site(kind, *match.span(), name, counts[kind])


def functions(code: str) -> Iterator[tuple[str, int, int]]:
    """The name, beginning and end of each function's body, whose braces are in the first column."""
    for match in re.finditer(r"^\w[^;{}=]*?\b(\w+)\([^;{}]*\)\n\{", code, re.M):
        yield match[1], match.end(), code.index("\n}", match.end())


def _of_call(code: str, source: str, site: Site) -> Iterator[tuple[str, int, int, str]]:
    """The changes to a call: in a word, from where to where, and the new text."""
    if site.word not in CALLS or code[site.end : site.end + 1] != "(":
        return
    end = closing(code, site.end)
    call, inside = source[site.start : end], (site.end + 1, end - 1)
    yield "left out", site.start, end, "(void)0" if site.word in VOID else "0"
    if site.word not in NO_TWICE:
        yield "twice", site.start, end, f"({call}, {call})"
    cut = [inside[0], *(at + 1 for at in commas(code, *inside)), inside[1] + 1]
    arguments = [source[a : b - 1].strip() for a, b in zip(cut, cut[1:])]
    for other in CALLS[site.word]:
        text = other.replace("$*", ", ".join(arguments)).replace("$0", arguments[0])
        if text != re.sub(r"\s+", " ", call):
            yield f"as {text.partition('(')[0]}{_tail(text, site.word)}", site.start, end, text


def _tail(text: str, word: str) -> str:
    """What distinguishes calls of the same function: the last argument."""
    return " " + re.split(r"\(|, ", text[:-1])[-1] if text.startswith(f"{word}(") else ""


def _of_value(code: str, site: Site) -> Iterator[tuple[str, int, int, str]]:
    if site.word == "end":
        yield "overlooked", site.start, site.end, "n < 0"
        yield "errors overlooked", site.start, site.end, "n == 0"
    if site.word == "time":
        written = code[site.start : site.end]
        yield "an hour late", site.start, site.end, f"3600 * 1000 + {written}"
        if not written.endswith("o.seconds"):  # whose fraction goes into tv_usec
            yield "at once", site.start, site.end, "0"


def _of_flag(code: str, site: Site) -> Iterator[tuple[str, int, int, str]]:
    if site.word not in FLAGS:
        return
    other = {"SHUT_WR": "SHUT_RDWR"}.get(site.word, "0")
    yield "missing" if other == "0" else f"as {other}", site.start, site.end, other


def closing(code: str, opening: int) -> int:
    """The offset after the bracket that closes the one at an offset."""
    depth = 0
    for at in range(opening, len(code)):
        depth += (code[at] == "(") - (code[at] == ")")
        if not depth:
            return at + 1
    raise ValueError(f"the bracket at {opening} is never closed")


def commas(code: str, start: int, end: int) -> Iterator[int]:
    """The commas between a call's arguments, which are from start to end."""
    depth = 0
    for at in range(start, end):
        depth += (code[at] in "([{") - (code[at] in ")]}")
        if code[at] == "," and not depth:
            yield at
