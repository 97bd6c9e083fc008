"""build/segment, run against traffic on the sandbox's own loopback."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from linger.lab.programs import program


def test_a_capture_gives_up_in_time_whatever_else_passes(tmp_path: Path) -> None:
    """The segments of a connection that is already captured do not prolong the wait for another."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, listener.accept()[
            0
        ] as server:
            words = [str(program("segment")), "-p", str(port), "-n", "2", "-t", "0.3"]
            capture = subprocess.Popen(
                [*words, "capture", str(tmp_path / "kept.pcap"), "from", "flags:psh"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            with capture:
                assert capture.stdout and capture.stdout.readline().startswith("ev=ready")
                deadline = time.monotonic() + 3
                while capture.poll() is None and time.monotonic() < deadline:
                    server.send(b"x")
                    client.recv(1)
                    time.sleep(0.001)  # not faster than it can be read
                capture.kill()
                _, said = capture.communicate()
    assert (capture.returncode, said) == (1, "segment: 1 of 2 segments in 0.3 s\n")
