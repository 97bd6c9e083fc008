"""The recorder and the ladder against the kernel: the packets show the sockets' true states."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any, Callable

import jsonschema
import pytest
from conftest import Run

import linger
from linger.lab import Lab, census, faults, netns
from linger.lab.errors import Broken, NotHeld
from linger.lab.expect import Peer
from linger.lab.faults import PURE_ACK
from linger.lab.programs import program

N = 5
SYS_PIDFD_GETFD = 438
# include/net/tcp_states.h
KERNEL = {
    1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECEIVED", 4: "FIN_WAIT1", 5: "FIN_WAIT2",
    6: "TIME_WAIT", 7: "CLOSED", 8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING",
}  # fmt: skip


def tcp_info_states(peer: Peer) -> list[str]:
    """The states of a process's connections, by TCP_INFO of its own descriptors (tcp(7))."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(peer.pid)
    found = []
    try:
        for name in os.listdir(f"/proc/{peer.pid}/fd"):
            if not os.readlink(f"/proc/{peer.pid}/fd/{name}").startswith("socket:"):
                continue
            fd = libc.syscall(SYS_PIDFD_GETFD, pidfd, int(name), 0)
            assert fd >= 0, os.strerror(ctypes.get_errno())
            with socket.socket(fileno=fd) as held:
                if held.family != socket.AF_INET or held.type != socket.SOCK_STREAM:
                    continue
                state = held.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
                if KERNEL[state] not in ("LISTEN", "CLOSED"):
                    found.append(KERNEL[state])
    finally:
        os.close(pidfd)
    return found


def derived(ladder: dict[str, Any]) -> dict[str, dict[str, int]]:
    """The current counts of each host by the packets."""
    return {host: rows[-1]["states"] if rows else {} for host, rows in ladder["states"].items()}


def counted(lab: Lab) -> dict[str, dict[str, int]]:
    """The current counts of each host by the census."""
    snapshot = census.until(lab.paths, "LISTEN < 1000000", 1, 0)
    return {
        host["host"]: {
            state: n for state, n in host["states"].items() if n and state not in ("LISTEN",)
        }
        for host in snapshot["hosts"]
    }


PASSIVE = "listen accept recv:6 send:hello await half stay"
ACTIVE = "connect send:hello recv:6 await half stay"


def pair(lab: Lab) -> tuple[Peer, Peer]:
    """A server and a client with N connections, both waiting to close."""
    server = lab.peer(PASSIVE, N, at="server")
    client = lab.peer(ACTIVE, N)
    client.said("await"), server.said("await")
    return client, server


def syn_sent(lab: Lab) -> tuple[Peer | None, Peer | None]:
    lab.server("echo")
    faults.drop(lab.hosts["server"], flags="syn")
    for _ in range(N):  # connect() waits, so each has its own process
        lab.peer("connect stay")
    return None, None


def syn_received(lab: Lab) -> tuple[Peer | None, Peer | None]:
    lab.server("echo")
    faults.drop(lab.hosts["server"], match=PURE_ACK)
    return lab.peer("connect stay", N), None


def established(lab: Lab) -> tuple[Peer | None, Peer | None]:
    return pair(lab)


def fin_lost(lab: Lab) -> tuple[Peer | None, Peer | None]:
    client, server = pair(lab)
    faults.drop(lab.hosts["server"], flags="fin")
    client.go()
    return client, server


def ack_of_fin_lost(lab: Lab) -> tuple[Peer | None, Peer | None]:
    client, server = pair(lab)
    faults.partition(lab.hosts["client"])
    client.go()
    return client, server


def half_closed(lab: Lab) -> tuple[Peer | None, Peer | None]:
    client, server = pair(lab)
    client.go()
    return client, server


def second_fin_lost(lab: Lab) -> tuple[Peer | None, Peer | None]:
    client, server = pair(lab)
    client.go()
    lab.happened(client, FIN_WAIT2=N)
    faults.drop(lab.hosts["client"], flags="fin")
    server.go()
    return client, server


