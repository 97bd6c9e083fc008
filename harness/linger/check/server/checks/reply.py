"""What the wire shows of ordinary and early replies."""

from __future__ import annotations

import re
import textwrap
from collections import Counter

from linger.check.finding import CHOICE, FAIL, PASS, Finding, NotStruck
from linger.check.server import check
from linger.check.server.connection import ESTABLISHED, KEPT, Connection
from linger.check.server.trial import Trial
from linger.lab.foreign import printable

TRIES = 10
ANNOUNCED = 10_000_000  # bytes of the body
SENT = 256 << 10  # bytes of it that are sent before there is a reply
MORE = 64 << 10  # bytes of it that follow when the reply begins, and again when it has ended
POST = (
    b"POST / HTTP/1.1\r\nHost: server\r\nConnection: close\r\n"
    b"Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % ANNOUNCED
)
FLIGHT = 16 << 10  # bytes of a reply that leave without an answer (10 segments: RFC 6928)
REPLYING = 5.0  # s that a server has to begin its reply
SENDING = 0.3  # s for which a client that still sends leaves the reply unread
QUIET = 1.0  # s
LAST_CHUNK = b"0\r\n\r\n"  # RFC 9112, section 7.1


@check(
    "early-reply",
    peer="send a large body that the server refuses before it has read it, and go on sending",
    mistake="The server closes at once, not in two steps. What the client then sends is answered with "
    "a RST, which destroys the part of the reply that the client has not read or the server has not "
    "sent (RFC 9112, section 9.6).",
    clause="RFC 9112, section 9.6: close in stages. RFC 1122, section 4.2.2.13: a close() with "
    "unread input sends a RST.",
    scenarios=["close-unread-reset", "linger-zero"],
    long=True,
)
def early_reply(trial: Trial) -> Finding:
    """Send a part of the body before the reply, one when it begins, and one after the server's FIN.

    So a server that has closed always gets more data, whether or not it had read what was there; and what it
    had not sent by then is always lost, because the client's buffer takes only the first flight: the speed of
    the link decides nothing. A reset after a whole reply is common and says little about a server: it is
    reported, not judged.
    """
    if not trial.request.http:
        raise NotStruck("it does not speak HTTP, so no early reply is known")
    count = trial.at_once(TRIES)
    with trial.crowd(count, receive_buffer=FLIGHT) as crowd:
        crowd.send((trial.wish.upload or POST) + bytes(SENT), within=REPLYING)
        crowd.at_news(_go_on, REPLYING)
        crowd.becomes(lambda one: one.state != ESTABLISHED, SENDING)
        crowd.until_quiet(_read, QUIET)
        tries = [one for one in crowd.connections if one.received or one.ended]
        if not tries:
            raise NotStruck("it reads the whole body before it replies")
        if any(one.ended for one in tries):
            # A server that sends a FIN and then closes with unread input resets a stream it has already
            # ended.
            trial.meter.settles(trial.before, count, within=QUIET)
        crowd.becomes(lambda one: one.heard, QUIET)
        reset = sum(one.reset for one in tries)
    if not any(one.reply for one in tries):
        raise NotStruck("it ends the connection without a reply, so none could be lost")
    lost = [one for one in tries if one.ended and not _whole(one)]
    first = _first_line(next(one.reply for one in tries if one.reply))
    said = f"{len(tries) - len(lost)} of {len(tries)} replies whole ({first})"
    ends = Counter(f"{one.received} bytes of a reply, then {one.ended}" for one in lost)
    parts = [f"{count} × {end}" for end, count in ends.items()]
    if lost:
        return Finding(FAIL, f"{said}, {reset} reset", notes=parts)
    if reset:
        return Finding(CHOICE, f"{said}; {reset} reset after it, so a distant client may lose it")
    return Finding(PASS, f"{said}, none reset")


def _go_on(one: Connection) -> bool:
    """Send another part of the body, as much as fits."""
    one.give(memoryview(bytes(MORE)))
    return True


def _read(one: Connection) -> None:
    """Read, and where the server ends, go on sending."""
    one.take()
    if one.ended:
        _go_on(one)


def _first_line(reply: bytes) -> str:
    line = reply.split(b"\r\n")[0].decode("latin-1")
    return textwrap.shorten(printable(line), 60, placeholder="...")


def _whole(one: Connection) -> bool:
    """Whether a reply is complete: its head, and the body that the head announces; if it announces none, a
    FIN ends the body, and after a RST it is unknown (RFC 9112, section 6.3)."""
    heads = re.match(rb"(?s)(?:HTTP/1\.. 1.*?\r\n\r\n)*(HTTP/1\.. ([2-5]..).*?\r\n\r\n)", one.reply)
    if not heads:
        return False
    if announced := re.search(rb"(?im)^content-length: *(\d+)", heads[1]):
        return one.received >= heads.end() + int(announced[1])
    if re.search(rb"(?im)^transfer-encoding: *chunked", heads[1]) and one.received <= KEPT:
        return one.reply.endswith(LAST_CHUNK)
    return heads[2] in (b"204", b"304") or one.ended == "FIN"


@check(
    "timewait-holder",
    peer="send a request, and read the reply",
    mistake="This is not a mistake: the side that closes first holds the TIME_WAIT. It costs a port at the "
    "client, none at the server.",
    clause="RFC 9293, section 3.6: TIME-WAIT is for the side that closes first.",
    scenarios=["timewait-owner", "server-port-reuse", "port-exhaustion"],
)
def timewait_holder(trial: Trial) -> Finding:
    first = 0
    for wave in trial.waves():
        wave.send(trial.request.payload)
        if not wave.read_while_it_comes(2.0, QUIET):
            raise NotStruck("the reply has no end")
        first += sum(bool(one.ended) for one in wave.connections)
        wave.fin()
    trial.meter.settles(trial.before, trial.n, within=5.0)
    server = trial.server_timewaits()
    client = trial.client_timewaits()
    who = "the server" if first > trial.n / 2 else "the client"
    return Finding(CHOICE, f"{who} closes first; TIME_WAIT: server {server}, client {client}")
