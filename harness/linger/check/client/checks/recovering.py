"""A server that goes away and comes back."""

from __future__ import annotations

import time

from linger.check.client import check, ruling
from linger.check.client.encounter import Encounter
from linger.check.client.outcome import Outcome
from linger.check.client.turncoat import GOOD, REFUSE
from linger.check.finding import FAIL, Finding

GONE = 2.0  # s
AGAIN = 0.25  # s until a failed request is retried


@check(
    "recover-restart",
    peer="is restarted between two requests",
    mistake="A dead connection is used again and again, or a library remembers the failure.",
    clause="RFC 9112, section 9.3.1: be ready to recover from a close at any time.",
    scenarios=["pool-keeps-dead"],
)
def recover_restart(encounter: Encounter) -> Finding:
    encounter.must_be_driven("meets no restart")
    encounter.begin(GOOD)
    encounter.good()
    port = encounter.turncoat.port(GOOD)
    encounter.turncoat.command(f"refuse {port}")
    encounter.turncoat.command(f"listen {port}")
    took, tries = _until_good(encounter, GOOD)
    return ruling.recovery("a restart", took, tries)


@check(
    "recover-refuse",
    peer="refuses every connection for a while",
    mistake="The program ends, or never tries again.",
    clause="connect(2): ECONNREFUSED. RFC 9110, section 9.2.2 leaves it to the client when to retry.",
    scenarios=["connect-failure-leak"],
)
def recover_refuse(encounter: Encounter) -> Finding:
    encounter.begin(GOOD, REFUSE)
    if not encounter.driven:
        return ruling.turned_away(encounter.ask(REFUSE))
    encounter.good()
    port = encounter.turncoat.port(GOOD)
    encounter.turncoat.command(f"refuse {port}")
    began = time.monotonic()
    tries = []
    while time.monotonic() < began + GONE:
        tries.append(encounter.ask(GOOD))
        if finding := ruling.broken(tries):
            return finding
        time.sleep(AGAIN)
    if any(one.took for one in tries):
        return Finding(FAIL, "success is reported although the server refuses")
    encounter.turncoat.command(f"listen {port}")
    took, later = _until_good(encounter, GOOD)
    return ruling.recovery(f"{len(tries)} refused requests", took, later)


def _until_good(encounter: Encounter, behaviour: str) -> tuple[float | None, list[Outcome]]:
    """Make requests until one succeeds; returns the seconds that took, and the tries."""
    began = time.monotonic()
    tries: list[Outcome] = []
    while (took := time.monotonic() - began) < ruling.SOON:
        tries.append(encounter.ask(behaviour))
        if tries[-1].took:
            return took, tries
        time.sleep(AGAIN)
    encounter.timed = True
    return None, tries
