"""Requests that are read and not answered: whether they are sent again."""

from __future__ import annotations

from linger.check.client import check, ruling
from linger.check.client.encounter import GET, POST, Encounter
from linger.check.finding import Finding, not_tested

FRESH = ("unanswered-fin", "unanswered-rst")
REUSED = ("reused-fin", "reused-rst")


@check(
    "repeated-request",
    peer="reads a request, does what it asks, and closes before it answers",
    mistake="Whoever sends again does not know whether the first one was carried out: an order is "
    "placed twice.",
    clause="RFC 9110, section 9.2.2: no automatic retry of what is not idempotent. RFC 9112, "
    "section 9.3.1.",
    scenarios=["repeated-post"],
)
def repeated_request(encounter: Encounter) -> Finding:
    encounter.begin(*FRESH, *REUSED)
    if not encounter.driven:
        return ruling.worst([_fresh_run(encounter, behaviour) for behaviour in FRESH])
    findings = [_fresh(encounter, behaviour, method) for behaviour in FRESH for method in (GET, POST)]
    findings += [_reused(encounter, behaviour, method) for behaviour in REUSED for method in (GET, POST)]
    return ruling.worst(findings)


def _fresh_run(encounter: Encounter, behaviour: str) -> Finding:
    """A command's own request, whatever its method is."""
    outcome = encounter.ask(behaviour)
    encounter.struck(behaviour)
    port = encounter.turncoat.port(behaviour)
    read = encounter.turncoat.events(port, "request", whole=1)
    method = read[0]["method"] if read else GET
    return ruling.broken([outcome]) or ruling.repeated(method, False, len(read), outcome.seconds)


def _fresh(encounter: Encounter, behaviour: str, method: str) -> Finding:
    outcome = encounter.ask(behaviour, method)
    encounter.struck(behaviour)
    reads = len(encounter.turncoat.reads(encounter.turncoat.port(behaviour), method))
    return ruling.broken([outcome]) or ruling.repeated(method, False, reads, outcome.seconds)


def _reused(encounter: Encounter, behaviour: str, method: str) -> Finding:
    """The second request of a connection; each first one gets the good reply."""
    port = encounter.turncoat.port(behaviour)
    encounter.turncoat.command(f"become {port} good")
    encounter.good(behaviour)
    encounter.turncoat.command(f"become {port} {behaviour}")
    before, strikes = len(encounter.turncoat.reads(port, method)), encounter.turncoat.strikes(port)
    outcome = encounter.ask(behaviour, method)
    if encounter.turncoat.strikes(port) == strikes:
        return not_tested("it does not use a connection twice")
    reads = len(encounter.turncoat.reads(port, method)) - before
    return ruling.broken([outcome]) or ruling.repeated(method, True, reads, outcome.seconds)
