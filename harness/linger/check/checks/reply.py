"""What the wire shows of ordinary and of early replies."""

from __future__ import annotations

import re
import textwrap

from linger.check.battery import check
from linger.check.client import PATIENCE, Connection
from linger.check.trial import NotStruck, Trial
from linger.check.verdict import CHOICE, FAIL, PASS, WARN, Finding
from linger.process import printable

TRIES = 10
ANNOUNCED = 10_000_000  # bytes of the body
SENT = 256 << 10  # bytes of it that are sent
POST = (
    b"POST / HTTP/1.1\r\nHost: server\r\nConnection: close\r\n"
    b"Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % ANNOUNCED
)
QUIET = 1.0  # s


@check(
    "early-reply",
    peer="send a large body that the server refuses before it has read it",
    mistake="The server closes with unread input, which resets the connection, and the reset "
    "overtakes the reply (RFC 9112, section 9.6, says how to close: in two steps).",
    scenarios=["close-unread-reset", "linger-zero"],
)
def early_reply(trial: Trial) -> Finding:
    if not trial.request.http:
        raise NotStruck("it does not speak HTTP, so no early reply is known")
    with trial.crowd(min(TRIES, max(1, trial.target.backlog))) as crowd:
        crowd.send(POST + bytes(SENT), within=3.0)
        crowd.read_while_it_comes(3.0, QUIET)
        tries = crowd.connections
        if not any(one.received or one.ended for one in tries):
            raise NotStruck("it reads the whole body before it replies")
        crowd.read(PATIENCE)
        # Who says FIN, and closes with unread input then, resets what it has already ended.
        trial.meter.settles(trial.before, len(tries), within=QUIET)
        reset = sum(one.reset for one in tries)
    whole = sum(map(_whole, tries))
    if not any(one.reply for one in tries):
        raise NotStruck("it ends the connection without any reply, so none could be lost")
    first = _first_line(next(one.reply for one in tries if one.reply))
    said = f"{whole} of {len(tries)} replies whole ({first})"
    if whole < len(tries):
        return Finding(FAIL, f"{said}, {reset} reset")
    if reset:
        return Finding(WARN, f"{said}, but {reset} reset: another client may lose them")
    return Finding(PASS, f"{said}, none reset")


def _first_line(reply: bytes) -> str:
    line = reply.split(b"\r\n")[0].decode("latin-1")
    return textwrap.shorten(printable(line), 60, placeholder="...")


def _whole(one: Connection) -> bool:
    """Whether a reply came complete: its head, and the body that the head announces."""
    head, found, _ = one.reply.partition(b"\r\n\r\n")
    announced = re.search(rb"(?im)^content-length: *(\d+)", head)
    body = int(announced[1]) if announced else 0
    return bool(found) and one.received >= len(head) + 4 + body


@check(
    "timewait-holder",
    peer="ask, and read the reply",
    mistake="None: whoever closes first holds the TIME_WAIT. At the server it costs no port, at the "
    "client it does.",
    scenarios=["timewait-owner", "server-port-reuse", "port-exhaustion"],
)
def timewait_holder(trial: Trial) -> Finding:
    first = 0
    for wave in trial.waves():
        wave.send(trial.request.payload)
        wave.read_while_it_comes(2.0, QUIET)
        first += sum(bool(one.ended) for one in wave.connections)
        wave.fin()
    trial.meter.settles(trial.before, trial.n, within=5.0)
    server = trial.meter.snapshot()["states"]["TIME_WAIT"]
    client = trial.client_timewaits()
    who = "the server" if first > trial.n / 2 else "the client"
    return Finding(CHOICE, f"{who} closes first; TIME_WAIT: server {server}, client {client}")
