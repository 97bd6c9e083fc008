"""Modules outside Python's library: a command checks for those it needs when it needs them.

The build accepts any Python (harness/python), so `linger list` works on a bare one.
"""

from __future__ import annotations

import importlib.util
import sys

from linger.lab.errors import CannotRun


def require(command: str, *names: str) -> None:
    """Check that a command can import these modules before it starts what it could not finish.

    Errors: CannotRun, which names the missing ones.
    """
    missing = [name for name in names if not present(name)]
    if missing:
        raise lacking(command, *missing)


def present(name: str) -> bool:
    """Whether a module can be imported."""
    return importlib.util.find_spec(name) is not None


def lacking(command: str, *names: str) -> CannotRun:
    """What to say when `linger COMMAND` cannot import these modules."""
    modules = " and ".join(names)
    return CannotRun(
        f"`linger {command}` needs {modules}, which {sys.executable} lacks; run: make deps all"
    )
