"""Well-known TCP exchanges, played by two ends that know their states, and what a tap sees.

Nothing here is shared with wire: each end follows RFC 9293, 3.10 by itself, and the states that wire must
find are those of the ends. See test_damage.py.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Iterator, NamedTuple

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
BITS = {"FIN": FIN, "SYN": SYN, "RST": RST, "PSH": PSH, "ACK": ACK}
ETHERNET, SLL = 1, 113
CLIENT, SERVER = "c", "s"
OTHER = {CLIENT: SERVER, SERVER: CLIENT}
PORTS = {CLIENT: 40000, SERVER: 80}
STEP = 1_000_000  # ns between packets


class Packet(NamedTuple):
    """A segment as it was sent; `seq` and `ack` as on the wire."""

    sender: str
    flags: int
    seq: int
    ack: int
    length: int
    window: int
    number: int  # of the IPv4 header
    connection: int  # which one of a play, from 0 on


class End:
    """One end of a connection."""

    def __init__(self, isn: int) -> None:
        self.state = "CLOSED"
        self.isn = self.next = isn
        self.fin: int | None = None  # the number after its FIN
        self.got: int | None = None  # the next number that it expects
        self.peer_fin = False
        self.listens = False

    def send(self, flags: int, length: int) -> tuple[int, int]:
        """Note what it sends; returns the numbers of the segment."""
        seq, ack = self.next, (self.got or 0) if flags & ACK else 0
        self.next += length + bool(flags & SYN) + bool(flags & FIN)
        if flags & RST:
            self.state = "CLOSED"
        elif flags & SYN:
            self.state = "SYN_RECEIVED" if flags & ACK else "SYN_SENT"
            seq = self.isn
            self.next = self.isn + 1 + length
        elif flags & FIN:
            self.fin = self.next
            self.state = {"CLOSE_WAIT": "LAST_ACK"}.get(self.state, "FIN_WAIT1")
        return seq, ack

    def receive(self, packet: Packet) -> None:
        """RFC 9293, 3.10.7, as far as these plays need it."""
        if packet.flags & RST:
            if self.state == "SYN_SENT" or packet.seq == self.got:
                self.state = "CLOSED"
            return
        if packet.flags & SYN:
            self._receive_syn(packet)
            return
        if packet.flags & ACK:
            self._receive_ack(packet.ack)
        if packet.seq != self.got or self.state in ("CLOSED", "SYN_SENT", "LISTEN"):
            return
        self.got += packet.length + bool(packet.flags & FIN)
        if packet.flags & FIN:
            self.peer_fin = True
            self.state = {
                "ESTABLISHED": "CLOSE_WAIT",
                "SYN_RECEIVED": "CLOSE_WAIT",
                "FIN_WAIT1": "CLOSING",
                "FIN_WAIT2": "TIME_WAIT",
            }.get(self.state, self.state)

    def _receive_syn(self, packet: Packet) -> None:
        mine = bool(packet.flags & ACK) and self.isn < packet.ack <= self.next
        if self.state == "CLOSED":
            if not self.listens:
                self.got = packet.seq + 1 + packet.length
                return
            self.state = "SYN_RECEIVED"
        elif self.state == "SYN_SENT":
            self.state = "ESTABLISHED" if mine else "SYN_RECEIVED"
        elif self.state == "SYN_RECEIVED" and mine:
            self.state = "ESTABLISHED"
        if self.got is None:
            self.got = packet.seq + 1 + packet.length

    def _receive_ack(self, ack: int) -> None:
        if self.state == "SYN_RECEIVED" and self.isn < ack <= self.next:
            self.state = "ESTABLISHED"
        if self.fin is not None and ack == self.fin:
            after = {"FIN_WAIT1": "FIN_WAIT2", "CLOSING": "TIME_WAIT", "LAST_ACK": "CLOSED"}
            self.state = after.get(self.state, self.state)


# A step: who sends, which flags, then perhaps a length, and what is special:
#   ~       it is still on its way; "deliver" lets all of them arrive
#   again   the last data, SYN or FIN of that end, sent again
#   probe   one octet below the next number, as a keepalive; window=N
# "new" begins another connection on the same ports.
HANDSHAKE = "c SYN, s SYN ACK, c ACK, "
REQUEST = HANDSHAKE + "c PSH ACK 100, s ACK, s PSH ACK 500, c ACK, "
EXCHANGES = {
    "idle": HANDSHAKE,
    "request": REQUEST,
    "four-way": REQUEST + "c FIN ACK, s ACK, s FIN ACK, c ACK",
    "three-way": REQUEST + "c FIN ACK, s FIN ACK, c ACK",
    "server-first": REQUEST + "s FIN ACK, c ACK, c FIN ACK, s ACK",
    "fin-with-data": HANDSHAKE + "c PSH ACK 100, s FIN PSH ACK 500, c ACK, c FIN ACK, s ACK",
    "half-close": HANDSHAKE
    + "c PSH ACK 9, s ACK, c FIN ACK, s ACK, s PSH ACK 700, c ACK, s FIN ACK, c ACK",
    "closewait-leak": REQUEST + "c FIN ACK, s ACK",
    "finwait-leak": REQUEST + "s FIN ACK, c ACK",
    "simultaneous-close": REQUEST + "c FIN ACK ~, s FIN ACK ~, deliver, c ACK, s ACK",
    "simultaneous-open": "c SYN ~, s SYN ~, deliver, s SYN ACK ~, c SYN ACK ~, deliver",
    "client-aborts": REQUEST + "c RST ACK",
    "server-aborts": HANDSHAKE + "c PSH ACK 100, s ACK, s RST ACK",
    "abort-unread": HANDSHAKE + "c PSH ACK 100, s RST ACK",
    "reset-after-fin": REQUEST + "c FIN ACK, s ACK, s RST ACK",
    "refused": "c SYN, s RST ACK",
    "unanswered": "c SYN, c SYN again, c SYN again",
    "gives-up": "c SYN, c RST",
    "half-open-scan": "c SYN, s SYN ACK, c RST",
    "fast-open": "c SYN 65, s SYN ACK, c ACK, s PSH ACK 20, c ACK, c FIN ACK, s FIN ACK, c ACK",
    "fast-open-reset": "c SYN 65, s SYN ACK, c RST ACK",
    "keepalive": REQUEST + "c ACK probe, s ACK, c ACK probe, s ACK",
    "zero-window": HANDSHAKE
    + "c PSH ACK 900, s ACK window=0, c ACK probe, s ACK window=0, s ACK, c PSH ACK 90, s ACK",
    "retransmission": HANDSHAKE + "c PSH ACK 100, c PSH ACK 100 again, s ACK, c FIN ACK, s FIN ACK,"
    " c ACK",
    "reused-port": HANDSHAKE + "c PSH ACK 5, s ACK, c FIN ACK, s FIN ACK, c ACK, new, " + HANDSHAKE
    + "c PSH ACK 5, s RST ACK",
    "reused-after-reset": HANDSHAKE + "c RST ACK, new, " + HANDSHAKE + "c PSH ACK 700, s ACK",
}  # fmt: skip


class Play(NamedTuple):
    """What the tap saw, and the last states of each connection's client and server."""

    packets: list[Packet]
    states: list[tuple[str, str]]


