"""Captures with something missing, duplicated or swapped: wire says what is true, or "not seen"."""

from __future__ import annotations

import functools
import itertools
import json
from pathlib import Path
from typing import Iterable, Iterator

import pytest
from conftest import Run
from exchanges import CLIENT, EXCHANGES, SERVER, SLL, STEP, Look, Packet, damages, play, write

LOOKS = [
    Look(),
    Look(stamps=True),
    Look(link=SLL, at=CLIENT),
    Look(link=SLL, at=SERVER, stamps=True),
    Look(family=6, stamps=True),
]
NOT_SEEN = "not seen"
OTHERS = (None, CLIENT, SERVER)  # whose packets are captured; None: both ends'
States = "tuple[str, str]"
Seen = "tuple[Packet, ...]"
Listed = "list[tuple[str, str]]"


def plain(packets: list[Packet]) -> Seen:
    """What is on the wire, without what distinguishes copies."""
    return tuple(packet._replace(number=0) for packet in packets)


@functools.lru_cache(None)
def worlds() -> dict[Seen, set[tuple[States, ...]]]:
    """The possible states of the ends, by what is captured: those of each beginning of each exchange, whole
    or with a packet that was lost before the tap; both sides, one side, and all but a packet that the tap
    missed."""
    found: dict[Seen, set[tuple[States, ...]]] = {}
    for name in EXCHANGES:
        for steps in range(1, len(EXCHANGES[name].split(",")) + 1):
            for lost in [None, *range(steps)]:
                played = play(name, steps, lost)
                packets = played.packets
                if lost is not None:
                    packets = packets[:lost] + packets[lost + 1 :]
                kept = [[p for p in packets if who in (None, p.sender)] for who in OTHERS]
                kept += [packets[:i] + packets[i + 1 :] for i in range(len(packets))]
                for seen in kept:
                    found.setdefault(plain(seen), set()).add(tuple(played.states))
    return found


def told(run: Run, folder: Path, captures: Iterable[bytes]) -> list[Listed]:
    """The states of both ends of every connection that wire lists in each of these captures."""
    files = []
    for number, capture in enumerate(captures):
        files.append(folder / f"{number}.pcap")
        files[-1].write_bytes(capture)
    done = run("tests/lists", *files)  # starting a process takes longer than reading a capture
    assert done.returncode == 0 and not done.stderr, done.stderr
    lists = done.stdout.split("end\n")
    assert len(lists) == len(files) + 1
    return [states(listed) for listed in lists[:-1]]


def states(listed: str) -> Listed:
    """The states of both ends of every connection in the output of `wire list --json`."""
    lines = [json.loads(line) for line in listed.splitlines()]
    return [(line["client_state"], line["server_state"]) for line in lines]


def fits(got: list[tuple[str, str]], truth: tuple[States, ...]) -> bool:
    """Whether each state is the true one or "not seen". An end that was replaced by a new connection on the
    same ports is in no state."""
    return len(got) == len(truth) and all(
        state in (NOT_SEEN, true) or (i + 1 < len(truth) and state == "CLOSED")
        for i, (states, trues) in enumerate(zip(got, truth))
        for state, true in zip(states, trues)
    )


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_damaged_capture_is_read_right_or_not_at_all(run: Run, tmp_path: Path, name: str) -> None:
    played = play(name)
    damaged = [
        (what, packets, look) for what, packets in damages(played.packets) if packets for look in LOOKS
    ]
    found = told(run, tmp_path, (write(packets, look) for _, packets, look in damaged))
    wrong, whole = [], 0
    for (what, packets, look), got in zip(damaged, found):
        truths = {tuple(played.states)} | worlds().get(plain([p for _, p in packets]), set())
        if not any(fits(got, truth) for truth in truths):
            wrong.append(f"{what} {look}: {got}, not {sorted(truths)}")
        if what in ("whole", "all twice") or what.startswith(("twice", "swapped", "late")):
            seen = {p.sender for _, p in packets}
            if len(seen) == 2 and any(NOT_SEEN in states for states in got):
                wrong.append(f"{what} {look}: all was seen, but {got}")
            whole += 1
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong)
    assert whole > 5


@pytest.mark.parametrize("name", EXCHANGES)
def test_two_packets_that_were_missed(run: Run, tmp_path: Path, name: str) -> None:
    played = play(name)
    timed = [(i * STEP, packet) for i, packet in enumerate(played.packets)]
    left = [
        (missed, [each for each in timed if each not in missed])
        for missed in itertools.combinations(timed, 2)
    ]
    captures = (write(packets, Look(stamps=True)) for _, packets in left)
    wrong = []
    for (missed, packets), got in zip(left, told(run, tmp_path, captures)):
        truths = {tuple(played.states)} | worlds().get(plain([p for _, p in packets]), set())
        if packets and not any(fits(got, truth) for truth in truths):
            wrong.append(f"{missed}: {got}, not {sorted(truths)}")
    # Without these two it is the handshake of an ordinary open, with an ACK on its way.
    assert len(wrong) == (2 if name == "simultaneous-open" else 0), "\n".join(wrong)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_capture_cut_at_each_length_is_read_right(run: Run, tmp_path: Path, name: str) -> None:
    played = play(name)
    packets = [(i * STEP, packet) for i, packet in enumerate(played.packets)]
    flags = 14 + 20 + 14  # the last octet that is needed
    snaps = [*range(14, 90, 3), flags - 1, flags]
    captures = (write(packets, Look(stamps=True, snap=snap)) for snap in snaps)
    for snap, got in zip(snaps, told(run, tmp_path, captures)):
        assert got == [] if snap < flags else fits(got, tuple(played.states)), (snap, got)


def skewed(packets: list[Packet], by: int, there: int) -> Iterator[tuple[str, bytes]]:
    """What both hosts captured, with the server's clock ahead by that many ns, and each packet THERE ns on
    its way."""
    for who, ahead in ((CLIENT, 0), (SERVER, by)):
        seen = [
            (i * STEP + (packet.sender != who) * there + ahead, packet)
            for i, packet in enumerate(packets)
        ]
        yield who, write(seen, Look(link=SLL, at=who))


@pytest.mark.parametrize("name", [name for name in EXCHANGES if "simultaneous" not in name])
@pytest.mark.parametrize("by", [-3_000_000_000, -5_000_000, -300_000, 0, 4_000_000, 2_000_000_000])
def test_clocks_that_are_apart_are_found(run: Run, tmp_path: Path, name: str, by: int) -> None:
    """The ladder is the same as with equal clocks, if packets went both ways."""
    played = play(name)
    files = []
    for who, capture in skewed(played.packets, by, 200_000):
        (tmp_path / f"{who}.pcap").write_bytes(capture)
        files.append(f"{who}={tmp_path / who}.pcap")
    both = {packet.sender for packet in played.packets} == {CLIENT, SERVER}
    done = run("wire", "list", "--json", *files)
    assert done.returncode == 0 and not done.stderr, done.stderr
    got = states(done.stdout)
    assert fits(got, tuple(played.states)), got
    found = json.loads(run("wire", "ladder", "--json", *files).stdout)["capture"]["clocks_ahead"]
    wanted = [{"host": SERVER, "seconds": by / 1e9}] if by and (both or by < 0) else []
    if both:
        assert found == wanted
