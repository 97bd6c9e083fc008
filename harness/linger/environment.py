"""What linger's processes tell each other by environment variables, and the environment without it."""

from __future__ import annotations

import os

# What a run, or a test of one, tells the processes within it.
OF_A_RUN = (
    "LINGER_SANDBOX", "LINGER_RUN", "LINGER_CONNECTIONS", "LINGER_YOURS", "PYTEST_CURRENT_TEST",
)  # fmt: skip
# What linger.sh tells Python, and a run of tests the runs within it.
OF_LINGER = (
    "LINGER_BUILD", "LINGER_AT_ONCE", "LINGER_CALLER_PYTHONPATH", "LINGER_SHARE", "PYTHONUTF8",
)  # fmt: skip


def outside(**more: str) -> dict[str, str]:
    """The environment for a program of ours that is to be no part of this run, with more in it."""
    return {**{name: value for name, value in os.environ.items() if name not in OF_A_RUN}, **more}


def of_caller() -> list[str]:
    """The words of env(1) before a program that is not ours, and is to see what the caller set."""
    words = ["env"]
    for name in (*OF_A_RUN, *OF_LINGER):
        words += ["-u", name]
    path = os.environ.get("LINGER_CALLER_PYTHONPATH")
    return [*words, *([f"PYTHONPATH={path}"] if path else ["-u", "PYTHONPATH"])]
