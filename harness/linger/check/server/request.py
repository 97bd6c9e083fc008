"""Find a request for an unknown server: the first of a few that it answers.

For HTTP, find one with a large reply too: the largest of what the start page links to.
"""

from __future__ import annotations

import re
import ssl
import textwrap
from dataclasses import dataclass, replace
from typing import Callable
from urllib.parse import urljoin, urlsplit

from linger.check.server.crowd import REPLY_WITHIN, Crowd
from linger.lab.errors import Usage

LISTENING = 1.5  # s that a server has to speak first, or to answer
HTTP_GET = b"GET / HTTP/1.0\r\n\r\n"
HELP = b"HELP\r\n"
TLS = "a TLS ClientHello"
LINK = re.compile(rb"""(?:href|src)\s*=\s*["']?([^"' >]+)""", re.I)
LINKS = 10  # of a page that are tried
LARGE = 64 << 10  # bytes: a smaller reply fits into the buffers of any socket
HERE = "http://server/"


@dataclass(frozen=True)
class Request:
    """A request and what is known of its reply."""

    payload: bytes  # empty: none is known
    banner: bool = False  # the server speaks first
    http: bool = False
    source: str = ""  # what it is, in words
    one_by_one: bool = False  # inside TLS: it shakes hands with the next client only when one has left
    large: bytes = b""  # one with a large reply, if it was looked for and found

    @property
    def half(self) -> bytes:
        """The first half of the payload, of HELP when there is none."""
        payload = self.payload or HELP
        return payload[: max(1, len(payload) // 2)]

    @property
    def answered(self) -> bool:
        """Whether the server is known to reply to it."""
        return bool(self.payload) or self.banner


def client_hello() -> bytes:
    """The first message of a TLS client (RFC 8446, section 4.1.2)."""
    outgoing = ssl.MemoryBIO()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(
        ssl.MemoryBIO(), outgoing, server_hostname="server"
    )
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def discover(
    connect: Callable[[], Crowd], given: Request | None = None, inside_tls: bool = False
) -> Request:
    """Find a request by trying, each on its own connection.

    connect: opens one connection; given: the caller's request; if given, only this is tried;
    inside_tls: the connection speaks TLS already.
    Returns a Request without a payload if none gets a reply. Errors: Usage when the given one gets none.
    """
    if not given and _speaks(connect, HTTP_GET)[0].startswith(b"HTTP/"):
        return Request(HTTP_GET, http=True, source="it speaks HTTP")  # tried first: most do
    greeting, ended = _speaks(connect, b"")
    banner = bool(greeting)
    if given:
        reply, _ = _speaks(connect, given.payload, banner, within=REPLY_WITHIN)
        if not reply:
            raise Usage(f"the server does not answer {given.source}")
        return replace(given, banner=banner, http=given.http or reply.startswith(b"HTTP/"))
    if banner:
        source = f"it says {_excerpt(greeting)}{' and closes' if ended else ''}"
        if not ended and _speaks(connect, HELP, banner)[0]:
            return Request(HELP, banner=True, source=f"{source}, and answers HELP")
        return Request(b"", banner=True, source=source)
    candidates = {
        "an empty line": b"\r\n",
        "GET / HTTP/1.0": HTTP_GET,
        "HELP": HELP,
        TLS: client_hello(),
    }
    if inside_tls:
        del candidates[TLS]
    for name, payload in candidates.items():
        reply, _ = _speaks(connect, payload)
        if reply.startswith(b"HTTP/"):
            return Request(HTTP_GET, http=True, source="it speaks HTTP")
        if reply:
            more = "; --tls checks what is inside" if name == TLS else ""
            return Request(payload, source=f"it answers {name}{more}")
    return Request(b"", source="none of the built-in requests got a reply; give --request FILE")


def find_large(connect: Callable[[], Crowd], request: Request) -> Request:
    """Find a request with a large reply, where HTTP is spoken, and add it to the given one.

    connect: as for discover(). An endless reply does not count.
    """
    if not request.http:
        return request
    page, size = _got(connect, request.payload)
    found = {request.payload: ("the same", size)}
    for link in dict.fromkeys(LINK.findall(page)[:LINKS]):
        to = urlsplit(urljoin(HERE, link.decode("latin-1")))
        path = f"{to.path}{'?' * bool(to.query)}{to.query}"
        if (to.netloc, to.scheme) == ("server", "http") and path.isascii() and path.isprintable():
            get = f"GET {path} HTTP/1.0\r\n\r\n".encode()
            found[get] = f"GET {path}", _got(connect, get)[1]
    payload, (name, size) = max(found.items(), key=lambda item: item[1][1])
    if size < LARGE:
        return request
    source = f"{request.source}; its large reply is that to {name}, {size / 1e6:.1f} MB"
    return replace(request, large=payload, source=source)


def _got(connect: Callable[[], Crowd], payload: bytes) -> tuple[bytes, int]:
    """The beginning of the reply to a request, and its bytes; 0 for an endless one."""
    with connect() as crowd:
        crowd.send(payload)
        ended = crowd.read_while_it_comes(LISTENING, quiet=0.6, most=5.0)
        reply, size = crowd.connections[0].reply, crowd.connections[0].received
    return reply, size if ended else 0


def _speaks(
    connect: Callable[[], Crowd], payload: bytes, banner: bool = False, within: float = LISTENING
) -> tuple[bytes, bool]:
    """What a server answers to a payload within some seconds, and whether it has closed by then.

    banner: it speaks first.
    """
    with connect() as crowd:
        if banner:
            crowd.read_while_it_comes(within, quiet=0.2)
        before = sum(one.received for one in crowd.connections)
        crowd.send(payload)
        crowd.read(within, lambda one: one.received > before)
        crowd.read(0.05)  # perhaps together with the end
        reply = b"".join(one.reply[before:] for one in crowd.connections)
        ended = all(one.ended for one in crowd.connections)
        crowd.fin()
    return reply, ended


def _excerpt(text: bytes) -> str:
    """The beginning of what a server said, in quotes."""
    return repr(textwrap.shorten(text.decode(errors="replace"), 40, placeholder="..."))
