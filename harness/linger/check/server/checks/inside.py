"""What TLS requires at the end: close_notify from both sides. Only with --tls."""

from __future__ import annotations

from collections import Counter

from linger.check.finding import CHOICE, PASS, WARN, Finding, NotStruck
from linger.check.server import check
from linger.check.server.crowd import REPLY_WITHIN, Crowd
from linger.check.server.trial import Trial

QUIET = 1.0  # s of silence that end a reply


@check(
    "close-notify",
    peer="send a request inside TLS, read the reply, and close first if the server does not",
    mistake="The server ends the TCP connection but not the TLS inside it, so a client cannot tell a "
    "whole reply from one that was truncated on its way.",
    clause="RFC 8446, section 6.1: each party must send close_notify before it closes its write "
    "side.",
    scenarios=["truncated-reply", "linger-zero"],
    tls=True,
)
def close_notify(trial: Trial) -> Finding:
    _must_be_inside(trial)
    ends: Counter[str] = Counter()
    first = 0
    for wave in trial.waves():
        trial.ask(wave)
        if not wave.read_while_it_comes(REPLY_WITHIN, QUIET):
            raise NotStruck("the reply has no end")
        first += sum(bool(one.ended) for one in wave.connections)
        wave.half()
        wave.read(REPLY_WITHIN)
        ends.update(_how(one.notified, one.ended) for one in wave.connections)
    who = "the server" if first > trial.n / 2 else "the client"
    said = f"{who} closes first; {', '.join(f'{n} × {how}' for how, n in ends.items())}"
    if all(how.startswith("close_notify") for how in ends):
        return Finding(PASS, said)
    return Finding(WARN if who == "the server" else CHOICE, said)


def _how(notified: bool, ended: str) -> str:
    return f"{'close_notify' if notified else 'no close_notify'}, then {ended or 'nothing'}"


@check(
    "tls-cut",
    peer="send half a request inside TLS, and a FIN without close_notify",
    mistake="The TLS library reports the missing close_notify as an error, not as the end, and the "
    "error path forgets close().",
    clause="RFC 8446, section 6.1: an end without close_notify. SSL_read(3): SSL_ERROR_SSL or "
    "SSL_ERROR_SYSCALL.",
    scenarios=["closewait-leak", "reset-leak"],
    tls=True,
    long=True,
)
def tls_cut(trial: Trial) -> Finding:
    _must_be_inside(trial)

    def leave(wave: Crowd) -> None:
        wave.send(trial.request.half)
        for one in wave.open:
            one.cut()
        wave.close()

    return trial.leave(leave)


def _must_be_inside(trial: Trial) -> None:
    """Errors: NotStruck without --tls."""
    if not trial.wish.tls:
        raise NotStruck("this check runs inside TLS only; give --tls")
