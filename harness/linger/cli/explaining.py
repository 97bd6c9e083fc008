"""linger explain: the options."""

from __future__ import annotations

import argparse
from pathlib import Path

from linger.cli.options import Add, count

SECONDS = 1.0
ABOUT = """
Looks at a running program twice, a second apart, and names the scenarios that fit what it holds,
best first, with the facts for and against each. It changes nothing and stops nothing.
"""


def add_to(add: Add) -> None:
    explain = add("explain", _explain, "name the scenarios that fit what a program shows")
    explain.usage = "linger explain --pid P [OPTION]..."
    explain.description = ABOUT
    option = explain.add_argument
    option("--pid", type=count, required=True, metavar="P", help="the process to look at")
    option("--port", type=_port, metavar="N", help="look only at sockets with this local port")
    option(
        "--capture", type=Path, metavar="FILE", help="a capture of its packets (tcpdump -w FILE)"
    )
    option("--blame", type=Path, metavar="FILE", help="the output of linger blame --json for it")
    option("--for", type=_seconds, default=SECONDS, dest="seconds", metavar="S",
           help=f"count what lasts this many seconds (default {SECONDS:g})")  # fmt: skip
    option("--json", action="store_true", help="print one JSON object (explain.schema.json)")


def _port(text: str) -> int:
    port = count(text)
    if port > 65535:
        raise argparse.ArgumentTypeError(f"write a port from 1 to 65535, not {text!r}")
    return port


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"write seconds from 0.1 to 3600, not {text!r}")
    return seconds


def _explain(options: argparse.Namespace) -> int:
    from linger.explain import asking  # not at the top: the other commands do not need it

    return asking.run(options)
