"""One check on one server, from its start to its evidence; for schedule.Child."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from linger.check import record, schedule
from linger.check.battery import Check
from linger.check.finding import (
    FAIL, LEAK, NOT_TESTED, PASS, STARVE, WARN, NotStruck, died, not_tested,
)  # fmt: skip
from linger.check.record import Result
from linger.check.server.request import Request
from linger.check.server.scene import Wish
from linger.check.server.trial import Trial
from linger.lab import apart, files
from linger.lab.errors import TargetDied

STANDSTILL = 0.1  # of the patience; a leak is doubted only if the machine stood still longer than this


def find_request(wish: Wish, folder: Path) -> Request:
    """Start the server once and find a request for it. Errors: those of Trial.find_request()."""
    files.make_folder(folder)
    if why := apart.keep_apart(folder):
        schedule.say(f"its instances share the working folder, because {why}")
    trial = Trial("start", wish, folder)
    trial.target.warn = schedule.say
    try:
        return trial.find_request()
    finally:
        trial.close()


def attempt(check: Check, wish: Wish, folder: Path) -> Result:
    """Run one check on a server started for it; returns its result, and leaves the evidence."""
    record.empty(folder)
    apart.keep_apart(folder)
    steps: list[str] = []
    began = time.monotonic()
    trial = Trial(check.id, wish, folder, steps.append)
    started = False
    try:
        trial.server.sysctl(**check.sysctls)
        try:
            trial.begin(check.descriptors)
            started = True
            finding = check.run(trial)
        except NotStruck as error:
            finding = not_tested(str(error))
        except TargetDied as error:
            if check.descriptors and not started:
                limit = f"with a limit of {check.descriptors} descriptors "
                finding = not_tested(limit + str(error).splitlines()[0])
                started = True  # as far as it can be
            else:
                finding = died(str(error))
        if started and not check.ends_target and (how := trial.died()):
            if finding.verdict != NOT_TESTED or not check.descriptors:
                finding = died(how)
        elif finding.verdict == PASS and not check.ends_target and (end := trial.unclear()):
            finding = replace(finding, verdict=WARN, measured=f"{finding.measured}; but {end}")
        measured = trial.result()
        dog = trial.lab.watchdog
        tolerated = trial.late * STANDSTILL if finding.verdict == LEAK else 0.0  # the rest was the server's
        stall = dog.sentence() if dog.stalled and dog.seconds > tolerated else ""
    finally:
        trial.close()
    seconds = time.monotonic() - began
    found = record.write(trial.lab, check, finding, trial.n, measured, seconds, steps)
    doubt = not started or finding.verdict in (FAIL, STARVE)
    return {**found, "doubt": doubt, "stall": stall}
