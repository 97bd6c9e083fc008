"""The environment variables that linger's processes pass to each other, and the environment without
them."""

from __future__ import annotations

import os

# What a run, or a test of one, tells the processes within it.
OF_A_RUN = (
    "LINGER_SANDBOX", "LINGER_RUN", "LINGER_CONNECTIONS", "LINGER_YOURS", "PYTEST_CURRENT_TEST",
)  # fmt: skip
# What linger.sh tells Python, and a run of tests the runs within it.
OF_LINGER = ("LINGER_BUILD", "LINGER_AT_ONCE", "LINGER_SHARE")
# What linger.sh sets for our Python; the caller's own is in LINGER_CALLER_ and the name.
OF_PYTHON = (
    "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONPATH", "PYTHONUTF8",
)  # fmt: skip
CALLERS = "LINGER_CALLER_"


def outside(**more: str) -> dict[str, str]:
    """The environment for a program of ours outside this run, with more variables in it."""
    return {**{name: value for name, value in os.environ.items() if name not in OF_A_RUN}, **more}


def of_caller() -> list[str]:
    """The words of env(1) before a third-party program, which must see the caller's settings."""
    words = ["env"]
    for name in (*OF_A_RUN, *OF_LINGER, *(CALLERS + name for name in OF_PYTHON)):
        words += ["-u", name]
    values = []
    for name in OF_PYTHON:
        theirs = os.environ.get(CALLERS + name)
        if theirs is not None:  # started by linger.sh; else, as in pytest, it is the caller's own
            words += ["-u", name]
            values += [f"{name}={theirs}"] if theirs else []
    return [*words, *values]
