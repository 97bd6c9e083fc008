"""Servers that end and are restarted at once, while their port is still in use."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable

from linger.check.finding import CHOICE, FAIL, PASS, WARN, Finding, NotStruck, not_tested
from linger.check.server import check
from linger.check.server.scene import FRESH
from linger.check.server.trial import Trial
from linger.lab import faults
from linger.lab.errors import TargetDied

MISTAKE = (
    "bind() fails with EADDRINUSE, because the old listener did not have SO_REUSEADDR (or "
    "SO_REUSEPORT), or a child still holds it."
)


@check(
    "restart-term",
    peer="have just left, or are connected, when the server is stopped and started again",
    mistake=MISTAKE,
    clause="socket(7): SO_REUSEADDR. bind(2): EADDRINUSE.",
    scenarios=["restart-eaddrinuse", "restart-matrix", "inherited-fd"],
    ends_target=True,
)
def restart_term(trial: Trial) -> Finding:
    def stop() -> str:
        nonlocal listens
        if trial.target.signal(trial.wish.plan.stop):
            return ""
        listens = trial.meter.awaits("LISTEN >= 1", within=0)
        trial.target.kill()
        return f"; {trial.wish.plan.stop.name} did not end it, SIGKILL did"

    listens = False
    found = _restart(trial, stop)
    if listens and found.verdict == PASS:
        told = f"{trial.wish.plan.stop.name} leaves a process that still listens, so the port is in use"
        return replace(found, verdict=WARN, measured=f"{told}; {found.measured}")
    return found


@check(
    "restart-kill",
    peer="have just left, or are connected, when the server is killed and started again",
    mistake=MISTAKE,
    clause="socket(7): SO_REUSEADDR. bind(2): EADDRINUSE.",
    scenarios=["restart-eaddrinuse", "restart-matrix", "inherited-fd"],
    ends_target=True,
)
def restart_kill(trial: Trial) -> Finding:
    def kill() -> str:
        trial.target.kill()
        return ""

    whole = _restart(trial, kill)
    if whole.verdict != PASS or len(trial.target.pids) < 2:
        return whole
    trial.target.kill_command()
    try:
        trial.start()
    except TargetDied:
        more = "; not if only its first process is killed, because the others keep the port"
        return Finding(CHOICE, whole.measured + more)
    return whole


def _restart(trial: Trial, end: Callable[[], str]) -> Finding:
    """Use the port, end the server, and restart it. end: ends it, returns a remark.

    Clients that leave come first: those that stay would hold up a server that serves one by one.
    """
    live = trial.at_once(max(1, trial.n // 2))
    _leave_timewaits(trial)
    with trial.crowd(live, at_least=1) as crowd:
        trial.greet(crowd)
        trial.accepted(crowd)
        remark = end()
        states = trial.meter.snapshot()["states"]
        used = {state: n for state, n in states.items() if n and state != "LISTEN"}
        if not used:
            raise NotStruck("no connection was left on the port when the server had ended")
        left = ", ".join(f"{n} {state}" for state, n in used.items())
        try:
            trial.start()
        except TargetDied as error:
            return _cannot_start(trial, left, str(error))
        if why := trial.fresh(FRESH):
            return Finding(FAIL, f"starts over {left}, but then: {why}{remark}")
        return Finding(PASS, f"starts again over {left}{remark}")


def _leave_timewaits(trial: Trial) -> None:
    """Let the server close some connections first, if it ever does."""
    for wave in trial.waves():
        wave.send(trial.request.payload)
        wave.read(1.0)
        wave.fin()


def _cannot_start(trial: Trial, left: str, why: str) -> Finding:
    """The finding when it does not start. It is tried again once the connections are gone."""
    sentence, *output = why.splitlines()
    trial.target.kill()
    faults.destroy(trial.server, f"sport = :{trial.wish.plan.port}")
    try:
        trial.start()
    except TargetDied:
        return not_tested(f"even without any connection it does not start again: {sentence}")
    notes = [f"on the port: {left}", *(line.strip() for line in output)]
    return Finding(FAIL, f"does not start again over {left}: {sentence}", notes=notes)