def play(name: str, steps: int | None = None, lost: int | None = None) -> Play:
    """Play an exchange: all of it or its first steps; the packet LOST is sent and never arrives."""
    packets: list[Packet] = []
    states: list[dict[str, End]] = []
    flying: list[Packet] = []
    ends: dict[str, End] = {}
    sent = dict.fromkeys(PORTS, 100)

    def begin() -> None:
        nonlocal ends
        isn = 1000 + 900_000_000 * len(states)
        ends = {CLIENT: End(isn), SERVER: End(isn + 1_500_000_000)}
        ends[SERVER].listens = "s SYN ACK" in EXCHANGES[name]
        states.append(ends)

    begin()
    words = [step.strip() for step in EXCHANGES[name].split(",") if step.strip()]
    for step in words[:steps]:
        if step == "new":
            begin()
        elif step == "deliver":
            for packet in flying:
                ends[OTHER[packet.sender]].receive(packet)
            flying.clear()
        else:
            who, *what = step.split()
            sent[who] += 1
            packet = _send(ends[who], who, what, sent[who], packets, len(states) - 1)
            packets.append(packet)
            if len(packets) - 1 == lost:
                continue
            if "~" in what:
                flying.append(packet)
            else:
                ends[OTHER[who]].receive(packet)
    return Play(packets, [(each[CLIENT].state, each[SERVER].state) for each in states])


