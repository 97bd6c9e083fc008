"""Replies that do not come: what a client waits for and how long."""

from __future__ import annotations

from linger.check.client import check, ruling
from linger.check.client.encounter import Encounter
from linger.check.finding import Finding

FOREVER = "No timeout is set, and most libraries have none by default."
PATIENT = (
    "RFC 9112, section 9.5 requires no timeout. RFC 9293, section 3.8.3: TCP gives up only on "
    "unacknowledged data."
)


@check(
    "waits-without-socket",
    peer="ends the connection at every point of an exchange",
    mistake="No handler sees the end (a promise never settled, a callback never called), so the "
    "program waits for a connection that no longer exists.",
    clause="RFC 9112, section 9.3.1: be ready to recover from a close at any time.",
    scenarios=["waits-without-socket"],
)
def waits_without_socket(encounter: Encounter) -> Finding:
    behaviours = [
        "short-length-fin-keep", "half-header-fin", "accept-fin", "accept-rst", "unanswered-fin",
        "unanswered-rst",
    ]  # fmt: skip
    encounter.begin(*behaviours)
    tries = encounter.asks(behaviours)
    encounter.struck(*(one.behaviour for one in tries))
    return ruling.released(tries)


def _waited(encounter: Encounter, behaviour: str) -> Finding:
    """Meet a behaviour for the whole of the caller's patience."""
    name = behaviour.partition("=")[0]
    encounter.begin(behaviour)
    limit = encounter.order.patience
    outcome = encounter.ask(name, limit=limit)
    encounter.struck(name)
    return ruling.patience(outcome, limit)


@check(
    "silent",
    peer="reads the request, and never answers",
    mistake=FOREVER,
    clause=PATIENT,
    scenarios=["half-open-peer"],
    slow=True,
)
def silent(encounter: Encounter) -> Finding:
    return _waited(encounter, "silence")


@check(
    "stalled-body",
    peer="sends half of the body, and then nothing",
    mistake=FOREVER + " Some timeouts stop at the header.",
    clause=PATIENT,
    scenarios=["half-open-peer"],
    slow=True,
)
def stalled_body(encounter: Encounter) -> Finding:
    return _waited(encounter, "stalled-body")


@check(
    "trickle",
    peer="sends a byte of the body every half second",
    mistake="Each byte restarts the timeout, so a server can hold a client for days.",
    clause=PATIENT,
    scenarios=["half-open-peer"],
    slow=True,
)
def trickle(encounter: Encounter) -> Finding:
    return _waited(encounter, "trickle=500ms")
