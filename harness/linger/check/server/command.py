"""`linger check`: from what its options say (linger.commands.checking) to its exit code."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from linger.check import battery, finding, output, schedule
from linger.check.request import HTTP_GET, Request
from linger.check.server.target import Plan
from linger.check.server.trial import Wish
from linger.lab import files
from linger.lab.errors import CANNOT_RUN, HELD, NOT_HELD, Usage, os_sentence
from linger.run import results, session


def run(options: argparse.Namespace) -> int:
    """Check a server as the options say; returns the exit code."""
    battery.load(options.checks)
    if options.list:
        output.explain(battery.CHECKS.values())
        return HELD
    wish, chosen, expected = _understood(options)
    folder = session.begin(options.results)
    environment = results.Environment()
    console = output.Console(sys.stdout, wish, chosen, quiet=options.tap)
    start = schedule.Child(schedule.find_request, wish, folder / "check" / "start")
    request = start.result()
    console.begun(request)
    wish = replace(wish, request=request)
    found = schedule.run(chosen, wish, folder / "check", options.jobs, console.ended)
    wrong = finding.judge(found, expected, options.strict)
    code = _code(found, wrong)
    summary = output.summary(wish, found, wrong, expected, code, folder)
    files.write_json(folder / "check" / "check.json", summary)
    environment.write(folder)
    console.conclude(summary)
    for path, write in ((options.json, output.write_json), (options.junit, output.write_junit)):
        if path:
            write(path, summary)
    return code


def _understood(
    options: argparse.Namespace,
) -> tuple[Wish, list[battery.Check], dict[str, list[str]]]:
    """What the options ask for. Errors: Usage."""
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise Usage("no command to check; it comes last, after --")
    if options.port is None:
        raise Usage("--port is missing: the port that the server listens on")
    if not 0 < options.port < 65536:
        raise Usage(f"--port takes a number from 1 to 65535, not {options.port}")
    for name, value in (("-n", options.n), ("--jobs", options.jobs)):
        if value < 1:
            raise Usage(f"{name} takes a number from 1 on, not {value}")
    if not 0 < options.patience < 1e6:
        raise Usage(f"--patience takes seconds, more than 0, not {options.patience:g}")
    if options.http and options.request:
        raise Usage("--http and --request exclude each other")
    for path in filter(None, (options.json, options.junit)):
        _must_be_writable(path)
    chosen = battery.choose(options.only, options.quick)
    expected = {}
    if options.expected:
        expected = finding.read_expected(options.expected, battery.CHECKS)
    request = Request(HTTP_GET, http=True, source="GET / HTTP/1.0") if options.http else None
    if options.request:
        request = Request(_bytes_of(options.request), source=f"the request in {options.request}")
    large = _bytes_of(options.large_request) if options.large_request else b""
    plan = Plan(tuple(command), options.port, tuple(options.helpers), options.stop)
    return Wish(plan, options.n, request, large, options.patience), chosen, expected


def _must_be_writable(path: Path) -> None:
    """A report that cannot be written is wrong usage now, not after a minute of checks."""
    if os.path.isdir(path):
        raise Usage(f"cannot write the report: {path}: Is a directory")
    if not os.access(path if os.path.exists(path) else path.absolute().parent, os.W_OK):
        raise Usage(f"cannot write the report: {path}: no such folder, or not writable")


def _bytes_of(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Usage(f"cannot read a request: {os_sentence(error)}") from None
    if not content:
        raise Usage(f"the request in {path} is empty")
    return content


def _code(found: list[dict[str, Any]], wrong: dict[str, str]) -> int:
    if wrong:
        return NOT_HELD
    if all(result["verdict"] == finding.NOT_TESTED for result in found):
        return CANNOT_RUN  # what tested nothing is never green
    return HELD
