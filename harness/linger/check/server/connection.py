"""One connection of a crowd. How it ended is data: "FIN" or the name of an error."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import socket
import struct
import termios

KEPT = 1 << 16  # bytes of a reply that are remembered
GULP, GULPS = 1 << 18, 64  # bytes per read, and reads before other connections have their turn
ESTABLISHED, CLOSED = 1, 7  # of <netinet/tcp.h>, as TCP_INFO has them
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER {1, 0}


class Connection:
    """One connection, non-blocking."""

    version = ""  # of TLS
    notified = False  # whether TLS was ended properly, by close_notify

    def __init__(self, made: socket.socket) -> None:
        self.socket = made
        self.connected = False
        self.received = 0  # bytes
        self.reply = b""  # the first of them
        self.ended = ""  # "FIN", or the name of the error
        self.unsent = ""  # the name of the error that sending met; reading does not report it again
        self.open = True

    def fileno(self) -> int:
        return self.socket.fileno()

    def finish_connect(self) -> None:
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self.connected = not error
        self.ended = errno.errorcode[error] if error else ""

    def take(self) -> None:
        """Read what is there, or a part of it in a flood."""
        try:
            for _ in range(GULPS):
                if not (data := self.socket.recv(GULP)):
                    self.ended = self.unsent or "FIN"
                    return
                self.received += len(data)
                self.reply += data[: KEPT - len(self.reply)]
        except BlockingIOError:
            pass
        except OSError as error:
            self.ended = name_of(error)

    def give(self, data: memoryview) -> memoryview:
        """Send what fits; returns the rest, nothing once sending failed: a reply may yet be there."""
        try:
            while data:
                data = data[self.socket.send(data, socket.MSG_NOSIGNAL) :]
        except BlockingIOError:
            return data
        except OSError as error:
            self.unsent = name_of(error)
        return data[:0]

    @property
    def state(self) -> int:
        """Its state, as <netinet/tcp.h> counts them."""
        return self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]

    @property
    def reset(self) -> bool:
        """Whether a RST came, even one after a FIN that was already read: no call reports that."""
        return self.ended not in ("", "FIN") or self.state == CLOSED

    @property
    def heard(self) -> bool:
        """Whether the other side's kernel has received all that was sent, or never will."""
        return self.reset or not fcntl.ioctl(self.socket, termios.TIOCOUTQ, b"\0" * 4).strip(b"\0")

    def half(self) -> None:
        """shutdown(SHUT_WR): a FIN, and go on reading."""
        with contextlib.suppress(OSError):  # ENOTCONN: it has ended
            self.socket.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """half(), but without close_notify where TLS is spoken."""
        self.half()

    def reset_it(self) -> None:
        """Let close() send a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)

    def close(self) -> None:
        self.open = False
        self.socket.close()


def name_of(error: OSError) -> str:
    """The name of an error, as ECONNRESET."""
    return errno.errorcode[error.errno or errno.EIO]
