"""Which frame of a stack is the program's own: the one to look at.

Folded are libraries of the system, those that a program brings along and that call it back
(libevent, libuv), and the runtimes of languages.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Callable, Sequence

from linger.blame.symbols import Frame

LIBRARIES = re.compile(r"^(/usr)?/lib(64|exec)?/|^/snap/|^/nix/store/")
SOURCES = re.compile(
    r"^/usr/(include|lib|src)/|/sysdeps/|^\.\./|^/build/glibc|/x86_64-linux-gnu/"
    r"|^/rustc/|/\.?cargo/registry/|/rustlib/src/"
    r"|/go[-.\d]*/(src|pkg/mod)/|/libuv[-.\d]*/|/deps/(uv|v8)/|/libevent[-.\d]*/"
)
# Of functions whose source is not known. A program has an event_cb of its own.
FUNCTIONS = re.compile(
    r"^(evconnlistener|bufferevent|evbuffer|evutil|evhttp|evmap|evsig|uv_)_|^uv__"
    r"|^event_(base|add|del|new|free|assign|active|process|persist)"
    r"|^(__libc_|_start$|start_thread$|clone3?$|__clone3?$)"
    r"|^(runtime|internal|net|syscall|os|bufio|io|sync)(/[\w/]+)?\.[(A-Za-z]"
    r"|^<?(std|core|alloc|tokio|mio|hyper)::"
    r"|^(node|v8|Builtins_)(::|\w)|^_?Py|^builtin_"
)


def own(frames: Sequence[Frame], program: str) -> Frame | None:
    """The innermost frame of the program itself; None when the stack is empty.

    program: its path. Without lines a function of it will do, and without names an address.
    """
    choices: tuple[Callable[[Frame], object], ...] = (
        lambda frame: is_own_line(frame, program),
        lambda frame: frame.path == program and is_own_name(frame),
        lambda frame: not LIBRARIES.search(frame.path) and is_own_name(frame),
        lambda frame: frame.path == program and not frame.function,
        lambda frame: frame.path == program,
        lambda frame: frame.function,
    )
    for choice in choices:
        for frame in frames:
            if choice(frame):
                return frame
    return frames[0] if frames else None


def is_own_line(frame: Frame, program: str) -> bool:
    """Whether a frame is at a line of the program's own source."""
    ours = frame.path == program or not LIBRARIES.search(frame.path)
    return bool(ours and frame.line and frame.path and not SOURCES.search(frame.file))


def is_own_name(frame: Frame) -> bool:
    """Whether a function is neither unknown nor one of a library that is bound in."""
    known = SOURCES if frame.line else FUNCTIONS
    return bool(frame.function and frame.path
                and not known.search(frame.file if frame.line else frame.function))  # fmt: skip


def named(frame: Frame) -> str:
    """A frame in words: "server.c:61 main()". Never a function that its address is not in."""
    if frame.line:
        return f"{PurePath(frame.file).name}:{frame.line} {frame.function or '?'}()"
    where = f"{PurePath(frame.path).name}+{frame.address:#x}" if frame.path else "generated code"
    return f"{frame.function}() in {where}" if frame.function else where