def last_ack_lost(lab: Lab) -> tuple[Peer | None, Peer | None]:
    client, server = pair(lab)
    client.go()
    lab.happened(client, FIN_WAIT2=N)
    faults.partition(lab.hosts["server"])
    server.go()
    return client, server


def crossed(lab: Lab) -> tuple[Peer | None, Peer | None]:
    """Both FINs cross; the answers to them are lost."""
    client, server = pair(lab)
    faults.drop(lab.hosts["client"], flags="fin")
    faults.drop(lab.hosts["client"], match=PURE_ACK)
    faults.drop(lab.hosts["server"], match=PURE_ACK)
    server.go()
    lab.happened(server, FIN_WAIT1=N)
    client.go()
    return client, server


def all_over(lab: Lab) -> tuple[Peer | None, Peer | None]:
    client, server = pair(lab)
    client.go()
    lab.happened(client, FIN_WAIT2=N)
    server.go()
    return client, server


HELD: dict[Callable[[Lab], Any], tuple[str, str]] = {
    syn_sent: ("SYN_SENT", "-"),
    syn_received: ("ESTABLISHED", "SYN_RECEIVED"),
    established: ("ESTABLISHED", "ESTABLISHED"),
    fin_lost: ("FIN_WAIT1", "ESTABLISHED"),
    ack_of_fin_lost: ("FIN_WAIT1", "CLOSE_WAIT"),
    half_closed: ("FIN_WAIT2", "CLOSE_WAIT"),
    second_fin_lost: ("FIN_WAIT2", "LAST_ACK"),
    last_ack_lost: ("TIME_WAIT", "LAST_ACK"),
    crossed: ("FIN_WAIT1", "CLOSING"),
    all_over: ("TIME_WAIT", "-"),
}


@pytest.mark.parametrize("hold", HELD, ids=lambda hold: hold.__name__)
def test_a_state_that_is_held_is_known_in_three_ways(
    lab: Lab, hold: Callable[[Lab], tuple[Peer | None, Peer | None]]
) -> None:
    """The packets, the census and TCP_INFO agree about both hosts."""
    faults.quickack(lab.hosts["server"]), faults.quickack(lab.hosts["client"])
    peers = hold(lab)
    wanted = {
        host: {} if state == "-" else {state: N} for host, state in zip(lab.hosts, HELD[hold])
    }
    terms = [
        census.term(f"{host}:{state}", wanted[host].get(state, 0))
        for host in wanted
        for state in census.STATES
        if state not in ("LISTEN", "CLOSED")
    ]
    assert census.until(lab.paths, " and ".join(terms), 3, 0)["until"]["held"], counted(lab)
    ladder = lab.ladder()
    assert derived(ladder) == wanted
    assert ladder["disagreements"] == [] and ladder["whole"]
    for peer, (host, states) in zip(peers, wanted.items()):
        held = [state for state in states for _ in range(N)]
        if peer and states and held[0] not in ("TIME_WAIT", "SYN_RECEIVED"):
            assert tcp_info_states(peer) == held, host


def test_a_timeline_that_had_no_processor_disagrees_with_nothing(lab: Lab) -> None:
    client, server = pair(lab)
    lab.ladder()  # the timeline shows ESTABLISHED
    client.go()
    lab.happened(client, FIN_WAIT2=N)
    lab.ladder()
    assert lab._samples
    lab._samples.freeze()
    faults.drop(lab.hosts["client"], flags="fin")
    server.go()
    lab.until(f"server:LAST_ACK == {N}", 3, hold=0.5)  # FINs are sent again
    lab._samples.thaw()
    assert lab.ladder()["disagreements"] == []


def first_ladder(ladder: dict[str, Any]) -> dict[str, Any]:
    [group] = ladder["groups"]
    return group["ladder"]


def rungs(ladder: dict[str, Any]) -> list[str]:
    """A ladder in short: "client SYN -> SYN_SENT SYN_RECEIVED"."""
    return [
        f"{s['from']} {' '.join(s['flags'])} -> {s['client']} {s['server']}"
        + "".join(f" {mark}" for mark in s["marks"])
        for s in first_ladder(ladder)["segments"]
        if s["length"] == 0
    ]


