"""Strikes at each message: one run each for a program that ends, one start each for one that lasts."""

from __future__ import annotations

import time
from typing import Sequence

from linger.check.client.outcome import Outcome
from linger.check.client.subject import Program
from linger.check.client.vigil import LOOK
from linger.check.finding import NotStruck
from linger.check.relay import exchange, proof
from linger.check.relay.judgement import SOON, Met, Survived, met
from linger.check.relay.stage import QUICKLY, Stage

FEW = 4  # messages of a program that lasts: the first ones
SEVERAL = 6  # of them at the same time
FALLS = 15.0  # s within which a strike must fall


def strikes(stage: Stage, ways: Sequence[str], most: int = exchange.MOST) -> list[str]:
    """Each kind of strike at each place of the good exchange. most: messages."""
    places = exchange.places(stage.task.exchange, most)
    if not places:
        raise NotStruck("the server said nothing in the good exchange")
    return [f"{way}@{place}" for way in ways for place in places]


def met_all(stage: Stage, planned: Sequence[str], limit: float = QUICKLY) -> list[Met]:
    """Let a program that ends meet strikes; returns the outcome of those that fell."""
    stage.serve()
    stage.begin(*planned)
    fell = _fallen(stage, planned, limit)
    if limit <= QUICKLY:  # a busy machine may split the same bytes into other messages
        missed = [strike for strike in planned if not stage.relay.struck(stage.relay.port(strike))]
        for strike in missed:
            stage.relay.become(stage.relay.port(strike), strike)
        fell += _fallen(stage, missed, limit)
    proof.must_hold(stage, planned)
    if not fell:
        raise NotStruck("no strike fell: the exchange went another way")
    order = stage.task.order
    return [met(one, order.yardstick.good, bool(order.verify)) for one in fell]


def _fallen(stage: Stage, planned: Sequence[str], limit: float) -> list[Outcome]:
    """Let the client meet strikes; returns its outcomes where they fell."""
    return [one for one in stage.meets(planned, limit) if stage.relay.struck(one.port)]


def survived_all(stage: Stage, planned: Sequence[str]) -> list[Survived]:
    """Start a program that lasts once for each strike; returns the outcome of those that fell."""
    stage.serve()
    stage.begin(*planned)
    found: list[Survived] = []
    for first in range(0, len(planned), SEVERAL):
        found += _survive(stage, planned[first : first + SEVERAL])
    proof.must_hold(stage, planned)
    if not found:
        raise NotStruck("no strike fell: the exchange went another way")
    return found


def _survive(stage: Stage, planned: Sequence[str]) -> list[Survived]:
    waiting = {strike: (stage.start(strike), time.monotonic()) for strike in planned}
    found: list[Survived] = []
    while waiting:
        for strike, (program, began) in list(waiting.items()):
            one = _look(stage, strike, program)
            fell = stage.relay.struck(stage.relay.port(strike))
            late = not fell and time.monotonic() - began > FALLS
            if one or late:
                found += [one] if one else []
                program.stop()
                del waiting[strike]
        time.sleep(LOOK)  # the next look
    for one in found:
        stage.tell(f"{one.strike}: {one.ended or one.back}")
    return found


def _look(stage: Stage, strike: str, program: Program) -> Survived | None:
    """The program's outcome after the strike; None: not known yet."""
    port = stage.relay.port(strike)
    fell = [float(event["t"]) for event in stage.relay.struck(port)]
    if not fell:
        return None
    at = stage.relay.talks_since(port, fell[0])
    if at is not None:
        return Survived(strike, at - fell[0])
    if program.done():
        return Survived(strike, ended=program.ending(), killed=program.status is None)
    if time.time() - fell[0] > SOON:
        stage.timed = True
        return Survived(strike)
    return None
