"""Many failed exchanges, and what they leave behind."""

from __future__ import annotations

from linger.check.client import check, ruling
from linger.check.client.encounter import GET, POST, Encounter
from linger.check.client.turncoat import GOOD
from linger.check.finding import Finding

KINDS = {
    "short-length-fin-keep": GET, "half-header-fin": GET, "unanswered-rst": GET, "not-found": GET,
    "early-413-drained": POST,
}  # fmt: skip
RESTING = 5.0  # s


@check(
    "error-leak",
    peer="fails every request, in several ways in turn: half a body, half a header, no reply, 404, 413",
    mistake="The error path forgets close(), or leaves a body unread, which in some libraries is the "
    "caller's duty to read.",
    clause="close(2). RFC 9293, section 3.6: CLOSE_WAIT waits for the program.",
    scenarios=["connect-failure-leak", "client-reconnect-leak", "recv-timeout-leak"],
)
def error_leak(encounter: Encounter) -> Finding:
    encounter.must_be_driven("keeps nothing")
    encounter.begin(GOOD, *KINDS)
    encounter.good()
    before = encounter.meter.take().connections
    count = encounter.order.failures
    for behaviour, method in KINDS.items():
        tries = []
        for _ in range(count):
            tries.append(encounter.ask(behaviour, method))
            if finding := ruling.broken(tries):
                return finding
        encounter.struck(behaviour)
    left = encounter.left(before, 0, within=RESTING)
    finding = ruling.leak(left, count, len(KINDS), RESTING, encounter.meter.held())
    held = {behaviour: encounter.connected(behaviour) for behaviour in KINDS}
    finding.notes += [f"{number} from {behaviour}" for behaviour, number in held.items() if number]
    leaky = [behaviour for behaviour, number in held.items() if 2 * number >= count]
    finding.ports += map(encounter.turncoat.port, leaky)
    return finding
