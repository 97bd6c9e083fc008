"""Loaded by Python under `linger blame`: tells the tracer which lines touch each socket.

What it wraps behaves as before; what it tells goes to a descriptor that does not exist, where only
the tracer sees it (harness/blame/told.c).
"""

import os
import socket
import sys

_HERE = os.path.dirname(__file__)
_STANDARD = os.path.dirname(os.__file__)
_NOBODY = 0x6C6E0000  # TOLD_DESCRIPTOR
_WAIT = {"EAGAIN", "EINTR", "EINPROGRESS"}
_READS = ("recv", "recv_into", "recvmsg", "recvfrom")


def _where():
    """The innermost line that is neither ours nor of the standard library."""
    frame = sys._getframe(2)
    while frame:
        code = frame.f_code
        file = code.co_filename
        if not file.startswith((_STANDARD, _HERE, "<frozen")) or "site-packages" in file:
            return f"{file}:{frame.f_lineno} {getattr(code, 'co_qualname', code.co_name)}"
        frame = frame.f_back
    return ""


def _tell(fd, kind, where):
    if fd >= 0 and where:
        try:
            os.write(_NOBODY, f"{fd} {kind} {where}".encode(errors="replace")[:1024])
        except OSError:
            pass


def _wrap(name):
    real = getattr(socket.socket, name)

    def method(self, *args, **named):
        where = _where()
        try:
            result = real(self, *args, **named)
        except OSError as error:
            if os.strerror(error.errno or 0) and _name(error) not in _WAIT:
                _tell(self.fileno(), "end", where)
                _tell(self.fileno(), "last", where)
            raise
        if name == "accept":
            _tell(result[0].fileno(), "taken", where)
        elif name == "connect":
            _tell(self.fileno(), "taken", where)
        elif name in _READS and _ended(result):
            _tell(self.fileno(), "end", where)
        _tell(result[0].fileno() if name == "accept" else self.fileno(), "last", where)
        return result

    method.__name__, method.__doc__ = real.__name__, real.__doc__
    setattr(socket.socket, name, method)


def _name(error):
    import errno

    return errno.errorcode.get(error.errno, "")


def _ended(result):
    """Whether a call that reads came to the end of the stream."""
    first = result[0] if isinstance(result, tuple) else result
    return first == 0 or first == b""


for _each in ("accept", "connect", *_READS, "send", "sendall", "shutdown"):
    _wrap(_each)


def _next():
    """The sitecustomize that this one hides, if there is one."""
    import importlib.machinery
    import importlib.util

    others = [path for path in sys.path if os.path.abspath(path) != _HERE]
    found = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if found and found.loader:
        found.loader.exec_module(importlib.util.module_from_spec(found))


_next()
