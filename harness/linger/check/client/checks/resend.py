"""Requests that are read but not answered: whether the client sends them again."""

from __future__ import annotations

from linger.check.client import check, ruling
from linger.check.client.encounter import GET, POST, Encounter
from linger.check.client.outcome import Outcome
from linger.check.finding import Finding

FRESH = ("unanswered-fin", "unanswered-rst")
REUSED = ("reused-fin", "reused-rst")


@check(
    "repeated-request",
    peer="reads a request, carries it out, and closes without an answer",
    mistake="A client that sends it again does not know whether the first was carried out: an order is "
    "placed twice.",
    clause="RFC 9110, section 9.2.2: no automatic retry of a request that is not idempotent. RFC 9112, "
    "section 9.3.1.",
    scenarios=["repeated-post"],
)
def repeated_request(encounter: Encounter) -> Finding:
    encounter.begin(*FRESH, *REUSED)
    if not encounter.driven:  # the command's own request, with any method
        outcomes = encounter.asks(FRESH)
        sent = [_sent(encounter, outcome) for outcome in outcomes]
        return ruling.broken(outcomes) or ruling.repeated(sent)
    sent = []
    for method in (GET, POST):
        for behaviour in (*FRESH, *REUSED):
            reused = behaviour in REUSED
            outcome, read = _met(encounter, behaviour, method, reused)
            if finding := ruling.broken([outcome]):
                return finding
            if read is not None:
                sent.append(_sent(encounter, outcome, method, read, reused))
    return ruling.repeated(sent)


def _met(
    encounter: Encounter, behaviour: str, method: str, reused: bool
) -> tuple[Outcome, int | None]:
    """Let the client make a request, on a connection that has carried another one if it is to be reused.

    Returns its outcome, and how many requests the server had read before; None: it reused none.
    """
    if not reused:
        return encounter.ask(behaviour, method), 0
    port = encounter.turncoat.port(behaviour)
    encounter.turncoat.command(f"become {port} good")
    encounter.good(behaviour)
    encounter.turncoat.command(f"become {port} {behaviour}")
    read, strikes = len(encounter.turncoat.reads(port, method)), encounter.turncoat.strikes(port)
    outcome = encounter.ask(behaviour, method)
    return outcome, read if encounter.turncoat.strikes(port) > strikes else None


def _sent(
    encounter: Encounter, outcome: Outcome, method: str = "", before: int = 0, reused: bool = False
) -> ruling.Sent:
    """How often the server read a request. method: "" for the client's own; before: reads before."""
    encounter.struck(outcome.behaviour)
    read = encounter.turncoat.reads(encounter.turncoat.port(outcome.behaviour), method)
    return ruling.Sent(method or read[0]["method"], outcome.port, reused, len(read) - before, outcome.seconds)
