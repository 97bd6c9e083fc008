"""A server that is told to stop while it is serving."""

from __future__ import annotations

import time
from collections import Counter

from linger.check.finding import CHOICE, Finding, NotStruck
from linger.check.server import check
from linger.check.server.crowd import REPLY_WITHIN
from linger.check.server.scene import RECEIVE_BUFFER, SEND_BUFFER
from linger.check.server.trial import Trial

FEW = 5


@check(
    "graceful-stop",
    peer="are in the middle of a reply (of a request, if no large reply is known) when the server "
    "is told to stop",
    mistake="This is a policy, not a mistake: a server may finish its replies before it ends. But a client "
    "that gets a RST cannot tell what was done.",
    clause="RFC 9112, section 9.6: close in stages, so that the last reply is not lost.",
    scenarios=["linger-zero", "free-before-flush"],
    ends_target=True,
    sysctls={"tcp_wmem": f"4096 {SEND_BUFFER} {SEND_BUFFER}"},
)
def graceful_stop(trial: Trial) -> Finding:
    large = trial.large
    whole = _size_of(trial, large) if large else 0
    with trial.crowd(FEW, at_least=1, receive_buffer=RECEIVE_BUFFER) as crowd:
        trial.greet(crowd)
        greeted = max(one.received for one in crowd.connections)
        crowd.send(large or trial.request.half)
        trial.accepted(crowd)
        if large:
            crowd.await_reply(REPLY_WITHIN)
        began = time.monotonic()
        ended = trial.target.signal(trial.wish.plan.stop, within=0.5)
        crowd.read(REPLY_WITHIN)
        ended = ended or trial.target.signal(trial.wish.plan.stop)
        took = time.monotonic() - began
    got = Counter(one.ended or "nothing" for one in crowd.connected)
    ends = ", ".join(f"{count} x {end}" for end, count in got.items())
    when = f"ended after {took:.1f} s" if ended else f"still runs {took:.0f} s later"
    if large:
        complete = sum(one.received - greeted >= whole for one in crowd.connected)
        return Finding(CHOICE, f"{complete} of {FEW} replies whole, {ends}; the server {when}")
    return Finding(CHOICE, f"in the middle of a request: {ends}; the server {when}")


def _size_of(trial: Trial, request: bytes) -> int:
    """The bytes of the reply to a request when nothing disturbs the server."""
    with trial.crowd(1) as crowd:
        trial.greet(crowd)
        before = crowd.connections[0].received
        crowd.send(request)
        if not crowd.read_while_it_comes(REPLY_WITHIN, quiet=1.0):
            raise NotStruck("the reply has no end")
        size = crowd.connections[0].received - before
        crowd.fin()
    return size
