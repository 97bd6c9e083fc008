"""Replies that come while the request is still being sent."""

from __future__ import annotations

from linger.check.client import check, ruling
from linger.check.client.encounter import LARGE, POST, QUICKLY, Encounter
from linger.check.client.outcome import Outcome
from linger.check.finding import Finding, NotStruck

STATUS = 413
DRAINED, DEAF = "early-413-drained", "early-413-deaf"


@check(
    "early-reply",
    peer="answers 413 as soon as it has the header of an upload; in one run it reads on, in another it "
    "does not",
    mistake="The client reads only when all is written: it loses a reply that says why, or waits "
    "forever for room in a buffer that is never emptied.",
    clause="RFC 9112, section 9.5: a client should watch for a reply while it sends. RFC 9110, "
    "section 15.5.14.",
    scenarios=["close-unread-reset"],
)
def early_reply(encounter: Encounter) -> Finding:
    encounter.begin(DRAINED, DEAF)
    drained = _upload(encounter, DRAINED)
    deaf = _upload(encounter, DEAF)
    if not encounter.driven and drained.success is False and str(STATUS) not in drained.said:
        raise NotStruck("its exit code does not show whether it read the reply; needs --driver")
    return ruling.early(drained, deaf, STATUS)


def _upload(encounter: Encounter, behaviour: str) -> Outcome:
    outcome = encounter.ask(behaviour, POST, limit=QUICKLY, size=LARGE)
    if not encounter.turncoat.strikes(encounter.turncoat.port(behaviour)):
        raise NotStruck("its request has no body" if not encounter.driven else "its POST has no body")
    return outcome
