"""More clients than a server has descriptors."""

from __future__ import annotations

import time

from linger.check import schedule
from linger.check.finding import FAIL, PASS, Finding, NotStruck
from linger.check.measure import LOOK, log_bytes
from linger.check.server import check
from linger.check.server.trial import Trial
from linger.lab import processor

LIMIT = 64  # descriptors
CROWD = 200  # clients
WINDOWS, WINDOW = 4, 0.5  # s: how often and how long the server is watched at its limit
FEWEST = 32  # that must be established; a server that dies of it does not get them all
CONNECTING = 5.0  # s: what does not get into the accept queue by then never will
STILL = 1.0  # s without a change before that
SPARE = 4  # descriptors: a server that keeps this few free has met its limit
MOST_BUSY = 50  # percent of a core
MOST_LOG = 100e3  # bytes a second
RECOVERY = 20.0  # s


@check(
    "descriptor-limit",
    peer=f"are {CROWD}, but the server may use only {LIMIT} descriptors; then they all close",
    mistake="accept() fails with EMFILE and is called again at once, as fast as the processor can; or "
    "the error ends the loop, and no client is served again; or what clients have closed is never closed, "
    "so no descriptor becomes free.",
    clause="accept(2): EMFILE. getrlimit(2): RLIMIT_NOFILE.",
    scenarios=["emfile-spin", "descriptor-exhaustion"],
    descriptors=LIMIT,
)
def descriptor_limit(trial: Trial) -> Finding:
    busy = logged = 0.0
    silent = (b"", "silent clients: ")  # for a server that ends half a request or a handshake
    for words, who in [silent] if trial.wish.tls else [(trial.request.half, ""), silent]:
        with trial.crowd(CROWD, at_least=FEWEST, within=CONNECTING, bare=True) as crowd:
            crowd.send(words)
            most = _fullest(trial)
            if reached := most >= LIMIT - SPARE:
                busy, logged = _watched(trial)
            crowd.fin()
        if reached or trial.target.ending():
            break
        with schedule.only_waiting():
            trial.meter.settles(trial.before, CROWD, within=trial.soon)
    if not reached and not trial.target.ending():
        raise NotStruck(f"the limit was not reached: {most} of {LIMIT} descriptors used")
    said = f"{who}{most} of {LIMIT} descriptors, {busy:.0f} % of a core, {logged / 1000:.0f} kB/s of log"
    if trial.target.ending():
        return Finding(FAIL, said)  # the caller says how it ended
    began = time.monotonic()
    if why := trial.fresh(within=RECOVERY):
        return Finding(FAIL, f"{said}; no recovery in {RECOVERY:.0f} s: {why}", trial.meter.held())
    recovered = f"{said}; serves again after {time.monotonic() - began:.1f} s"
    if busy > MOST_BUSY:
        return Finding(FAIL, f"too busy: {recovered}")
    if logged > MOST_LOG:
        return Finding(FAIL, f"fills its log: {recovered}")
    return Finding(PASS, recovered)


def _fullest(trial: Trial) -> int:
    """The descriptors of the process that has most, once it has them all or their number is stable."""
    most, since = -1, time.monotonic()
    deadline = since + 5.0
    while most < LIMIT and time.monotonic() < min(deadline, since + STILL):
        now = max(trial.meter.take().descriptors.values(), default=0)
        if now != most:
            most, since = now, time.monotonic()
        time.sleep(LOOK)  # the next count: accepting takes processor time, and so does counting
    return most


def _watched(trial: Trial) -> tuple[float, float]:
    """How busy the server is, in percent of a core, and how much it logs, in bytes a second.

    The quietest of several windows counts: a program that spins does so in each of them, no matter what else the
    machine does. So one in which it rests, and hardly logs, is enough.
    """
    pids, output = trial.target.pids, trial.target.output
    size, began = log_bytes(pids, output), time.monotonic()
    busy, logged = float("inf"), 0.0
    for _ in range(WINDOWS):
        busy = min(busy, processor.busy(pids, WINDOW))
        logged = (log_bytes(pids, output) - size) / (time.monotonic() - began)
        if busy < MOST_BUSY / 2 and logged < MOST_LOG / 10:
            break
    return busy, logged
