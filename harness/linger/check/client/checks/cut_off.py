"""Replies that end before they are whole."""

from __future__ import annotations

from typing import Sequence

from linger.check.client import check, ruling
from linger.check.client.encounter import Encounter
from linger.check.finding import Finding, NotStruck

TAKES = (
    "read() returned 0, and nothing compared the bytes received with those announced. Half a file is "
    "then saved, parsed or passed on as the whole."
)
RACES = 5  # in node the error and the end race to reach the program first
CLAUSE = "RFC 9112, section 8: a client that gets an incomplete message must record it as such."


def _met(encounter: Encounter, behaviours: Sequence[str]) -> Finding:
    """Meet the behaviours, and judge what the client took for the whole."""
    encounter.begin(*behaviours)
    tries = encounter.asks(behaviours)
    encounter.struck(*(one.behaviour for one in tries))
    return ruling.cut_short(tries, encounter.turncoat.whole)


@check(
    "truncated-length",
    peer="sends half of what Content-Length announces, and closes with a FIN or a RST",
    mistake=TAKES,
    clause=CLAUSE,
    scenarios=["truncated-reply"],
)
def truncated_length(encounter: Encounter) -> Finding:
    return _met(encounter, [
        "short-length-fin-keep", "short-length-fin-close", "short-length-rst-keep",
        "short-length-rst-close",
    ])  # fmt: skip


@check(
    "truncated-chunked",
    peer="ends inside a chunk, with a FIN or a RST",
    mistake="The end of the connection was taken for the last chunk.",
    clause=CLAUSE,
    scenarios=["truncated-reply"],
)
def truncated_chunked(encounter: Encounter) -> Finding:
    return _met(encounter, [
        "short-chunked-fin-keep", "short-chunked-fin-close", "short-chunked-rst-keep",
        "short-chunked-rst-close",
    ])  # fmt: skip


@check(
    "truncated-header",
    peer="sends half a header, and closes with a FIN or a RST",
    mistake="The end of the connection was taken for the end of the header, so a reply without its "
    "fields is accepted.",
    clause=CLAUSE,
    scenarios=["truncated-reply"],
)
def truncated_header(encounter: Encounter) -> Finding:
    return _met(encounter, ["half-header-fin", "half-header-rst"])


@check(
    "truncated-close",
    peer="sends a reply delimited by the end of the connection, and resets it in the middle",
    mistake="A failed read() was treated as the end of the stream.",
    clause=CLAUSE + " RFC 9112, section 6.3: such a reply ends when the server closes.",
    scenarios=["truncated-reply", "linger-zero"],
)
def truncated_close(encounter: Encounter) -> Finding:
    fin, rst = "short-eof-fin-close", "short-eof-rst-close"
    encounter.begin(fin, *[rst] * RACES)
    control = encounter.ask(fin)
    encounter.now()
    resets = encounter.asks([rst, *(f"{rst}-{number}" for number in range(2, RACES + 1))])
    encounter.struck(fin, *(one.behaviour for one in resets))
    return ruling.close_delimited(control, resets, encounter.turncoat.whole)


@check(
    "truncated-tls",
    peer="sends a reply delimited by the end of the connection, and closes without close_notify",
    mistake="The end of TCP was taken for the end of TLS. Anyone on the path can send that FIN.",
    clause="RFC 9112, section 9.8: incomplete without close_notify. RFC 8446, section 6.1.",
    scenarios=["truncated-reply"],
)
def truncated_tls(encounter: Encounter) -> Finding:
    encounter.begin("good", "no-close-notify", tls=True)
    good = encounter.ask("good")
    if not good.took:
        raise NotStruck(f"it gets no reply over TLS: {good.said}")
    encounter.now()
    cut = encounter.ask("no-close-notify")
    encounter.struck("no-close-notify")
    return ruling.unnotified(cut)


@check(
    "truncated-gzip",
    peer="sends half of a reply with Content-Encoding: gzip, and closes",
    mistake="The decoder was not asked whether it had seen the end (inflate(), Z_STREAM_END).",
    clause="RFC 1952, section 2.3: a member ends with a CRC and the length. RFC 9112, section 8.",
    scenarios=["truncated-reply"],
)
def truncated_gzip(encounter: Encounter) -> Finding:
    behaviour = "short-gzip-fin-close"
    encounter.begin(behaviour)
    cut = encounter.ask(behaviour)
    encounter.struck(behaviour)
    port = encounter.turncoat.port(behaviour)
    raw = max(int(sent["body"]) for sent in encounter.turncoat.events(port, "sent"))
    return ruling.cut_gzip(cut, raw)
