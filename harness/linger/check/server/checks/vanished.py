"""Clients that vanish without a FIN: power, cable or a firewall's state is lost."""

from __future__ import annotations

import time

from linger.check import schedule
from linger.check.finding import LEAK, PASS, WARN, Finding, NotStruck
from linger.check.server import check
from linger.check.server.scene import SEND_BUFFER
from linger.check.server.trial import Trial
from linger.lab import faults

PROBES = {"tcp_keepalive_time": 10, "tcp_keepalive_intvl": 2, "tcp_keepalive_probes": 3}
RETRIES = 5  # tcp_retries2: given up after some 13 s
GIVEN_UP = 40.0  # s
SENDING = 0.5  # s that the server must be busy with the reply
QUIET = 0.5  # s that it must keep a silent connection
LATER = 4 / 3  # of the patience: a timeout of a minute that is checked twice a minute (node) takes up to 90 s
FEW = 4  # clients: each holds a reply


@check(
    "vanished-idle",
    peer="connect, and vanish while the connection is idle",
    mistake="Neither SO_KEEPALIVE nor a timeout: a connection whose other end is gone without a "
    "FIN stays forever.",
    clause="RFC 9293, section 3.8.4: keepalive is off by default. tcp(7): TCP_USER_TIMEOUT.",
    scenarios=["half-open-peer", "idle-connection"],
    slow=True,
    sysctls=PROBES,
)
def vanished_idle(trial: Trial) -> Finding:
    trial.must_be_apart()
    with trial.crowd(trial.n) as crowd:
        trial.greet(crowd)
        if trial.deferred(crowd):
            crowd.send(trial.request.half)  # or the server never accepts them
        trial.accepted(crowd)
        if not trial.still_held(QUIET):
            raise NotStruck("it closes silent connections before a client can vanish")
        options = _options(trial)
        cut = faults.partition(trial.client, trial.server)
        began, late = time.monotonic(), trial.late * LATER
        with schedule.only_waiting():
            left = trial.meter.settles(trial.before, trial.n, within=late)
            took = time.monotonic() - began
        held = trial.meter.held() if left else []
        if left:
            options = _options(trial)  # it may have been late to set them
        cut.lift()
    if not left:
        return Finding(PASS, f"{trial.n} vanished, all released after {took:.0f} s ({options})")
    if "no keepalive" in options:
        return Finding(WARN, f"{trial.n} vanished, still kept after {late:.0f} s: {options}", held)
    return Finding(PASS, f"{trial.n} vanished; not yet released after {late:.0f} s, but {options}")


@check(
    "vanished-sending",
    peer="send a request, and vanish while the reply is being sent",
    mistake="The error that ends the transmission (ETIMEDOUT) is not followed by close(), or "
    "nothing waits for it.",
    clause="RFC 9293, section 3.8.3: after R2 the connection is closed. tcp(7): tcp_retries2.",
    scenarios=["half-open-peer", "keepalive-hides-leak"],
    slow=True,
    sysctls={"tcp_retries2": RETRIES, "tcp_wmem": f"4096 {SEND_BUFFER} {SEND_BUFFER}"},
)
def vanished_sending(trial: Trial) -> Finding:
    trial.must_be_apart()
    ask = trial.large or trial.request.payload
    if not ask:
        raise NotStruck("no request is known that the server answers; give --request FILE")
    count, given_up = min(FEW, trial.n), min(GIVEN_UP, trial.late)
    with trial.crowd(count) as crowd:
        trial.greet(crowd)
        cut = faults.drop(trial.client)  # the request gets through, and nothing comes back
        crowd.send(ask)
        if not trial.send_queue():
            raise NotStruck("the server sent nothing that could be lost")
        if not trial.still_held(SENDING):
            raise NotStruck(
                "it has nothing more to do with a reply that fits into the socket "
                "buffers; give --large-request FILE"
            )
        silence = faults.drop(trial.server)
        began = time.monotonic()
        with schedule.only_waiting():
            left = trial.meter.settles(trial.before, count, within=given_up)
            took = time.monotonic() - began
        struck = cut.struck() + silence.struck()
        if not struck:
            raise NotStruck("no packet was lost")
    if left:
        more = ", ".join(left.fuller_than(trial.before, count))
        return Finding(LEAK, f"still held {given_up:.0f} s after: {more}", trial.meter.held())
    return Finding(PASS, f"{count} vanished, all released after {took:.0f} s, {struck} packets lost")


def _options(trial: Trial) -> str:
    """How the accepted connections detect a peer that is gone, in words.

    The kernel shows the timer of SO_KEEPALIVE, but TCP_USER_TIMEOUT only to the program: asking a copy of the
    socket would disturb the server (harness/census/README.md).
    """
    rows = [row for row in trial.meter.snapshot()["rows"] if row["state"] == "ESTABLISHED"]
    owned = sum(row["owned"] for row in rows)
    if not owned:
        return "no keepalive was seen, because no process has accepted them"
    timers = sum(row["keepalive"] for row in rows)
    if not timers:  # without keepalive, TCP_USER_TIMEOUT limits data in flight only (tcp(7))
        return "no keepalive (whether TCP_USER_TIMEOUT is set is not known)"
    latest = max(row["keepalive_ms"] or 0 for row in rows) / 1000
    all_ = "" if timers >= owned else f" for {timers} of {owned}"
    own = f", next probe after {latest:.0f} s" if latest > PROBES["tcp_keepalive_time"] else ""
    return f"SO_KEEPALIVE is on{all_}{own}"
