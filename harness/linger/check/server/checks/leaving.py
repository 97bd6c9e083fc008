"""Clients that leave before, during and after a request. Every server meets them."""

from __future__ import annotations

from typing import Callable

from linger.check.finding import CHOICE, PASS, Finding, NotStruck
from linger.check.server import check
from linger.check.server.crowd import REPLY_WITHIN, Crowd
from linger.check.server.trial import Trial


@check(
    "abandon",
    peer="connect, send nothing, and close",
    mistake="The path taken when recv() returns 0 before any request does not close(), or connections "
    "that are never accepted fill the accept queue.",
    clause="recv(2): 0 is the end of the stream. RFC 9293, section 3.6, case 2: CLOSE-WAIT lasts "
    "until the program closes.",
    scenarios=["closewait-leak", "accept-queue-undrained", "shutdown-without-close"],
    long=True,
)
def abandon(trial: Trial) -> Finding:
    return trial.leave(lambda wave: wave.fin(), bare=True)


@check(
    "half-request-fin",
    peer="send half a request, and close",
    mistake="A handler that waits for the rest of a request does not notice the end of the stream, or "
    "its error path forgets close().",
    clause="recv(2): 0 is the end of the stream. RFC 9293, section 3.6, case 2: CLOSE-WAIT lasts "
    "until the program closes.",
    scenarios=["closewait-leak", "recv-timeout-leak", "read-disabled-masks-eof"],
    long=True,
)
def half_request_fin(trial: Trial) -> Finding:
    def leave(wave: Crowd) -> None:
        wave.send(trial.request.half)
        wave.fin()

    return trial.leave(leave)


@check(
    "half-request-rst",
    peer="send half a request, and reset the connection",
    mistake="recv() fails with ECONNRESET and the error path forgets close(): no CLOSE_WAIT shows it, "
    "only descriptors whose connection is gone.",
    clause="recv(2): ECONNRESET. RFC 9293, section 3.10.7.4: a RST ends the connection. close(2): "
    "only it gives the descriptor back.",
    scenarios=["reset-leak", "descriptor-exhaustion"],
    long=True,
)
def half_request_rst(trial: Trial) -> Finding:
    def leave(wave: Crowd) -> None:
        wave.send(trial.request.half)
        wave.rst()

    return trial.leave(leave)


@check(
    "rst-at-once",
    peer="connect, and reset the connection at once",
    mistake="The connection is dead when accept() returns it, so the very first call on it fails; "
    "an error there ends the accept loop, the process, or only skips close().",
    clause="accept(2): pending network errors are returned by accept() or by the first call.",
    scenarios=["reset-leak", "accept-queue-undrained", "sigpipe-exit"],
    long=True,
)
def rst_at_once(trial: Trial) -> Finding:
    return trial.leave(lambda wave: wave.rst(), bare=True)


@check(
    "ignore-reply",
    peer="send a request, and leave without reading the reply",
    mistake="The reply meets a connection that was reset: SIGPIPE kills a process that writes without "
    "MSG_NOSIGNAL, or the error of send() is not followed by close().",
    clause="send(2): EPIPE and MSG_NOSIGNAL. signal(7): SIGPIPE kills a process that does not ignore "
    "it.",
    scenarios=["sigpipe-exit", "write-into-closewait", "reset-leak"],
    long=True,
)
def ignore_reply(trial: Trial) -> Finding:
    def leave(wave: Crowd, request: bytes) -> None:
        trial.ask(wave, request)
        if not wave.leave_at_reply(REPLY_WITHIN):
            raise NotStruck(f"no reply came within {REPLY_WITHIN:g} s, so none could be ignored")

    return _with_each_request(trial, leave)


@check(
    "ask-and-leave",
    peer="send a request, and leave before the reply begins, half with a FIN, half with a RST",
    mistake="What was opened for the reply stays open when the client is gone: a file, a "
    "connection to a backend. An error or event on the client's connection ends the handler, and only "
    "its normal end closes them.",
    clause="close(2): only it gives a descriptor back. recv(2): 0 is the end of the stream, "
    "ECONNRESET a RST.",
    scenarios=["closewait-leak", "reset-leak", "descriptor-exhaustion"],
    long=True,
)
def ask_and_leave(trial: Trial) -> Finding:
    def leave(wave: Crowd, request: bytes) -> None:
        trial.ask(wave, request)
        wave.leave_before_reply(REPLY_WITHIN)

    return _with_each_request(trial, leave)


def _with_each_request(trial: Trial, leave: Callable[[Crowd, bytes], None]) -> Finding:
    """The finding for clients that leave like this: first with the small request, then with the large one.

    Errors: NotStruck where no request is known.
    """
    if not trial.request.answered:
        raise NotStruck("no request is known that the server answers; give --request FILE")
    found = trial.leave(lambda wave: leave(wave, trial.request.payload))
    if found.verdict not in (PASS, CHOICE) or not trial.large:
        return found
    try:
        large = trial.leave(lambda wave: leave(wave, trial.large))
    except NotStruck:
        return found
    return large if large.verdict != PASS or found.verdict == PASS else found