def test_the_ladder_of_an_orderly_close(lab: Lab) -> None:
    faults.quickack(lab.hosts["server"])
    client, server = pair(lab)
    client.go()
    lab.happened(client, FIN_WAIT2=N)
    server.go()
    lab.happened(client, TIME_WAIT=N)
    lab.close()
    ladder = json.loads((lab.evidence / "ladder.json").read_text())
    schema = Path(linger.__file__).parent / "schema/ladder.schema.json"
    jsonschema.validate(ladder, json.loads(schema.read_text()))
    assert ladder["connections"] == N and ladder["groups"][0]["connections"] == N
    assert rungs(ladder)[:3] == [
        "client SYN -> SYN_SENT SYN_RECEIVED",
        "server SYN ACK -> ESTABLISHED SYN_RECEIVED",
        "client ACK -> ESTABLISHED ESTABLISHED",
    ]
    assert rungs(ladder)[-4:] == [
        "client FIN ACK -> FIN_WAIT1 CLOSE_WAIT",
        "server ACK -> FIN_WAIT2 CLOSE_WAIT",
        "server FIN ACK -> TIME_WAIT LAST_ACK",
        "client ACK -> TIME_WAIT CLOSED",
    ]
    shown = first_ladder(ladder)
    assert shown["ends"] == {"client": "TIME_WAIT", "server": "CLOSED"}
    assert [shown[end]["host"] for end in ("client", "server")] == ["client", "server"]
    assert all(s["arrived"] > s["sent"] >= 0 for s in shown["segments"])
    for name, host in lab.hosts.items():
        told = ladder["hosts"][name]
        assert told["address"] == host.address
        assert told["packets"] == told["kept"] > 9 * N and told["missed"] == told["lost"] == 0
    assert ladder["whole"] and ladder["disagreements"] == []


def test_what_a_fault_dropped_is_lost_and_nothing_else(lab: Lab) -> None:
    server = lab.hosts["server"]
    watched = faults.watch(server, "tcp flags & fin == fin")
    lost = faults.drop_nth(server, 1, "tcp flags & fin == fin")
    client, _ = pair(lab)
    client.go()
    lab.happened_fault(lost, 1)
    lab.happened(client, FIN_WAIT2=N)  # the first FIN was retransmitted
    lab.happened_fault(watched, N)  # after the drop, and it reports none to the recorder
    ladder = lab.ladder()
    assert (ladder["hosts"]["server"]["lost"], ladder["hosts"]["client"]["lost"]) == (1, 0)
    fins = {
        group["connections"]: [
            (s["marks"], s["arrived"] is None)
            for s in group["ladder"]["segments"]
            if "FIN" in s["flags"]
        ]
        for group in ladder["groups"]
    }
    assert fins == {N - 1: [([], False)], 1: [(["lost"], True), (["retransmission"], False)]}


def test_without_nflog_losses_are_inferred(lab: Lab, run: Run) -> None:
    for host in lab.hosts.values():
        host.log_group = None  # as where the kernel has no nfnetlink_log
    lost = faults.drop_nth(lab.hosts["server"], 1, "tcp flags & fin == fin")
    client, _ = pair(lab)
    client.go()
    lab.happened_fault(lost, 1)
    lab.happened(client, FIN_WAIT2=N)
    assert lab.ladder()["hosts"]["server"]["lost"] == 0
    files = [f"{name}={lab.evidence / name}.pcap" for name in lab.hosts]
    ladder = json.loads(run("wire", "ladder", "--json", "--infer-losses", *files).stdout)
    marks = [s["marks"] for group in ladder["groups"] for s in group["ladder"]["segments"]]
    assert sorted(filter(None, marks)) == [["lost"], ["retransmission"]]


def test_a_reset_and_a_refusal(lab: Lab) -> None:
    lab.server("closewait_leak", "fixed")
    lab.peer("connect hello rst").wait()
    with pytest.raises(NotHeld, match="ECONNREFUSED"):
        lab.peer("connect", port=1).wait()
    ladder = lab.ladder()
    marks = [group["ladder"]["segments"][-1]["marks"] for group in ladder["groups"]]
    assert sorted(marks) == [["refused"], ["reset"]]
    assert all(
        group["ladder"]["ends"] == {"client": "CLOSED", "server": "CLOSED"}
        for group in ladder["groups"]
    )


