"""Clients that leave: before, in the middle of, and after a request. Every server meets them."""

from __future__ import annotations

from linger.check.finding import Finding, NotStruck
from linger.check.server import check
from linger.check.server.crowd import REPLY_WITHIN
from linger.check.server.trial import Trial


@check(
    "abandon",
    peer="connect, say nothing, and close",
    mistake="The path that is taken when recv() returns 0 before any request does not close(), or "
    "connections that nobody accepts any more fill the accept queue.",
    clause="recv(2): 0 is the end of the stream. RFC 9293, section 3.6, case 2: CLOSE-WAIT lasts "
    "until the program closes.",
    scenarios=["closewait-leak", "accept-queue-undrained", "shutdown-without-close"],
)
def abandon(trial: Trial) -> Finding:
    for wave in trial.waves():
        wave.fin()
    return trial.leavings()


@check(
    "half-request-fin",
    peer="send half a request, and close",
    mistake="A handler that waits for the rest of a request takes the end of the stream for "
    "nothing new, or its error path forgets close().",
    clause="recv(2): 0 is the end of the stream. RFC 9293, section 3.6, case 2: CLOSE-WAIT lasts "
    "until the program closes.",
    scenarios=["closewait-leak", "recv-timeout-leak", "read-disabled-masks-eof"],
)
def half_request_fin(trial: Trial) -> Finding:
    for wave in trial.waves():
        wave.send(trial.request.half)
        wave.fin()
    return trial.leavings()


@check(
    "half-request-rst",
    peer="send half a request, and reset the connection",
    mistake="recv() fails with ECONNRESET and the error path forgets close(): no CLOSE_WAIT shows "
    "it, only the descriptors that are gone.",
    clause="recv(2): ECONNRESET. RFC 9293, section 3.10.7.4: a RST ends the connection. close(2): "
    "only it gives the descriptor back.",
    scenarios=["reset-leak", "descriptor-exhaustion"],
)
def half_request_rst(trial: Trial) -> Finding:
    for wave in trial.waves():
        wave.send(trial.request.half)
        wave.rst()
    return trial.leavings()


@check(
    "rst-at-once",
    peer="connect, and reset the connection at once",
    mistake="The connection is dead when accept() returns it, so the very first call on it fails; "
    "an error there ends the accept loop, the process, or only skips close().",
    clause="accept(2): errors that the network has ready are errors of accept() or "
    "of the first call.",
    scenarios=["reset-leak", "accept-queue-undrained", "sigpipe-exit"],
)
def rst_at_once(trial: Trial) -> Finding:
    for wave in trial.waves():
        wave.rst()
    return trial.leavings()


@check(
    "ignore-reply",
    peer="ask, and leave without reading the reply",
    mistake="The reply meets a connection that was reset: SIGPIPE ends a process that writes "
    "without MSG_NOSIGNAL, or the error of send() is not followed by close().",
    clause="send(2): EPIPE and MSG_NOSIGNAL. signal(7): SIGPIPE ends a process that does not ignore "
    "it.",
    scenarios=["sigpipe-exit", "write-into-closewait", "reset-leak"],
)
def ignore_reply(trial: Trial) -> Finding:
    if not trial.request.answered:
        raise NotStruck("no request is known that the server answers; give --request FILE")
    for wave in trial.waves():
        trial.ask(wave)
        if not wave.leave_at_reply(REPLY_WITHIN):
            raise NotStruck(f"no reply came within {REPLY_WITHIN:g} s, so none could be ignored")
    return trial.leavings()
