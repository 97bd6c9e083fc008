"""What recording costs: a scenario with and without it, and how fast packets become ladders.

    make bench-wire

Runs with and without take turns, so that whatever else the machine does meets both; what counts
is the ratio of the medians, which is not to be much above 1.2.
"""

from __future__ import annotations

import argparse
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HANDSHAKE = (("S", 0, 0), ("SA", 0, 1), ("A", 1, 1))
CLOSE = (("FA", 1, 1), ("FA", 1, 2), ("A", 2, 2))
BITS = {"F": 1, "S": 2, "A": 16}


def seconds(command: list[str], **environment: str) -> float:
    """How long a command takes; it must end with 0."""
    began = time.monotonic()
    ends = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, env={**os.environ, **environment}, check=True, **ends)
    return time.monotonic() - began


def write_capture(path: Path, connections: int) -> int:
    """Write a capture (link type RAW) of connections of 6 packets each; returns how many."""
    head = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 101)
    with path.open("wb") as file:
        file.write(head)
        for number in range(connections):
            port, client = 1024 + number % 60000, 1 + number // 60000
            for step, (flags, seq, ack) in enumerate((*HANDSHAKE, *CLOSE)):
                there = step in (0, 2, 3, 5)
                ends = (port, 80) if there else (80, port)
                hosts = ((10, 0, 1, client), (10, 0, 0, 2))
                source, target = hosts if there else hosts[::-1]
                bits = sum(BITS[letter] for letter in flags)
                ip = struct.pack(
                    ">BBHHHBBH4B4B", 0x45, 0, 40, step + 1, 0, 64, 6, 0, *source, *target
                )
                tcp = struct.pack(
                    ">HHIIBBHHH", *ends, 9000 + seq, 9000 + ack, 0x50, bits, 512, 0, 0
                )
                file.write(struct.pack("<IIII", 1700000000, number * 6 + step, 40, 40) + ip + tcp)
    return 6 * connections


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", type=Path, required=True, help="the folder of the programs")
    parser.add_argument("--rounds", type=int, default=25, help="runs of each kind")
    parser.add_argument("--connections", type=int, default=300000, help="in the capture")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="linger-bench-") as scratch:
        run = [str(options.build / "linger"), "run", "closewait-leak", "--results", scratch]
        times: dict[str, list[float]] = {"0": [], "1": []}
        for _ in range(options.rounds):
            for record, taken in times.items():
                taken.append(seconds(run, LINGER_RECORD=record))
        without, with_ = (statistics.median(taken) for taken in times.values())
        ratio = with_ / without
        print(f"closewait-leak without recording {without:.3f} s, with {with_:.3f} s: {ratio:.2f}")
        capture = Path(scratch, "big.pcap")
        packets = write_capture(capture, options.connections)
        taken = min(
            seconds([str(options.build / "wire"), "ladder", str(capture)]) for _ in range(3)
        )
        print(
            f"{packets} packets to ladders in {taken:.2f} s: {packets / taken / 1e6:.2f} million/s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