def test_one_file_shows_both_sides(lab: Lab, run: Run) -> None:
    """As what a user captured with tcpdump: one tap, no census."""
    lab.server("closewait_leak", "fixed")
    lab.peer("connect hello fin", connections=N).wait()
    lab.ladder()  # so that the file is written
    shown = run("wire", "ladder", lab.evidence / "client.pcap")
    assert shown.returncode == 0, shown.stderr
    assert "SYN_SENT" in shown.stdout and f"{N - 1} further connections" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 100
    plain = run("wire", "ladder", lab.evidence / "client.pcap", env={"LC_ALL": "C"})
    assert plain.stdout.isascii() and "--->" in plain.stdout


def test_only_the_first_connections_are_kept_whole(lab: Lab, run: Run) -> None:
    host = lab.hosts["server"]
    file = lab.evidence / "few.pcap"
    words = [
        program("wire"),
        "record",
        "--whole",
        "2",
        "--host",
        f"server={host.path}:{file}",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as recorder:
        assert recorder.stdout and recorder.stdout.readline().startswith("ev=ready")
        lab.server("closewait_leak", "fixed")
        lab.peer("connect hello fin", connections=N).wait()
        recorder.terminate()
        told = recorder.stdout.read()
    assert recorder.returncode == 0
    ladder = json.loads(run("wire", "ladder", "--json", file).stdout)
    assert ladder["connections"] == N
    packets, kept = (int(word.partition("=")[2]) for word in told.split()[2:4])
    assert packets > kept == ladder["hosts"]["capture"]["packets"]


def test_a_full_disk_is_a_sentence(lab: Lab, tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", tmp_path], check=True)
    host = lab.hosts["server"]
    words = [program("wire"), "record", "--host", f"server={host.path}:{tmp_path}/x.pcap"]
    ends = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    try:
        with subprocess.Popen(words, text=True, **ends) as recorder:  # type: ignore[call-overload]
            assert recorder.stdout.readline().startswith("ev=ready")
            lab.server("closewait_leak", "fixed")
            lab.peer("connect hello fin", connections=20 * N).wait()
            assert recorder.wait(10) == 77
            assert "x.pcap: No space left on device" in recorder.stderr.read()
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_recorder_that_failed_fails_the_lab(lab: Lab) -> None:
    assert lab.recorder
    os.kill(lab.recorder._process.pid, signal.SIGKILL)
    with pytest.raises(Broken, match="the packets are not recorded: wire was ended by SIGKILL"):
        lab.close()
    netns.await_removed()
    assert not any(host.path.exists() for host in lab.hosts.values())


@pytest.mark.parametrize(
    "words, sentence",
    [
        ([], "record, ladder or list, not ''"),
        (["record"], "record needs --host"),
        (["record", "--host", "server"], "write NAME=NETNS:FILE"),
        (["record", "--host", "server=nowhere:x.pcap"], "no namespace"),
        (["ladder"], "ladder needs a FILE"),
        (["ladder", "a.pcap", "b.pcap"], "write NAME=FILE"),
        (["ladder", "/nowhere.pcap"], "capture: /nowhere.pcap: No such file"),
        (["ladder", "/etc/passwd"], "capture: /etc/passwd: unknown file format"),
        (["ladder", "--jsom", "x"], "unknown option --jsom"),
    ],
)
def test_wrong_usage_is_one_sentence(run: Run, words: list[str], sentence: str) -> None:
    done = run("wire", *words)
    assert done.returncode == 2 and done.stdout == ""
    assert sentence in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("option", ["--census", "--recorder"])
def test_what_cannot_be_read_is_not_passed_over(run: Run, tmp_path: Path, option: str) -> None:
    """A folder can be opened but not read; without a check the ladder would just be missing."""
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
    assert run("wire", "ladder", empty).returncode == 0
    done = run("wire", "ladder", option, tmp_path, empty)
    assert (done.returncode, done.stderr) == (2, f"wire: {tmp_path}: Is a directory\n")
