"""Measures what recording costs a scenario, and how fast packets become ladders.

    make bench-wire

Runs with and without recording alternate, so that other load on the machine affects both. The
result is the ratio of the medians, which should not be much above 1.2.
"""

from __future__ import annotations

import argparse
import os
import shutil
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
    """How long a command takes; it must exit with 0."""
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


def write_large(path: Path, connections: int) -> int:
    """Write a capture (Ethernet) of about 1 GB: 150,000 connections, 64 open at once, each with a
    request of 300 bytes, a reply of 4 segments of 1448 bytes and an orderly end. Returns the number
    of packets.
    """
    steps = [  # from the client?, flags, payload
        (True, "S", 0), (False, "SA", 0), (True, "A", 0), (True, "A", 300), (False, "A", 0),
        *2 * [(False, "A", 1448)], (True, "A", 0), *2 * [(False, "A", 1448)], (True, "A", 0),
        (True, "FA", 0), (False, "FA", 0), (True, "A", 0),
    ]  # fmt: skip
    packets = 0
    with path.open("wb", buffering=1 << 20) as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for first in range(0, connections, 64):
            batch = range(first, min(first + 64, connections))
            sent = {number: [7919 * number, 10007 * number] for number in batch}
            for step, (there, flags, length) in enumerate(steps):
                bits = sum(BITS[letter] for letter in flags)
                for number in batch:
                    ours, theirs = sent[number] if there else sent[number][::-1]
                    ports = (1024 + number % 60000, 80)[:: 1 if there else -1]
                    client = bytes([10, 0, 1, 1 + number // 60000])
                    hosts = (client + b"\x0a\0\0\2") if there else (b"\x0a\0\0\2" + client)
                    ip = struct.pack(">BBHHHBBH", 0x45, 0, 52 + length, step + 1, 0, 64, 6, 0)
                    tcp = struct.pack(
                        ">HHIIBBHHHHBBII", *ports, ours, theirs if "A" in flags else 0, 0x80, bits,
                        512, 0, 0, 0x0101, 8, 10, packets, packets,
                    )  # fmt: skip
                    size = 66 + length
                    file.write(
                        struct.pack(
                            "<IIII",
                            1700000000 + packets // 10**6,
                            packets % 10**6 * 1000,
                            size,
                            size,
                        )
                        + b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0"
                        + ip
                        + hosts
                        + tcp
                        + bytes(length)
                    )
                    sent[number][not there] += length + ("S" in flags) + ("F" in flags)
                    packets += 1
    return packets


def memory(command: list[str]) -> tuple[float, int]:
    """How long a command takes, and its peak memory in bytes."""
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
    assert status == 0, command
    return time.monotonic() - began, usage.ru_maxrss * 1024


def compare_large(build: Path, scratch: Path, rounds: int) -> None:
    """Read the large capture with wire and with any other installed tool, alternating."""
    capture = scratch / "large.pcap"
    packets = write_large(capture, 150000)
    size = capture.stat().st_size
    print(f"{size / 1e9:.2f} GB, 150000 connections, {packets} packets")
    others = {
        "wire ladder": [str(build / "wire"), "ladder", str(capture)],
        "wire list": [str(build / "wire"), "list", "--json", str(capture)],
        "tcptrace": ["tcptrace", "-n", str(capture)],
        "tshark -q -z conv,tcp": ["tshark", "-n", "-q", "-z", "conv,tcp", "-r", str(capture)],
    }
    taken: dict[str, list[tuple[float, int]]] = {name: [] for name in others}
    for _ in range(rounds):
        for name, command in others.items():
            if shutil.which(command[0]):
                taken[name].append(memory(command))
    for name, runs in taken.items():
        if runs:
            took, needed = min(took for took, _ in runs), max(needed for _, needed in runs)
            print(f"{name:24} {took:7.2f} s  {needed / 1e6:6.0f} MB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", type=Path, required=True, help="the folder of the programs")
    parser.add_argument("--rounds", type=int, default=25, help="runs of each kind")
    parser.add_argument("--connections", type=int, default=300000, help="in the capture")
    parser.add_argument("--large", type=int, metavar="ROUNDS", help="only the capture of 1 GB")
    options = parser.parse_args()
    if options.large:
        with tempfile.TemporaryDirectory(prefix="linger-bench-") as scratch:
            compare_large(options.build, Path(scratch), options.large)
        return 0
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
