"""`linger check-client --with`: from its options (linger.cli.clients) to its exit code."""

from __future__ import annotations

import argparse
import shlex
import time
from pathlib import Path

from linger.check import record, schedule
from linger.check.battery import Check
from linger.check.client import subject
from linger.check.client.subject import Order
from linger.check.course import Course, only_lists
from linger.check.finding import FAIL, NotStruck, died, not_tested
from linger.check.record import Result
from linger.check.relay import BATTERY, exchange
from linger.check.relay.acquaintance import get_to_know
from linger.check.relay.stage import BackendDied, Stage, Task
from linger.lab import apart
from linger.lab.errors import HELD, TargetDied, Usage

PLACE = "{port}"
RELAY, BACKENDS = 9000, (20000, 30000)  # ports: the relay's first, and one of the backend's
SPAN = 128  # ports that a relay may have


def run(options: argparse.Namespace) -> int:
    """Check a client as the options say; returns the exit code."""
    if only_lists(BATTERY, options):
        return HELD
    course = Course(BATTERY, options)
    task = _understood(options, course.command)
    folder = course.begin(f"check-client: {shlex.join(course.command)}, with {task.backend}")
    task = course.first(schedule.Child(get_to_know, task, folder / "start"))
    kind = "it does not end by itself" if task.lasts else "it ends by itself"
    mute = "; its exit code is 0 even when the server refuses" if task.order.yardstick.mute else ""
    messages = exchange.count(task.exchange)
    said = f"{messages} message{'s' * (messages != 1)} of the server in a good exchange"
    course.starts(f"{kind}{mute}; {said}")
    about = {"command": list(task.order.command), "port": task.port, "request": said, "clients": 1}
    return course.run(lambda check, folder: hear(check, task, folder), about)


def _understood(options: argparse.Namespace, command: tuple[str, ...]) -> Task:
    """What the options ask for. Errors: Usage."""
    for name in ("driver", "tls"):
        if getattr(options, name):
            raise Usage(f"--with and --{name} exclude each other: the client meets the real server's own protocol")
    patience = subject.patience(options)
    if not any(PLACE in word or "{url}" in word for word in command):
        raise Usage("the command names no {port}: each run needs its own")
    *helpers, backend = options.helpers
    port = options.port
    if port is not None and not 0 < port < 65536 - SPAN:
        raise Usage(f"--port takes a number from 1 to {65535 - SPAN}, not {port}")
    if PLACE in backend:
        first = port or RELAY
        other = next(one for one in BACKENDS if not one - SPAN < first <= one)
    elif port is None:
        raise Usage("--with names no {port}, so give the server's port with --port")
    else:
        other, first = port, next(one for one in (RELAY, *BACKENDS) if not one <= port < one + SPAN)
    order = Order(command, verify=options.verify, patience=patience)
    filled = [words.replace(PLACE, str(other)) for words in (*helpers, backend)]
    return Task(order, filled[-1], tuple(filled[:-1]), other, first)


def hear(check: Check, task: Task, folder: Path) -> Result:
    """Run one check on a client started for it; returns its result, and leaves the evidence."""
    record.empty(folder)
    apart.keep_apart(folder)
    steps: list[str] = []
    began = time.monotonic()
    served = True
    stage = Stage(check.id, task, folder, steps.append)
    try:
        try:
            finding = check.run(stage)
        except NotStruck as error:
            finding = not_tested(str(error))
        except BackendDied as error:
            finding, served = not_tested(str(error).splitlines()[0]), False
        except TargetDied as error:
            finding = died(str(error))
        measured = stage.result()
        stall = stage.lab.watchdog.sentence() if stage.lab.watchdog.stalled else ""
    finally:
        stage.close()
    seconds = time.monotonic() - began
    found = record.write(stage.lab, check, finding, 1, measured, seconds, steps)
    doubt = finding.verdict == FAIL and stage.timed or not served
    return {**found, "doubt": doubt, "stall": stall * stage.timed}
