"""Modules that are no part of Python: which of them a command needs, it asks when it needs them.

The build chooses a Python (harness/python) whatever it has, so `linger list` works on a bare one.
"""

from __future__ import annotations

import importlib.util
import sys

from linger.lab.errors import CannotRun


def require(command: str, *names: str) -> None:
    """See that a command can import these modules, before it begins what it could not end.

    Errors: CannotRun, which names those that are missing.
    """
    missing = [name for name in names if not present(name)]
    if missing:
        raise lacking(command, *missing)


def present(name: str) -> bool:
    """Whether a module can be imported."""
    return importlib.util.find_spec(name) is not None


def lacking(command: str, *names: str) -> CannotRun:
    """What to tell when `linger COMMAND` cannot import these modules."""
    modules = " and ".join(names)
    return CannotRun(
        f"`linger {command}` needs {modules}, which {sys.executable} lacks; run: make deps all"
    )
