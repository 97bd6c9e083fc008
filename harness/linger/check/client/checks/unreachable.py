"""Servers from which no packet comes any more, or none ever did."""

from __future__ import annotations

import time

from linger.check import schedule
from linger.check.client import check, ruling
from linger.check.client.encounter import Encounter
from linger.check.client.surroundings import BLACK_HOLE, TWO, reach_two
from linger.check.client.turncoat import GOOD
from linger.check.finding import Finding, NotStruck
from linger.lab import faults

TRYING = 20.0  # s: the kernel gives up on an address after 7 s
PROBES = {"tcp_keepalive_time": 10, "tcp_keepalive_intvl": 2, "tcp_keepalive_probes": 3}
LOOK = 0.5  # s
STRIKES = 4.0  # s: then the server closes, and at least that FIN is lost


@check(
    "black-hole",
    peer="has two addresses, and nothing comes back from the first",
    mistake="The addresses are tried one after another, each until the kernel gives up, or the "
    "second is never tried.",
    clause="RFC 8305, section 5: the next address is tried after 250 ms.",
    scenarios=["half-open-peer"],
)
def black_hole(encounter: Encounter) -> Finding:
    reach_two(encounter.client)
    lost = faults.watch(encounter.server, f"ip6 daddr {BLACK_HOLE} tcp flags syn")
    encounter.begin(GOOD)
    outcome = encounter.ask(GOOD, limit=TRYING, host=TWO)
    if not lost.struck():
        raise NotStruck(f"it never tried the first address: {outcome.said}")
    return ruling.raced(outcome)


@check(
    "vanished-idle",
    peer="vanishes without a FIN while a connection is idle: all packets are dropped",
    mistake="Neither SO_KEEPALIVE nor a timeout: a connection whose other end is gone without a FIN "
    "stays forever.",
    clause="RFC 9293, section 3.8.4: keepalive is off by default. tcp(7): TCP_USER_TIMEOUT.",
    scenarios=["half-open-peer", "idle-connection"],
    slow=True,
    sysctls=PROBES,
)
def vanished_idle(encounter: Encounter) -> Finding:
    encounter.must_be_driven("keeps no connection")
    encounter.begin(f"idle-close={STRIKES:g}s")
    before = encounter.meter.take().connections
    encounter.good("idle-close")
    if encounter.left(before, 0, within=LOOK) <= 0:
        raise NotStruck("it keeps no connection for another request")
    lost = faults.partition(encounter.client, encounter.server)
    released, keepalive, began, waited = False, False, time.monotonic(), 0.0
    with schedule.only_waiting():
        while not released and waited < max(encounter.order.patience, STRIKES + 1):
            rows = encounter.meter.snapshot()["rows"]
            keepalive |= any(row["keepalive"] for row in rows if row["state"] == "ESTABLISHED")
            time.sleep(LOOK)  # the next look
            released = encounter.meter.take().connections <= before
            waited = time.monotonic() - began
    if not lost.struck():
        raise NotStruck("no packet was lost")
    held = encounter.meter.held()
    return ruling.vanished(keepalive, waited if released else None, waited, held)
