"""Idle connections that the server ends, and how a pool handles them."""

from __future__ import annotations

import time

from linger.check.client import check, ruling
from linger.check.client.encounter import GET, POST, Encounter
from linger.check.client.outcome import Outcome
from linger.check.client.turncoat import GOOD
from linger.check.finding import FAIL, Finding, NotStruck

NOTICED = 1.2  # s that an idle client has to notice the end
BETWEEN = 1.0  # s of rest between rounds
ROUNDS, TRIES = 3, 3
IDLE = 3  # servers: a pool keeps a connection to each
ONCE = "makes one request only"


@check(
    "stale-pool",
    peer="closes an idle connection 1.2 s before the next request",
    mistake="The pool hands out a connection without checking whether it has ended; recv(MSG_PEEK) or "
    "poll() would show it.",
    clause="RFC 9112, section 9.5: watch open connections for their end, and respond to it.",
    scenarios=["poisoned-pool", "pool-keeps-dead"],
)
def stale_pool(encounter: Encounter) -> Finding:
    encounter.must_be_driven(ONCE)
    encounter.begin("idle-close=300ms")
    encounter.good("idle-close")
    get = _after_strike(encounter, 1, GET)
    return ruling.stale(get, _after_strike(encounter, 2, POST) if get.took else None)


def _after_strike(encounter: Encounter, times: int, method: str) -> Outcome:
    encounter.await_strike("idle-close", times)
    time.sleep(NOTICED)  # measured: the client had this long to notice the end
    return encounter.ask("idle-close", method)


@check(
    "idle-close",
    peer="closes idle connections to several servers with a FIN, again and again",
    mistake="Nothing watches an idle connection, so it stays in CLOSE_WAIT until its next use, which "
    "may never come.",
    clause="RFC 9293, section 3.6: CLOSE_WAIT waits for the program.",
    scenarios=["pool-keeps-dead", "client-reconnect-leak"],
)
def idle_close(encounter: Encounter) -> Finding:
    counts, tries = _rounds(encounter, "idle-close")
    return ruling.idle(tries, counts, IDLE, encounter.order.rest, encounter.meter.held())


@check(
    "idle-reset",
    peer="resets idle connections to several servers, again and again",
    mistake="Nothing watches an idle connection. After a RST no kernel table shows it, but its "
    "descriptor is still held.",
    clause="RFC 9293, section 3.10.7.4: a RST ends the connection; only close() frees its descriptor.",
    scenarios=["pool-keeps-dead", "reset-leak"],
)
def idle_reset(encounter: Encounter) -> Finding:
    counts, tries = _rounds(encounter, "idle-reset")
    held = encounter.meter.held()
    later = [encounter.ask("idle-reset") for _ in range(TRIES)]
    found = ruling.idle([*tries, *later], counts, IDLE, encounter.order.rest, held)
    if found.verdict != FAIL and not any(one.took for one in later):
        return Finding(FAIL, f"no request succeeds any more: {later[-1].said}")
    return found


def _rounds(encounter: Encounter, behaviour: str) -> tuple[list[int], list[Outcome]]:
    """Use several servers and let them end the connections; returns how many more connections than before the
    client holds after each round, and the outcomes of the requests. Errors: NotStruck."""
    encounter.must_be_driven(ONCE)
    origins = [behaviour, *(f"{behaviour}-{number}" for number in range(2, IDLE + 1))]
    encounter.begin(GOOD, *[f"{behaviour}=300ms"] * IDLE)
    encounter.good()
    before = encounter.meter.take().connections
    counts, tries = [], []
    for number in range(1, ROUNDS + 1):
        # In later rounds the requests may meet what the pool has kept.
        tries += [encounter.ask(origin) for origin in origins]
        for origin in origins:
            encounter.await_end(origin)
        rest = encounter.order.rest if number == ROUNDS else BETWEEN
        counts.append(encounter.left(before, 0, within=rest))
    if not all(encounter.turncoat.strikes(encounter.turncoat.port(origin)) for origin in origins):
        raise NotStruck("it keeps no connection for another request, or only the last one")
    return counts, tries


@check(
    "unsolicited-reply",
    peer="sends a second, unsolicited reply, at once or a while later",
    mistake="Bytes waiting in a pooled connection are taken as the answer to the next request: from "
    "then on each answer belongs to the previous request.",
    clause="RFC 9112, section 9.2: after a reply without a request the client closes the connection.",
    scenarios=["poisoned-pool"],
)
def unsolicited_reply(encounter: Encounter) -> Finding:
    encounter.must_be_driven(ONCE)
    behaviours = ["unsolicited-now", "unsolicited-later"]
    encounter.begin("unsolicited-now", "unsolicited-later=300ms")
    findings = []
    for behaviour in behaviours:
        encounter.good(behaviour)
        encounter.await_strike(behaviour, 1)
        second = encounter.ask(behaviour)
        findings.append(ruling.answered(second, encounter.turncoat.digest("unsolicited")))
    return ruling.worst(findings)
