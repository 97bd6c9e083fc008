"""`linger check`: from its options (linger.cli.checking) to its exit code."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path

from linger.check import schedule
from linger.check.course import Course, only_lists
from linger.check.server import BATTERY, dialogue
from linger.check.server.attempt import attempt, find_request
from linger.check.server.request import HTTP_GET, Request
from linger.check.server.target import Plan
from linger.check.server.tls import Tls
from linger.check.server.scene import Wish
from linger.lab.errors import HELD, Usage, os_sentence


def run(options: argparse.Namespace) -> int:
    """Check a server as the options say; returns the exit code."""
    if only_lists(BATTERY, options):
        return HELD
    course = Course(BATTERY, options)
    wish = _understood(options, course.command)
    folder = course.begin(f"check: {shlex.join(course.command)}, port {wish.plan.port}")
    request = course.first(
        schedule.Child(find_request, wish, folder / "start", listen=course.console.step)
    )
    inside = "inside TLS " if wish.tls else ""
    course.starts(f"it listens; {inside}{request.source}")
    wish = replace(wish, request=request)
    about = {
        "command": list(wish.plan.command),
        "port": wish.plan.port,
        "request": request.source,
        "clients": wish.connections,
    }
    return course.run(lambda check, folder: attempt(check, wish, folder), about)


def _understood(options: argparse.Namespace, command: tuple[str, ...]) -> Wish:
    """What the options ask for. Errors: Usage."""
    if options.port is None:
        raise Usage("--port is missing: the port that the server listens on")
    if not 0 < options.port < 65536:
        raise Usage(f"--port takes a number from 1 to 65535, not {options.port}")
    if options.http and options.request:
        raise Usage("--http and --request exclude each other")
    request = Request(HTTP_GET, http=True, source="GET / HTTP/1.0") if options.http else None
    if options.request:
        request = Request(_bytes_of(options.request), source=f"the request in {options.request}")
    large = _bytes_of(options.large_request) if options.large_request else b""
    upload = _bytes_of(options.upload_request) if options.upload_request else b""
    plan = Plan(command, options.port, tuple(options.helpers), options.stop)
    if options.tls_name and not options.tls:
        raise Usage("--tls-name needs --tls")
    return Wish(
        plan,
        options.n,
        request,
        large,
        upload,
        dialogue.read(options.dialogue) if options.dialogue else (),
        Tls(options.tls_name) if options.tls else None,
        options.patience,
    )


def _bytes_of(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Usage(f"cannot read a request: {os_sentence(error)}") from None
    if not content:
        raise Usage(f"the request in {path} is empty")
    return content
