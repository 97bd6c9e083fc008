"""Clients that vanish without a FIN: power, cable, or the state of a firewall is lost."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import socket
import time
from typing import Any

from linger.check.battery import check
from linger.check.finding import LEAK, PASS, WARN, Finding
from linger.check.server.trial import SEND_BUFFER, NotStruck, Trial
from linger.lab import faults
from linger.lab.errors import CannotRun

PROBES = {"tcp_keepalive_time": 10, "tcp_keepalive_intvl": 2, "tcp_keepalive_probes": 3}
RETRIES = 5  # tcp_retries2: given up after some 13 s
GIVEN_UP = 40.0  # s
SENDING = 0.5  # s for which the server must be busy with the reply
QUIET = 0.5  # s for which it must keep a silent connection
FEW = 4  # clients: each holds a reply
SYS_PIDFD_GETFD = 438  # on every architecture, pidfd_getfd(2)
TCP_USER_TIMEOUT = 18  # tcp(7)


@check(
    "vanished-idle",
    peer="connect, and vanish while nothing is under way",
    mistake="Neither SO_KEEPALIVE nor a time-out: a connection whose other end is gone without a "
    "FIN stays forever.",
    clause="RFC 9293, section 3.8.4: keepalive is off by default. tcp(7): TCP_USER_TIMEOUT.",
    scenarios=["half-open-peer", "idle-connection"],
    slow=True,
    sysctls=PROBES,
)
def vanished_idle(trial: Trial) -> Finding:
    with trial.crowd(trial.n) as crowd:
        trial.greet(crowd)
        if trial.deferred(crowd):
            crowd.send(trial.request.half)  # or the server never has them
        trial.accepted(crowd)
        if not trial.still_held(QUIET):
            raise NotStruck("it closes silent connections before anybody can vanish")
        options = _options(trial)
        cut = faults.partition(trial.client, trial.server)
        began = time.monotonic()
        left = trial.meter.settles(trial.before, trial.n, within=trial.late)
        took = time.monotonic() - began
        held = trial.meter.held() if left else []
        if left:
            options = _options(trial)  # it may have been late to set them
        cut.lift()
    if not left:
        return Finding(PASS, f"{trial.n} vanished, all let go after {took:.0f} s ({options})")
    if "no keepalive" in options:
        return Finding(
            WARN, f"{trial.n} vanished, kept for {trial.late:.0f} s and longer: {options}", held
        )
    return Finding(PASS, f"{trial.n} vanished; in {trial.late:.0f} s not yet let go, but {options}")


@check(
    "vanished-sending",
    peer="ask, and vanish while the reply is under way",
    mistake="The error that ends the transmission (ETIMEDOUT) is not followed by close(), or "
    "nobody waits for it.",
    clause="RFC 9293, section 3.8.3: after R2 the connection is closed. tcp(7): tcp_retries2.",
    scenarios=["half-open-peer", "keepalive-hides-leak"],
    slow=True,
    sysctls={"tcp_retries2": RETRIES, "tcp_wmem": f"4096 {SEND_BUFFER} {SEND_BUFFER}"},
)
def vanished_sending(trial: Trial) -> Finding:
    ask = trial.wish.large or trial.request.payload
    if not ask:
        raise NotStruck("no request is known that the server answers; give --request FILE")
    count, given_up = min(FEW, trial.n), min(GIVEN_UP, trial.late)
    with trial.crowd(count) as crowd:
        trial.greet(crowd)
        cut = faults.drop(trial.client)  # the request gets there, and nothing comes back
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
        left = trial.meter.settles(trial.before, count, within=given_up)
        took = time.monotonic() - began
        struck = cut.struck() + silence.struck()
        if not struck:
            raise NotStruck("no packet was lost")
    if left:
        more = ", ".join(left.fuller_than(trial.before, count))
        return Finding(LEAK, f"still held {given_up:.0f} s after: {more}", trial.meter.held())
    return Finding(PASS, f"{count} vanished, all let go after {took:.0f} s, {struck} packets lost")


def _options(trial: Trial) -> str:
    """What an accepted connection has against a peer that is gone, in words."""
    copy = _accepted(trial.meter.snapshot()["owners"])
    if not copy:
        return "no keepalive was seen: no process has accepted them"
    with copy:
        keepalive = copy.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        unanswered = copy.getsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT)
    if keepalive:
        own = "" if idle == PROBES["tcp_keepalive_time"] else f", first probe after {idle} s"
        return f"SO_KEEPALIVE is on{own}"
    if unanswered:  # without keepalive it limits data in flight only
        return f"no keepalive, only TCP_USER_TIMEOUT {unanswered / 1000:g} s"
    return "no keepalive and no time-out seen"


def _accepted(owners: list[dict[str, Any]]) -> socket.socket | None:
    """A copy of a connection that a process of the server has, None when none has one any more."""
    for owner in owners:
        if owner["state"] == "ESTABLISHED":
            for descriptor in owner["fds"]:
                with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                    if copy := _duplicate(owner["pid"], descriptor):
                        return copy
    return None


def _duplicate(pid: int, descriptor: int) -> socket.socket | None:
    """A copy of a socket of another process, None when it has closed it.

    Errors: ProcessLookupError when it has ended; CannotRun where the kernel refuses.
    """
    process = os.pidfd_open(pid)
    try:
        copy = ctypes.CDLL(None, use_errno=True).syscall(SYS_PIDFD_GETFD, process, descriptor, 0)
        number = ctypes.get_errno()
    finally:
        os.close(process)
    if copy >= 0:
        return socket.socket(fileno=copy)
    if number == errno.EBADF:
        return None
    if number == errno.ESRCH:
        raise ProcessLookupError(number, os.strerror(number))
    why = os.strerror(number)
    raise CannotRun(f"cannot look at a socket of the server (pidfd_getfd: {why})")
