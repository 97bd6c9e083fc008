"""A connection of a crowd with TLS inside. No certificate is verified: the server is judged, not trusted.

What is read and sent is the payload inside TLS; states, resets and the end of the stream are TCP's. A reply
that ends with a FIN but no close_notify (RFC 8446, section 6.1) has still ended; `notified` says which.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass

from linger.check.server.connection import GULP, GULPS, KEPT, Connection, name_of

RECORD = 1 << 14  # bytes: the most that one record takes
ALPN = "http/1.1"


@dataclass(frozen=True)
class Tls:
    """How the clients speak TLS."""

    name: str = ""  # the server's, as they request it (RFC 6066, section 3); empty: they request none


class TlsConnection(Connection):
    """One connection, non-blocking, whose handshake shake() drives."""

    def __init__(self, made: socket.socket, tls: Tls) -> None:
        super().__init__(made)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # old servers offer old ciphers, which is not judged
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # or a FIN would pass for close_notify
        context.set_alpn_protocols([ALPN])
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=tls.name or None
        )
        self._pending = b""  # records that did not fit into the socket yet

    def shake(self) -> bool:
        """Drive the handshake as far as it goes now; returns whether it is over. `ended` says why it failed,
        if it did."""
        while True:
            try:
                self._tls.do_handshake()
                self.version = self._tls.version() or ""  # as "TLSv1.3"
            except ssl.SSLWantReadError:
                self._flush()
                if self._pull():
                    continue
                return bool(self.ended)
            except ssl.SSLError as error:
                self.ended = f"TLS: {error.reason or error}"
            self._flush()
            return True

    def take(self) -> None:
        """Read what is there, of a flood a part."""
        for _ in range(GULPS):
            more = self._pull()
            try:
                while data := self._tls.read(RECORD):
                    self.received += len(data)
                    self.reply += data[: KEPT - len(self.reply)]
                self.notified = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLZeroReturnError:
                self.notified = True
            except ssl.SSLError as error:
                if not self.ended and not isinstance(error, ssl.SSLEOFError):
                    self.ended = f"TLS: {error.reason or error}"
            if not more or self.ended:
                return

    def give(self, data: memoryview) -> memoryview:
        """Send what fits; returns the rest, nothing once sending failed: a reply may yet be there."""
        while self._flush() and data:
            try:
                data = data[self._tls.write(data[:RECORD]) :]
            except ssl.SSLError as error:
                self.unsent = f"TLS: {error.reason or error}"
        return data[:0] if self.unsent else data

    def half(self) -> None:
        """Send close_notify if the server can still read it, then a FIN, and go on reading."""
        if not self.ended:  # or its kernel would answer with a RST
            with contextlib.suppress(ssl.SSLError, ValueError):  # it wants to read, or has ended
                self._tls.unwrap()
            self._flush()
        super().half()

    def cut(self) -> None:
        """A FIN without close_notify: the end of a client that crashed, or of a truncation attack."""
        super().half()

    def _pull(self) -> bool:
        """Read a gulp of records; returns whether there may be more. An end or an error is noted."""
        try:
            data = self.socket.recv(GULP)
        except BlockingIOError:
            return False
        except OSError as error:
            self.ended = name_of(error)
            self._incoming.write_eof()
            return False
        if data:
            self._incoming.write(data)
            return True
        self.ended = self.unsent or "FIN"
        self._incoming.write_eof()
        return False

    def _flush(self) -> bool:
        """Send the pending records; returns whether none is left."""
        self._pending += self._outgoing.read()
        rest = super().give(memoryview(self._pending))
        self._pending = bytes(rest)
        return not self._pending and not self.unsent
