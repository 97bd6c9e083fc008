"""A program that lasts, in three phases: its server is good, then faulty, then good again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Callable, ContextManager

from linger.check import schedule
from linger.check.client.vigil import connections
from linger.check.finding import Held, NotStruck
from linger.check.relay import proof
from linger.check.relay.middle import PASS
from linger.check.relay.pulse import Look, Pulse
from linger.check.relay.stage import Stage
from linger.lab.errors import TargetDied
from linger.lab.service import STARTING

GOOD, FAULTY = 3.0, 4.0  # s
RESTING = 1.0  # s at the end of the last phase in which held connections are counted
DEAD = ("CLOSE_WAIT", "LAST_ACK", "CLOSING")
Fault = Callable[[Stage, int], ContextManager[None]]  # in force on a port as long as the context lasts


@dataclass(frozen=True)
class Lived:
    """What happened to a program that lasts."""

    looks: list[Look]
    struck: float  # s, on the looks' clock, when the fault began
    back: float | None = None  # s from the end of the fault until the backend's bytes reached it again
    ended: str = ""  # how it ended, in words
    killed: bool = False  # by a signal
    attempts: int = 0  # connections that it opened during the fault
    dead: int = 0  # how many more connections that the server had ended it held at the end than before
    held: list[Held] = field(default_factory=list)


def live(stage: Stage, name: str, fault: Fault) -> Lived:
    """Let the client live through a fault. name: of the fault, for the timeline.

    Errors: TargetDied when it ends before the fault; NotStruck when it had no connection to strike.
    """
    stage.serve()
    stage.begin(PASS)
    port = stage.relay.port(PASS)
    program = stage.start(PASS)
    watched = Pulse(stage.client, port, program.output)
    watched.watch("good", STARTING, lambda: stage.relay.talks_since(port, 0.0) or program.done())
    watched.watch("good", GOOD, program.done)
    if program.done() or not stage.relay.talks_since(port, 0.0):
        raise TargetDied(f"the client has no server in the good phase: it {program.ending()}"
                         f"{program.last_output()}")  # fmt: skip
    dead, struck, opened = _dead(stage, port), watched.looks[-1].at, watched.looks[-1].opened
    stage.lab.since = time.time()
    with schedule.only_waiting():
        with fault(stage, port):
            watched.watch(name, FAULTY, program.done)
            attempts = watched.looks[-1].opened - opened
            if not stage.relay.struck(port) and not attempts:
                raise NotStruck(f"it had no connection, and opened none, during {name}")
        good = time.time()
        watched.watch(
            "good", stage.task.order.patience,
            lambda: stage.relay.talks_since(port, good) or program.done(),
        )  # fmt: skip
        watched.watch("good", RESTING, program.done)
    proof.must_hold(stage, [PASS])
    at = stage.relay.talks_since(port, good)
    stage.timed |= at is None
    lived = Lived(watched.looks, struck, None if at is None else at - good, attempts=attempts)
    if program.done():
        how = f"{program.ending()}, {watched.looks[-1].at - struck:.1f} s after the fault began"
        return replace(lived, ended=f"{how}{program.last_output()}", killed=program.status is None)
    return replace(lived, dead=_dead(stage, port) - dead, held=stage.meter.held())


def _dead(stage: Stage, port: int) -> int:
    """How many ended connections the client holds: those that the server ended, or that are gone."""
    states = connections(stage.client, port)
    return sum(states[state] for state in DEAD) + sum(stage.meter.take().gone.values())
