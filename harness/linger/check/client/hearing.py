"""One check on one client, from its start to its evidence; for schedule.Child."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from linger.check import record
from linger.check.battery import Check
from linger.check.client.encounter import Encounter
from linger.check.client.subject import Order
from linger.check.client.turncoat import GOOD, REFUSE
from linger.check.client.yardstick import Yardstick
from linger.check.finding import BAD, FAIL, NotStruck, died, not_tested
from linger.check.record import Result
from linger.lab import files
from linger.lab.errors import TargetDied


def take_measure(order: Order, folder: Path) -> Order:
    """Let the client meet a good server; a command also meets one that refuses.

    Returns the order, completed with what success looks like. Errors: TargetDied when the client cannot be
    started, never connects, or fails.
    """
    files.make_folder(folder)
    encounter = Encounter("start", order, folder)
    try:
        encounter.begin(GOOD, REFUSE)
        first = encounter.good()
        if not encounter.turncoat.accepts(encounter.turncoat.port(GOOD)):
            raise TargetDied(f"the client never connects to {encounter.address(GOOD).url}: {first.said}")
        if encounter.driven:
            return order
        second, refused = encounter.good(), encounter.ask(REFUSE)
        made = first.product if first.product == second.product else None
        mute = refused.took and not order.verify
        return replace(order, yardstick=Yardstick(mute, made))
    finally:
        encounter.close()


def hear(check: Check, order: Order, folder: Path) -> Result:
    """Run one check on a client started for it; returns its result, and leaves the evidence."""
    record.empty(folder)
    steps: list[str] = []
    began = time.monotonic()
    encounter = Encounter(check.id, order, folder, steps.append)
    try:
        encounter.client.sysctl(**check.sysctls)
        try:
            finding = check.run(encounter)
        except NotStruck as error:
            finding = not_tested(str(error))
        except TargetDied as error:
            finding = died(str(error))
        if finding.verdict not in BAD and (how := encounter.died()):
            finding = died(how)
        measured = encounter.result()
        stall = encounter.lab.watchdog.sentence() if encounter.lab.watchdog.stalled else ""
    finally:
        encounter.close()
    seconds = time.monotonic() - began
    found = record.write(encounter.lab, check, finding, order.failures, measured, seconds, steps)
    return {**found, "doubt": finding.verdict == FAIL and encounter.timed, "stall": stall * encounter.timed}
