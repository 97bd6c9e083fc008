"""A child process whose end is noticed at once."""

from __future__ import annotations

import os
import select
import subprocess


class Child(subprocess.Popen):
    """Popen, except that its own wait() with a timeout polls at intervals of up to 50 ms."""

    def wait(self, timeout: float | None = None) -> int:
        """As Popen.wait()."""
        if timeout is None or self.poll() is not None:
            return super().wait()
        fd = os.pidfd_open(self.pid)
        try:
            ended = select.poll()
            ended.register(fd, select.POLLIN)
            if not ended.poll(max(0.0, timeout) * 1e3):
                raise subprocess.TimeoutExpired(self.args, timeout)
        finally:
            os.close(fd)
        return super().wait()  # at once; if it is traced, its tracer learns first
