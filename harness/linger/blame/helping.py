"""Helpers inside Python and node, whose lines no native stack shows.

They are loaded by the languages' own means (sitecustomize in PYTHONPATH, --require in NODE_OPTIONS) and
report each touch to the tracer by writing to a descriptor that does not exist (harness/blame/told.c).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from linger.lab.environment import CALLERS, OF_PYTHON, outside

TOLD = re.compile(r"(?P<file>/.*?):(?P<line>\d+) (?P<function>.*)$")
FOLDER = Path(__file__).with_name("helpers")


def environment() -> dict[str, str]:
    """The caller's environment, with the helpers added."""
    environment = outside()
    theirs = environment.get("LINGER_CALLER_PYTHONPATH", environment.get("PYTHONPATH", ""))
    for name in OF_PYTHON:
        if value := environment.pop(CALLERS + name, ""):
            environment[name] = value
        elif "LINGER_BUILD" in environment:  # what linger.sh set for our own Python
            environment.pop(name, None)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(FOLDER / "python"), theirs]))
    hook = FOLDER / "node.js"
    options = environment.get("NODE_OPTIONS", "")
    environment["NODE_OPTIONS"] = f'{options} --require "{hook}"'.strip()
    return environment


def where(told: str) -> dict[str, Any] | None:
    """A place that a helper reported, "/srv/app.py:33 handle", in the document's form."""
    if not (found := TOLD.match(told)):
        return None
    return {"function": found["function"], "file": found["file"], "line": int(found["line"]),
            "path": "", "address": 0}  # fmt: skip
