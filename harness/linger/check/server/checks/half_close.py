"""Clients that announce the end of their sending and wait for the reply."""

from __future__ import annotations

import time

from linger.check import schedule
from linger.check.finding import BAD, CHOICE, FAIL, LEAK, PASS, WARN, Finding, NotStruck
from linger.check.server import check
from linger.check.server.crowd import Crowd
from linger.check.server.scene import FRESH
from linger.check.server.trial import Trial

TRIES = 20  # at least: one real server lost one reply in twenty
FEW = 5  # of them at a time: with more, a server may refuse some (sshd, MaxStartups)
CONTROLS = 3  # replies without the shutdown, to compare with
QUIET = 1.0  # s without a byte that end a reply on a connection that stays open
WHOLE = 0.9  # of the shortest control: a date or a counter may be a few bytes shorter
BEFORE = ("TLSv1", "TLSv1.1", "TLSv1.2")  # close_notify ended both directions
REPAIR = "where node is the server, this repairs it: server.httpAllowHalfOpen = true"


@check(
    "half-close",
    peer="send a request, shut down their sending side at once, and read the reply",
    mistake="The server takes the client's FIN for a full close and drops the reply that it owes, or "
    "it never closes afterwards. Few HTTP clients do this, so for HTTP it is a risk, not a defect.",
    clause="RFC 9293, section 3.6.1: the side that has not closed may go on sending. shutdown(2): "
    "SHUT_WR. RFC 9112, section 9.6, with its note on half-closed connections: HTTP never relies on "
    "them. Inside TLS: RFC 8446, section 6.1.",
    scenarios=["half-close-dropped", "closewait-half-close", "half-close-relay"],
    long=True,
)
def half_close(trial: Trial) -> Finding:
    if not trial.request.payload:
        raise NotStruck("no request is known that the server answers; give --request FILE")
    control = _control(trial)
    trial.now()
    found = _halved(trial, control)
    if found.verdict == LEAK:
        return found
    left = trial.leavings(again=lambda: _halved(trial, control))
    worse = left.verdict in BAD or left.verdict == WARN and found.verdict in (PASS, CHOICE)
    return left if worse else found


def _halved(trial: Trial, control: int) -> Finding:
    """The finding from the replies. control: the bytes that each should have."""
    replies: list[int] = []
    tries = max(TRIES, trial.n)
    while len(replies) < tries:
        with trial.crowd(min(trial.at_once(tries - len(replies)), FEW)) as crowd:
            trial.ask(crowd)
            crowd.half()
            crowd.read_while_it_comes(FRESH, QUIET)
            deadline = time.monotonic() + trial.late
            if not (closed := crowd.read(0.0)):
                with schedule.only_waiting():
                    closed = crowd.read(trial.soon)
            replies += [one.received for one in crowd.connections]
            older = next((one.version for one in crowd.connections if one.version in BEFORE), "")
            if not closed:
                return _held_open(trial, crowd, _lost(trial, replies, control, older), deadline)
    lost = _lost(trial, replies, control, older)
    return lost or Finding(PASS, f"{tries} of {tries} replies whole ({control} bytes), then a FIN")


def _lost(trial: Trial, replies: list[int], control: int, older: str) -> Finding | None:
    """The finding when replies were shorter than the control's, in bytes.

    older: the version of TLS, if it has no half-closed connections.
    """
    lost = [received for received in replies if received < WHOLE * control]
    if not lost:
        return None
    said = f"{len(lost)} of {len(replies)} replies lost: {min(lost)} of {control} bytes"
    if older:
        return Finding(CHOICE, f"{said} ({older}: RFC 5246, section 7.2.1, has it so)")
    if trial.request.http:
        return Finding(WARN, f"{said} (RFC 9112, section 9.6)", notes=[REPAIR])
    return Finding(FAIL, said, trial.meter.held())


def _control(trial: Trial) -> int:
    """The bytes of the shortest of several replies to clients that stay. Errors: NotStruck."""
    shortest = None
    for _ in range(CONTROLS):
        with trial.crowd(1) as crowd:
            trial.ask(crowd)
            if not crowd.read_while_it_comes(FRESH, QUIET, enough=shortest):
                raise NotStruck("the reply has no end")
            received = crowd.connections[0].received
            shortest = received if shortest is None else min(shortest, received)
            crowd.fin()
    if not shortest:
        raise NotStruck("even without the shutdown no reply comes")
    return shortest


def _held_open(trial: Trial, crowd: Crowd, lost: Finding | None, deadline: float) -> Finding:
    """The finding when the server has not closed in time: it may close late.

    lost: the finding of the replies; closing late does not excuse it. deadline: until when it may
    (time.monotonic()).
    """
    count = sum(not one.ended for one in crowd.open)
    held = trial.meter.held()
    with schedule.only_waiting():
        closed = crowd.read(max(0.0, deadline - time.monotonic()))
    if closed:
        return lost or Finding(
            CHOICE, f"the connection is closed, but later than {trial.soon:.0f} s"
        )
    return Finding(LEAK, f"{count} connection{'s' * (count > 1)} not closed {trial.late:.0f} s after the reply", held)
