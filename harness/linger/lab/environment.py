"""The environment variables that linger's processes pass on, and the environment without them."""

from __future__ import annotations

import os

# From a run, or a test of one, to the processes within it.
OF_A_RUN = (
    "LINGER_SANDBOX", "LINGER_RUN", "LINGER_CONNECTIONS", "LINGER_YOURS", "PYTEST_CURRENT_TEST",
)  # fmt: skip
# From linger.sh to Python, and from a run of tests to the runs within it.
OF_LINGER = ("LINGER_BUILD", "LINGER_AT_ONCE", "LINGER_COMMIT", "LINGER_SHARE")
# Set by linger.sh for our Python; the caller's own value is in LINGER_CALLER_ plus the name.
OF_PYTHON = (
    "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONPATH", "PYTHONUTF8",
)  # fmt: skip
CALLERS = "LINGER_CALLER_"


def outside(**more: str) -> dict[str, str]:
    """The environment for a program of ours outside this run, with more variables."""
    return {**{name: value for name, value in os.environ.items() if name not in OF_A_RUN}, **more}


def of_caller() -> list[str]:
    """Arguments of env(1) for a third-party program, which must see the caller's settings."""
    words = ["env"]
    for name in (*OF_A_RUN, *OF_LINGER, *(CALLERS + name for name in OF_PYTHON)):
        words += ["-u", name]
    values = []
    for name in OF_PYTHON:
        theirs = os.environ.get(CALLERS + name)
        if theirs is not None:  # started by linger.sh; otherwise, as in pytest, it is the caller's own
            words += ["-u", name]
            values += [f"{name}={theirs}"] if theirs else []
    return [*words, *values]
