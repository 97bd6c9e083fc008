"""Clients that stay and do nothing: they send nothing, or do not read."""

from __future__ import annotations

import time

from linger.check.finding import CHOICE, STARVE, Finding, NotStruck
from linger.check.server import check
from linger.check.server.crowd import Crowd
from linger.check.server.scene import RECEIVE_BUFFER, SEND_BUFFER
from linger.check.server.trial import Trial

POOL = 10  # times as many clients: more than most pools have workers
STARVED = 20.0  # s, or twice the patience: the server may be busy with what the crowd asked for
ROUND = 5.0  # s between requests of others
STALLED = 0.5  # s for which the server must be busy with its replies


@check(
    "idle",
    peer="connect, send nothing, and stay",
    mistake="Nothing limits how long a connection may be silent, and each holds a worker or a "
    "slot; keepalive does not help, because these clients are alive.",
    clause="RFC 9112, section 9.5: a server may close a connection at any time, and usually does "
    "when it has been idle for long.",
    scenarios=["idle-connection", "descriptor-exhaustion"],
    slow=True,
)
def idle(trial: Trial) -> Finding:
    count = POOL * trial.n
    with trial.crowd(count, at_least=1, bare=True) as crowd:
        who = f"{len(crowd.connected)} silent clients"
        if deferred := trial.deferred(crowd):  # the rest came when its queue was full
            who += f", {deferred} of which the kernel withholds (TCP_DEFER_ACCEPT)"
            if deferred == len(crowd.connected):
                return Finding(CHOICE, f"{who} until they speak")
        return _watch(trial, crowd, who)


@check(
    "stalled-reader",
    peer="request a large reply, and never read it",
    mistake="A worker waits in send() forever, or the reply piles up in the process, one for "
    "each client that does not read.",
    clause="RFC 9293, section 3.8.6.1: a peer that answers probes may keep its window at zero for as "
    "long as it likes.",
    scenarios=["idle-connection", "read-disabled-masks-eof", "worker-blocked"],
    slow=True,
    sysctls={"tcp_wmem": f"4096 {SEND_BUFFER} {SEND_BUFFER}"},
)
def stalled_reader(trial: Trial) -> Finding:
    large = trial.large or trial.request.payload
    if not large:
        raise NotStruck("no request for a large reply is known; give --large-request FILE")
    with trial.crowd(2 * trial.n, at_least=1, receive_buffer=RECEIVE_BUFFER) as crowd:
        trial.greet(crowd)
        crowd.send(large)
        trial.send_queue()
        if not trial.still_held(STALLED):
            raise NotStruck("its reply fits into the socket buffers; give --large-request FILE")
        return _watch(trial, crowd, f"{len(crowd.connected)} clients that do not read")


def _watch(trial: Trial, crowd: Crowd, who: str) -> Finding:
    """Watch a crowd that stays: whether others are served, and when the server closes it."""
    began = time.monotonic()
    gone = False
    while not gone and time.monotonic() < began + trial.late:
        if why := trial.fresh(within=min(STARVED, 2 * trial.late)):
            after = time.monotonic() - began
            return Finding(
                STARVE, f"{who}: others get {why} (after {after:.0f} s)", trial.meter.held()
            )
        left = began + trial.late - time.monotonic()
        gone = (
            trial.meter.settles(trial.before, len(crowd.connected), min(ROUND, max(0, left)))
            is None
        )
    took = time.monotonic() - began
    when = f"closed after {took:.0f} s" if gone else f"still kept after {trial.late:.0f} s"
    return Finding(CHOICE, f"{who}: {when}; others are served")