def _send(
    end: End, who: str, what: list[str], number: int, packets: list[Packet], connection: int
) -> Packet:
    flags = sum(BITS[word] for word in what if word in BITS)
    length = next((int(word) for word in what if word.isdigit()), 0)
    window = next((int(w[7:]) for w in what if w.startswith("window=")), 65535)
    if "again" in what:
        before = [p for p in packets if p.sender == who and p.flags & flags == flags][-1]
        return before._replace(number=number)
    if "probe" in what:
        return Packet(who, flags, end.next - 1, end.got or 0, 0, window, number, connection)
    seq, ack = end.send(flags, length)
    return Packet(who, flags, seq, ack, length, window, number, connection)


class Look(NamedTuple):
    """How a capture is written."""

    link: int = ETHERNET
    at: str | None = None  # of a cooked capture: at whose host
    family: int = 4
    stamps: bool = False
    snap: int = 65535


def frame(packet: Packet, look: Look, time: int) -> bytes:
    """The bytes of a packet, as the tap stores them."""
    source, target = PORTS[packet.sender], PORTS[OTHER[packet.sender]]
    options = b"\x01\x01\x08\x0a" + struct.pack(">II", time // STEP + 7, 0) if look.stamps else b""
    if packet.flags & SYN:
        options = b"\x02\x04\x05\xb4" + options
    tcp = struct.pack(
        ">HHIIBBHHH", source, target, packet.seq & 0xFFFFFFFF, packet.ack & 0xFFFFFFFF,
        (5 + len(options) // 4) << 4, packet.flags, packet.window, 0, 0,
    ) + options + packet.length * b"x"  # fmt: skip
    hosts = {CLIENT: "192.0.2.1", SERVER: "198.51.100.1"}
    if look.family == 6:
        hosts = {CLIENT: "2001:db8::1", SERVER: "2001:db8::2"}
    here, there = (
        ipaddress.ip_address(hosts[who]).packed for who in (packet.sender, OTHER[packet.sender])
    )
    check = checksum(here + there + struct.pack(">HH", 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack(">H", check) + tcp[18:]
    if look.family == 6:
        ip = struct.pack(">IHBB", 6 << 28, len(tcp), 6, 64) + here + there
    else:
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), packet.number, 0x4000, 64, 6, 0)
        ip += here + there
    kind = 0x86DD if look.family == 6 else 0x0800
    if look.link == ETHERNET:
        head = bytes(range(12)) + struct.pack(">H", kind)
    else:
        head = struct.pack(">HHH8xH", 4 if packet.sender == look.at else 0, 1, 6, kind)
    return head + ip + tcp


def checksum(words: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f">{(len(words) + 1) // 2}H", words + len(words) % 2 * b"\0"))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def write(packets: list[tuple[int, Packet]], look: Look) -> bytes:
    """A file of packets with their times, in ns since the capture began."""
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, look.snap, look.link)]
    for time, packet in packets:
        whole = frame(packet, look, time)
        kept = whole[: look.snap]
        seconds, ns = divmod(1_700_000_000_000_000_000 + time, 1_000_000_000)
        parts.append(struct.pack("<IIII", seconds, ns, len(kept), len(whole)) + kept)
    return b"".join(parts)


def damages(packets: list[Packet]) -> Iterator[tuple[str, list[tuple[int, Packet]]]]:
    """What a tap can do to a capture: each with its name, as packets with their times."""
    timed = [(i * STEP, packet) for i, packet in enumerate(packets)]
    yield "whole", timed
    yield "all twice", [(time + late, p) for time, p in timed for late in (0, 3000)]
    for who in PORTS:
        yield f"only {who}", [(time, p) for time, p in timed if p.sender == who]
    for i in range(len(timed)):
        yield f"without {i}", timed[:i] + timed[i + 1 :]
        yield f"twice {i}", timed[: i + 1] + [(timed[i][0] + 5000, timed[i][1])] + timed[i + 1 :]
    for i in range(len(timed) - 1):
        (one, first), (two, second) = timed[i : i + 2]
        if first.connection == second.connection:
            yield f"swapped {i}", [*timed[:i], (one, second), (two, first), *timed[i + 2 :]]
            yield f"late {i}", [*timed[:i], (two, second), (one, first), *timed[i + 2 :]]
