"""A server that fails for a while and comes back."""

from __future__ import annotations

import contextlib
from typing import Iterator, Sequence

from linger.check.client import ruling
from linger.check.finding import Finding, NotStruck
from linger.check.relay import check, meetings, judgement
from linger.check.relay.middle import PASS, REFUSES
from linger.check.relay.phases import Fault, live
from linger.check.relay.stage import Stage
from linger.lab import faults

NEVER_AGAIN = "A dead connection is used again and again, or nothing opens a new one."
FOREVER = "No timeout is set, and most libraries have none by default."
CONNECT_ANEW = "RFC 9112, section 9.3.1: be ready to recover from a close at any time, in any protocol."
PATIENT = "RFC 9293, section 3.8.3: TCP gives up only on unacknowledged data. tcp(7): TCP_USER_TIMEOUT."


@contextlib.contextmanager
def _struck(strike: str, stage: Stage, port: int) -> Iterator[None]:
    """Let a strike fall on all connections while the context lasts."""
    stage.relay.become(port, strike)
    yield
    stage.relay.become(port, PASS)


def _strike(name: str) -> Fault:
    return lambda stage, port: _struck(name, stage, port)


@contextlib.contextmanager
def _refused(stage: Stage, port: int) -> Iterator[None]:
    stage.relay.command(f"refuse {port}")
    yield
    stage.relay.command(f"listen {port}")


@contextlib.contextmanager
def _restarted(stage: Stage, port: int) -> Iterator[None]:
    stage.restart(port)
    yield
    stage.relay.command(f"listen {port}")


@contextlib.contextmanager
def _vanished(stage: Stage, port: int) -> Iterator[None]:
    """Neither side is notified; connections that were open stay gone."""
    with _struck("gone", stage, port):
        lost = faults.partition(stage.client, stage.server)
        yield
        lost.lift()


def _comes_back(stage: Stage, what: str, name: str, fault: Fault) -> Finding:
    """A program that lasts meets a fault that the server announces. Errors: NotStruck for one that ends by
    itself."""
    if not stage.task.lasts:
        raise NotStruck("it ends by itself, so it does not come back; see cut-at-each-message")
    return judgement.recovered(what, live(stage, name, fault), hard=True)


def _waited(stage: Stage, ways: Sequence[str]) -> Finding:
    """A program that ends meets endless silence, at each message."""
    planned = meetings.strikes(stage, ways)
    limit = stage.task.order.patience
    tries = meetings.met_all(stage, planned, limit)
    return judgement.waited(tries, stage.task.order.yardstick.good, len(planned), limit)


@check(
    "recover-fin",
    peer="ends every connection with a FIN for 4 s",
    mistake=NEVER_AGAIN,
    clause=CONNECT_ANEW,
    scenarios=["pool-keeps-dead"],
)
def recover_fin(stage: Stage) -> Finding:
    return _comes_back(stage, "4 s of FIN", "fin", _strike("fin"))


@check(
    "recover-rst",
    peer="resets every connection for 4 s",
    mistake=NEVER_AGAIN,
    clause=CONNECT_ANEW,
    scenarios=["pool-keeps-dead"],
)
def recover_rst(stage: Stage) -> Finding:
    return _comes_back(stage, "4 s of RST", "rst", _strike("rst"))


@check(
    "recover-refuse",
    peer="ends every connection, and refuses new ones for 4 s",
    mistake="The program ends, or never tries again.",
    clause="connect(2): ECONNREFUSED.",
    scenarios=["connect-failure-leak"],
)
def recover_refuse(stage: Stage) -> Finding:
    if stage.task.lasts:
        return _comes_back(stage, "4 s of refusal", "refuse", _refused)
    stage.serve()
    stage.begin(REFUSES)
    return ruling.turned_away(stage.meets([REFUSES])[0])


@check(
    "recover-restart",
    peer="is restarted, and remembers nothing",
    mistake=NEVER_AGAIN + " Or the program does not repeat what it had sent to the old server, such as a "
    "login.",
    clause=CONNECT_ANEW,
    scenarios=["pool-keeps-dead"],
)
def recover_restart(stage: Stage) -> Finding:
    return _comes_back(stage, "a restart", "restart", _restarted)


@check(
    "recover-stall",
    peer="falls silent for 4 s, and forever on connections of that time; or, from each message of an "
    "exchange on, is silent or sends a byte every 0.5 s",
    mistake=FOREVER,
    clause=PATIENT,
    scenarios=["half-open-peer"],
    slow=True,
)
def recover_stall(stage: Stage) -> Finding:
    if stage.task.lasts:
        return judgement.recovered("4 s of silence", live(stage, "stall", _strike("stall")), hard=False)
    return _waited(stage, ("stall", "trickle"))


@check(
    "recover-gone",
    peer="vanishes without a FIN: every packet is dropped for 4 s, and forever on connections that "
    "were open; or from each message of an exchange on",
    mistake=FOREVER,
    clause=PATIENT,
    scenarios=["half-open-peer"],
    slow=True,
)
def recover_gone(stage: Stage) -> Finding:
    if stage.task.lasts:
        return judgement.recovered("4 s of lost packets", live(stage, "gone", _vanished), hard=False)
    return _waited(stage, ("gone",))
