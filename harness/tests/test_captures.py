"""Small captures of each kind: what wire says about them is right (captures/README.md)."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import Run
from exchanges import ACK, STEP, Look, play
from exchanges import write as exchange

import linger

CAPTURES = Path(__file__).parent / "captures"
SCHEMAS = Path(linger.__file__).parent / "schema"
OVER = ("TIME_WAIT", "CLOSED")
OPEN = ("ESTABLISHED", "ESTABLISHED")
CLOSED = ("CLOSED", "CLOSED")

# For each capture, the last states of its connections, and all marks in order.
RIGHT: dict[str, tuple[list[tuple[str, str]], list[str]]] = {
    "reuse-eth": ([CLOSED, CLOSED], ["reset"]),
    "reuse-sll-client": ([CLOSED, CLOSED], ["reset"]),
    "reuse-sll-server": ([CLOSED, CLOSED], ["reset"]),
    "missed-then-rst": ([CLOSED], ["reset"]),
    "fragments": ([CLOSED], ["reset"]),
    "tfo-then-rst": ([CLOSED], ["reset"]),
    "one-sided-client": ([("not seen", "not seen")], []),
    "one-sided-server": ([("not seen", "not seen")], []),
    "twice": ([OVER], []),
    "synack-arrived-called-lost": ([("ESTABLISHED", "SYN_RECEIVED")], 2 * ["retransmission"]),
    "time-goes-back": ([OVER], []),
    "simopen-eth": ([OPEN], []),
    "tfo-server-data-1ack": ([OPEN], []),
    "syn-rst-exact": ([("CLOSED", "not seen")], ["reset"]),
    "keepalive-1byte": ([OPEN], 3 * ["keepalive"]),
    "reordered": ([OPEN], ["out of order"]),
    "zero-window": ([OPEN], ["zero window", "window probe"] * 2 + ["zero window"]),
    "snap68": ([CLOSED], ["reset"]),
    "ipv6-dstopts": ([CLOSED], ["refused"]),
    "sll-vlan": ([OPEN], []),
    "mpls": ([OPEN], []),
    "two-c-minus5ms": ([OVER], []),
    "two-s-minus5ms": ([OVER], []),
}


def ladders(run: Run, *arguments: object, code: int = 0) -> dict[str, Any]:
    done = run("wire", "ladder", "--json", "--groups", 99, *arguments)
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads((SCHEMAS / "ladder.schema.json").read_text()))
    return document


def by_time(document: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted((group["ladder"] for group in document["groups"]), key=lambda one: one["began"])


@pytest.mark.parametrize("name", RIGHT)
def test_the_states_and_marks_are_right(run: Run, name: str) -> None:
    document = ladders(run, CAPTURES / f"{name}.pcap")
    found = by_time(document)
    states, marks = RIGHT[name]
    assert [(one["ends"]["client"], one["ends"]["server"]) for one in found] == states
    assert [m for one in found for s in one["segments"] for m in s["marks"]] == marks
    assert document["whole"] and document["connections"] == len(states)
    assert document["capture"]["not_looked_at"] == {}


def test_the_one_that_was_reset_comes_first(run: Run) -> None:
    document = json.loads(run("wire", "ladder", "--json", CAPTURES / "rst-never-shown.pcap").stdout)
    first = document["groups"][0]
    assert first["connections"] == 1 and document["connections"] == 9
    assert [s["marks"] for s in first["ladder"]["segments"]][-1] == ["reset"]
    assert document["summary"]["how"] == {
        "orderly": 8, "open": 0, "unknown": 0, "half-closed": 0, "unanswered": 0, "refused": 0,
        "reset": 1,
    }  # fmt: skip
    assert document["summary"]["resets"] == [
        {"by": "server", "when": "after data", "connections": 1}
    ]
    text = run("wire", "ladder", CAPTURES / "rst-never-shown.pcap").stdout
    assert text.startswith("  9 connections: 1 reset, 8 orderly")
    assert text.index("RST ACK") < text.index("FIN ACK")


@pytest.mark.parametrize(
    "name, after, why",
    [
        ("cut-mid-record.pcap", 3, "truncated"),
        ("corrupt-caplen.pcap", 3, "invalid packet capture length"),
        ("ng-two-links-early.pcapng", 0, "different"),
    ],
)
def test_a_file_that_ends_early_says_so(run: Run, name: str, after: int, why: str) -> None:
    document = ladders(run, CAPTURES / name, code=1)
    [early] = document["capture"]["ended_early"]
    assert not document["whole"] and early["after"] == after and why in early["why"]
    for mode in ("ladder", "list"):
        done = run("wire", mode, CAPTURES / name)
        assert done.returncode == 1
        assert f"{name}: reading ended after {after} packets: " in done.stderr
        assert done.stderr.count("\n") == 1
        assert ("192.0.2.1:40000" in done.stdout) == (after > 0)


def test_clocks_that_are_apart_make_the_same_ladder(run: Run) -> None:
    def both(kind: str) -> dict[str, Any]:
        return ladders(run, *(f"{end}={CAPTURES}/two-{end}-{kind}.pcap" for end in "cs"))

    apart, together = both("minus5ms"), both("0")
    assert apart["capture"]["clocks_ahead"] == [{"host": "s", "seconds": -0.005}]
    assert together["capture"]["clocks_ahead"] == []
    [one], [other] = by_time(apart), by_time(together)
    assert one["segments"] == other["segments"] and one["ends"] == other["ends"]
    assert not any(s["marks"] for s in one["segments"]) and len(one["segments"]) == 10


def test_copies_are_counted_where_they_are(run: Run) -> None:
    document = ladders(run, CAPTURES / "twice.pcap")
    [one] = by_time(document)
    assert [s["copies"] for s in one["segments"]] == 10 * [1]
    assert document["capture"]["copies"] == 10 and document["capture"]["packets"] == 20


def test_time_that_goes_back_is_reported(run: Run) -> None:
    capture = ladders(run, CAPTURES / "time-goes-back.pcap")["capture"]
    assert (capture["time_goes_back"], capture["furthest_back"]) == (1, 0.000006)
    far = ladders(run, CAPTURES / "ng-time-overflow.pcapng")
    assert far["connections"] == 1 and far["capture"]["time_goes_back"] == 1


def test_the_list_is_as_its_schema_says(run: Run) -> None:
    schema = json.loads((SCHEMAS / "list.schema.json").read_text())
    for file in sorted(CAPTURES.glob("*.pcap*")):
        done = run("wire", "list", "--json", file)
        for line in done.stdout.splitlines():
            jsonschema.validate(json.loads(line), schema)
    [line] = run("wire", "list", "--json", CAPTURES / "twice.pcap").stdout.splitlines()
    assert json.loads(line) == {
        "client": "192.0.2.1:40000", "server": "198.51.100.1:80", "began": 1700000000.001,
        "seconds": 0.009, "client_bytes": 100, "server_bytes": 500, "first_closer": "client",
        "how": "orderly", "client_state": "TIME_WAIT", "server_state": "CLOSED",
        "conn_state": "SF", "history": "ShADadFf",
    }  # fmt: skip
    [line] = run("wire", "list", "--json", CAPTURES / "one-sided-client.pcap").stdout.splitlines()
    found = json.loads(line)
    assert (found["client_bytes"], found["server_bytes"], found["how"]) == (100, None, "unknown")
    assert found["first_closer"] is None


@pytest.mark.parametrize(
    "options, ports",
    [
        (["--only", "reset"], [40009]),
        (["--only", "reset,orderly", "--port", "40002"], [40002]),
        (["--only", "retransmitting", "--host", "192.0.2.0/24"], list(range(40003, 40009))),
        (["--host", "10.0.0.0/8"], []),
        (["--connection", "198.51.100.1:80-192.0.2.1:40007"], [40007]),
        (["--since", "1700000000.65", "--until", "1700000000.85"], [40007, 40008]),
    ],
)
def test_what_is_asked_for_is_shown(run: Run, options: list[str], ports: list[int]) -> None:
    file = CAPTURES / "rst-never-shown.pcap"
    lines = run("wire", "list", "--json", *options, file).stdout.splitlines()
    assert [int(json.loads(line)["client"].rpartition(":")[2]) for line in lines] == ports
    document = ladders(run, *options, file)
    assert sum(group["connections"] for group in document["groups"]) == len(ports)
    assert document["summary"]["connections"] == len(ports)


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--only", "resets"], "write one or more of reset, refused,"),
        (["--host", "10.0.0.0/33"], "--host 10.0.0.0/33: write an address, or a prefix"),
        (["--connection", "a:1-b:2"], "write ADDRESS:PORT-ADDRESS:PORT"),
        (["--groups", "0"], "--groups takes a whole number from 1"),
    ],
)
def test_a_wrong_selection_is_one_sentence(run: Run, options: list[str], sentence: str) -> None:
    done = run("wire", "ladder", *options, CAPTURES / "twice.pcap")
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr and done.stderr.count("\n") == 1


def test_a_probe_that_found_no_room_is_probed_again(run: Run, tmp_path: Path) -> None:
    sent = play("zero-window", 5).packets
    probe = sent[3]._replace(flags=ACK, seq=sent[3].seq + sent[3].length, length=1)
    for number in range(200, 203):
        sent += [probe._replace(number=number), sent[4]._replace(number=number)]
    timed = [(i * 300 * STEP, packet) for i, packet in enumerate(sent)]
    (tmp_path / "probes.pcap").write_bytes(exchange(timed, Look()))
    [one] = by_time(ladders(run, tmp_path / "probes.pcap"))
    assert [s["marks"] for s in one["segments"] if s["length"] == 1] == 3 * [["window probe"]]


def test_verbose_tells_where_a_packet_is(run: Run) -> None:
    text = run("wire", "ladder", "-v", CAPTURES / "zero-window.pcap").stdout
    assert "packet 5, 2023-11-14 22:13:20.005000000 UTC, window 0" in text
    [one] = by_time(ladders(run, "-v", CAPTURES / "zero-window.pcap"))
    assert [s["packet"] for s in one["segments"]] == list(range(1, 12))
    assert one["segments"][4]["window"] == 0 and one["segments"][0]["time"] == 1700000000.001


def test_the_worst_ways_are_listed(run: Run) -> None:
    file = CAPTURES / "rst-never-shown.pcap"
    for ways in (1, 2, 99):
        lines = run("wire", "list", "--json", "--groups", ways, file).stdout.splitlines()
        groups = ladders(run, "--groups", ways, file)["groups"]
        assert len(lines) == sum(group["connections"] for group in groups)
        assert [json.loads(line)["how"] for line in lines].count("reset") == 1


def test_packed_files_and_odd_names(run: Run, tmp_path: Path) -> None:
    plain = (CAPTURES / "twice.pcap").read_bytes()
    wanted = run("wire", "list", CAPTURES / "twice.pcap").stdout
    packed = tmp_path / "a=b.pcap.gz"
    packed.write_bytes(gzip.compress(plain))
    assert run("wire", "list", packed).stdout == wanted
    with (CAPTURES / "twice.pcap").open() as file:
        assert run("wire", "list", "-", stdin=file).stdout == wanted
    with subprocess.Popen(["cat", packed], stdout=subprocess.PIPE) as cat:
        assert run("wire", "list", "-", stdin=cat.stdout).stdout == wanted
    packed.write_bytes(gzip.compress(plain, mtime=0)[:-40])
    done = run("wire", "list", packed)
    assert done.returncode == 1 and "the compressed file is truncated or damaged" in done.stderr
    if shutil.which("zstd"):
        subprocess.run(
            ["zstd", "-q", CAPTURES / "twice.pcap", "-o", tmp_path / "c.zst"], check=True
        )
        assert run("wire", "list", tmp_path / "c.zst").stdout == wanted
    (tmp_path / "d.zst").write_bytes(b"\x28\xb5\x2f\xfd rest")
    done = run("wire", "list", tmp_path / "d.zst", env={"PATH": "/nowhere"})
    assert done.returncode == 77 and "install zstd, or unpack the file" in done.stderr


def test_a_neighbour_is_taken_for_losses_only_when_asked(run: Run, tmp_path: Path) -> None:
    for end in "cs":
        shutil.copy(CAPTURES / f"two-{end}-0.pcap", tmp_path / f"{end}.pcap")
    capture = (tmp_path / "s.pcap").read_bytes()
    size = struct.unpack_from("<I", capture, 24 + 8)[0]
    (tmp_path / "s-lost.pcap").write_bytes(capture[: 24 + 16 + size])
    files = [f"{end}={tmp_path / end}.pcap" for end in "cs"]
    assert ladders(run, *files)["hosts"]["s"]["lost"] == 0
    asked = ladders(run, "--losses", *files)
    assert asked["hosts"]["s"]["lost"] == 1
    assert by_time(asked)[0]["segments"][0]["marks"] == ["lost"]


def ethernet(payload: bytes, kind: int = 0x0800) -> bytes:
    return bytes(12) + struct.pack(">H", kind) + payload


def ip(protocol: int, payload: bytes) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0)
    return head + bytes([192, 0, 2, 1, 192, 0, 2, 2]) + payload


def write(path: Path, frames: list[bytes], link: int = 1) -> None:
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, link)]
    parts += [struct.pack("<IIII", 1700000000, i, len(f), len(f)) + f for i, f in enumerate(frames)]
    path.write_bytes(b"".join(parts))


def test_what_is_not_looked_into_is_counted_by_name(run: Run, tmp_path: Path) -> None:
    udp = {port: struct.pack(">HHHH", 1000, port, 8, 0) for port in (53, 4789, 6081, 2152)}
    frames = [ethernet(ip(17, udp[4789]))] * 12 + [ethernet(ip(17, udp[53]))] * 3
    frames += [ethernet(ip(17, udp[6081])), ethernet(ip(17, udp[2152])), ethernet(ip(47, bytes(8)))]
    frames += [ethernet(ip(4, bytes(20))), ethernet(bytes(28), 0x0806), ethernet(b"\x45short")]
    write(tmp_path / "x.pcap", frames)
    assert ladders(run, tmp_path / "x.pcap")["capture"]["not_looked_at"] == {
        "cut before their flags": 1, "VXLAN": 12, "Geneve": 1, "GTP": 1, "GRE": 1, "IPIP": 1,
        "UDP": 3, "ARP": 1,
    }  # fmt: skip
    text = run("wire", "ladder", tmp_path / "x.pcap").stdout
    assert "12 in VXLAN" in text and "3 UDP" in text
    write(tmp_path / "y.pcap", [], link=105)
    done = run("wire", "ladder", tmp_path / "y.pcap")
    assert done.returncode == 2 and "IEEE802_11 (105)" in done.stderr
