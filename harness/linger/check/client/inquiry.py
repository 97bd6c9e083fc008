"""`linger check-client`: from its options (linger.cli.checking) to its exit code."""

from __future__ import annotations

import argparse
import shlex

from linger.check import schedule
from linger.check.client import BATTERY, subject
from linger.check.client.hearing import hear, take_measure
from linger.check.client.subject import Order
from linger.check.client.turncoat import PORT
from linger.check.course import Course, only_lists
from linger.lab.errors import HELD, Usage


def run(options: argparse.Namespace) -> int:
    """Check a client as the options say; returns the exit code."""
    if only_lists(BATTERY, options):
        return HELD
    course = Course(BATTERY, options)
    order = _understood(options, course.command)
    folder = course.begin(f"check-client: {shlex.join(course.command)}")
    order = course.first(schedule.Child(take_measure, order, folder / "start"))
    kind = "one process, one line per request" if order.driver else "one run per request"
    mute = "; its exit code is 0 even when the server refuses" if order.yardstick.mute else ""
    course.starts(f"it fetches from a good server; {kind}{mute}")
    about = {
        "command": list(order.command), "port": PORT, "request": kind, "clients": order.failures,
    }  # fmt: skip
    return course.run(lambda check, folder: hear(check, order, folder), about)


def _understood(options: argparse.Namespace, command: tuple[str, ...]) -> Order:
    """What the options ask for. Errors: Usage."""
    if options.driver and options.verify:
        raise Usage("--driver and --verify exclude each other: a driver reports success itself")
    patience = subject.patience(options)
    if options.port:
        raise Usage("--port needs --with")
    if not options.driver:
        subject.must_name_the_server(command)
    return Order(
        command, options.driver, options.tls, options.verify, patience,
        subject.SHORT_REST if options.quick else subject.REST, options.n,
    )  # fmt: skip
