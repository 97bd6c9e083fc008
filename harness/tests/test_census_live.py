"""The census against the kernel it counts: every state, both families, every kind of owner.

Sockets are made by this process inside the hosts of a lab; `ss` is the second opinion.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from callers import ROOT_ALONE, USER_ALONE, contained
from conftest import Run

from linger.lab import census, netns
from linger.lab.census import STATES
from linger.lab.host import Host
from linger.lab.lab import Lab, Peer
from linger.lab.programs import program

# The kernel's spelling of our names (ss(8)).
SS = {"SYN_RECEIVED": "syn-recv", "FIN_WAIT1": "fin-wait-1", "FIN_WAIT2": "fin-wait-2"}
SS |= {"LISTEN": "listening", "CLOSED": "closed"}
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Ends:
    """Both hosts of a lab, with sockets made in them."""

    def __init__(self, lab: Lab) -> None:
        self.client, self.server = lab.hosts["client"], lab.hosts["server"]
        self._open = contextlib.ExitStack()
        self.lab = lab

    def socket(self, host: Host, family: int = socket.AF_INET) -> socket.socket:
        with netns.inside(host.path):
            return self._open.enter_context(socket.socket(family))

    def listen(self, port: int, address: str = "") -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = self.socket(self.server, family)
        listener.bind((address or self.server.address, port))
        listener.listen(100)
        return listener

    def connect(self, listener: socket.socket, wait: bool = True) -> socket.socket:
        end = self.socket(self.client, listener.family)
        end.setblocking(wait)
        with contextlib.suppress(BlockingIOError):
            end.connect(listener.getsockname()[:2])
        return end

    def pair(self, listener: socket.socket) -> tuple[socket.socket, socket.socket]:
        end = self.connect(listener)
        return end, self._open.enter_context(listener.accept()[0])

    def drop(self, host: Host, match: str) -> None:
        """Lose the packets that match in front of a host's TCP."""
        rule = "table inet t { chain c { type filter hook prerouting priority 0; %s drop; }; }"
        with netns.inside(host.path):
            subprocess.run(["nft", rule % match], check=True)

    def await_(self, expression: str, **more: Any) -> dict[str, Any]:
        until = census.until(self.lab.paths, expression, 5, 0, copies=True)
        assert until["until"]["held"], until["until"]
        return {host["host"]: host for host in until["hosts"]}

    def close(self) -> None:
        self._open.close()


@pytest.fixture
def ends(lab: Lab) -> Iterator[Ends]:
    ends = Ends(lab)
    yield ends
    ends.close()


def by_ss(host: Host) -> dict[str, int]:
    with netns.inside(host.path):
        return {
            state: len(
                subprocess.run(
                    ["ss", "-Htan", "state", SS.get(state, state.lower().replace("_", "-"))],
                    capture_output=True, text=True, check=True,
                ).stdout.splitlines()
            )
            for state in STATES
        }  # fmt: skip


def agreed(ends: Ends, host: Host) -> dict[str, int]:
    """The counts of a host, which `ss` confirms between two counts that saw nothing move."""
    for _ in range(100):  # delayed ACKs are still on their way
        before = ends.await_("LISTEN > 0")[host.name]["states"]
        second_opinion = by_ss(host)
        if ends.await_("LISTEN > 0")[host.name]["states"] == before:
            assert before == second_opinion
            return before
    pytest.fail("the sockets never came to rest")


def test_census_agrees_with_ss_on_all_eleven_states(ends: Ends) -> None:
    """Each state has a different count, so that no two can be confused."""
    wanted = dict(zip(STATES, range(2, 13)))
    listeners = {state: ends.listen(9100 + n) for n, state in enumerate(STATES)}
    port = {state: listener.getsockname()[1] for state, listener in listeners.items()}
    ends.drop(
        ends.server,
        f"tcp dport {port['SYN_SENT']} counter drop; "
        f"tcp dport {port['FIN_WAIT1']} tcp flags & fin == fin counter",
    )
    ends.drop(
        ends.client,
        f"tcp sport {port['SYN_RECEIVED']} counter drop; tcp sport {{ {port['LAST_ACK']},"
        f" {port['CLOSING']} }} tcp flags & fin == fin counter",
    )
    for state, count in wanted.items():
        listener = listeners[state]
        for _ in range(count):
            if state in ("SYN_SENT", "SYN_RECEIVED"):
                ends.connect(listener, wait=False)
            elif state == "LISTEN":
                ends.listen(0)
            elif state == "CLOSED":
                ends.socket(ends.server).bind((ends.server.address, 0))
            else:
                end, accepted = ends.pair(listener)
                if state == "CLOSING":  # this FIN is lost, the next is not
                    accepted.shutdown(socket.SHUT_WR)
                if state != "ESTABLISHED":
                    end.shutdown(socket.SHUT_WR)
                if state in ("TIME_WAIT", "LAST_ACK"):
                    assert accepted.recv(1) == b""
                    accepted.close()
    ends.await_(
        f"server:CLOSE_WAIT >= {wanted['CLOSE_WAIT']} and client:TIME_WAIT == {wanted['TIME_WAIT']}"
        f" and server:LAST_ACK == {wanted['LAST_ACK']} and server:CLOSING =="
        f" {wanted['CLOSING']} and server:SYN_RECEIVED == {wanted['SYN_RECEIVED']}"
    )
    seen: set[str] = set()
    for host in (ends.client, ends.server):
        mine = agreed(ends, host)
        seen |= {state for state, count in mine.items() if count}
    # A CLOSED socket is in no kernel table, so neither has a row for it: see GHOSTS.
    assert seen == set(STATES) - {"CLOSED"}


def test_both_families_are_counted(ends: Ends) -> None:
    for host, number in ((ends.client, 1), (ends.server, 2)):
        with netns.inside(host.path):
            command = f"ip addr add fd00::{number}/64 dev eth0 nodad"
            subprocess.run(command.split(), check=True)
    four, six = ends.listen(9001), ends.listen(9001, "fd00::2")
    for listener, count in ((four, 3), (six, 4)):
        for _ in range(count):
            ends.pair(listener)
    mine = ends.await_("server:ESTABLISHED == 7")["server"]
    assert mine["states"]["LISTEN"] == 2
    assert {entry["address"] for entry in mine["listeners"]} == {"10.0.0.2", "fd00::2"}


# A program that holds connections in different ways, given on its command line.
HOLDER = """
import socket, struct, sys
listener = socket.create_server((sys.argv[1], 9000), backlog=100)
print('ev=ready', flush=True)
held = []
for word in sys.argv[2:]:
    if word == 'accept': held.append(listener.accept()[0])
    if word == 'read': assert held[-1].recv(1) == b''
    if word == 'reset':
        try: held[-1].recv(1)
        except ConnectionResetError: pass
    if word == 'shutdown': held[-1].recv(1); held[-1].shutdown(socket.SHUT_RDWR)
    if word == 'fresh': held.append(socket.socket())
    if word == 'refused':
        held.append(socket.socket()); held[-1].connect_ex((sys.argv[1], 1))
    if word == 'refused-later':
        held.append(socket.socket()); held[-1].setblocking(False)
        held[-1].connect_ex((sys.argv[1], 1))
        while not held[-1].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR): pass
print('ev=done', flush=True)
__import__('signal').pause()
"""


def holder(lab: Lab, *words: str) -> Any:
    """Start HOLDER in the host "server"."""
    server = lab.hosts["server"]
    command: list[str | Path] = [sys.executable, "-c", HOLDER, server.address, *words]
    peer = Peer(server, command, lab.evidence / "holder.log", ("PassiveOpens",))
    lab.peers.append(peer)
    peer.said("ready")
    return peer


def connect(ends: Ends) -> socket.socket:
    end = ends.socket(ends.client)
    end.connect((ends.server.address, 9000))
    return end


def test_owned_sockets_name_their_process(lab: Lab, ends: Ends) -> None:
    peer = holder(lab, "accept", "read", "accept")
    for _ in range(2):
        connect(ends).shutdown(socket.SHUT_WR)
    peer.said("done")
    mine = ends.await_("server:CLOSE_WAIT.owned == 2 and server:descriptors == 2")["server"]
    assert sum(row["unread"] for row in mine["rows"]) == 1  # one read its EOF, the other did not
    (owner,) = (owner for owner in mine["owners"] if owner["state"] == "CLOSE_WAIT")
    assert (owner["pid"], owner["descriptors"], owner["port"]) == (peer.pid, 2, 9000)
    assert all(
        os.readlink(f"/proc/{peer.pid}/fd/{fd}").startswith("socket:") for fd in owner["fds"]
    )
    assert mine["classes"]["owned"] == 3  # with the listener


def test_unaccepted_sockets_wait_behind_their_listener(lab: Lab, ends: Ends) -> None:
    holder(lab)
    connect(ends)
    connect(ends).close()
    mine = ends.await_("server:CLOSE_WAIT.unaccepted == 1")["server"]
    assert mine["classes"]["unaccepted"] == 2
    assert mine["descriptors"] == 0
    (listener,) = mine["listeners"]
    assert (listener["recv_q"], listener["backlog"]) == (2, 100)


def test_orphans_are_the_kernels(lab: Lab, ends: Ends) -> None:
    holder(lab, "accept")
    connect(ends).close()
    mine = ends.await_("client:FIN_WAIT2.orphan == 1")["client"]
    assert mine["classes"]["orphan"] == 1
    assert mine["descriptors"] == 0


GHOSTS: dict[str, Callable[[socket.socket], None]] = {
    "reset": lambda end: (
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE),
        end.close(),
    )[0],
    "shutdown": lambda end: end.shutdown(socket.SHUT_WR),
}


@pytest.mark.parametrize("how", GHOSTS)
def test_ghosts_are_descriptors_without_a_row(lab: Lab, ends: Ends, how: str) -> None:
    peer = holder(lab, "accept", how)
    GHOSTS[how](connect(ends))
    peer.said("done")
    mine = ends.await_("server:ghosts == 1")["server"]
    assert mine["descriptors"] == 1
    assert sum(mine["states"].values()) == 1, "only the listener has a row"
    assert by_ss(ends.server) == mine["states"]


def test_a_refused_connect_was_never_connected(lab: Lab, ends: Ends) -> None:
    holder(lab, "fresh", "refused", "refused-later", "fresh").said("done")
    mine = ends.await_("server:unconnected == 4")["server"]
    assert (mine["ghosts"], mine["gone"], mine["descriptors"]) == (0, 4, 4)


def test_counters_by_their_kernel_names(ends: Ends) -> None:
    listener = ends.listen(9001)
    for _ in range(3):
        ends.pair(listener)
    mine = ends.await_("server:PassiveOpens == 3 and client:ActiveOpens == 3")
    assert mine["server"]["counters"]["PassiveOpens"] == 3


def test_time_wait_has_no_owner(ends: Ends) -> None:
    end, accepted = ends.pair(ends.listen(9001))
    end.close()
    accepted.close()
    mine = ends.await_("client:TIME_WAIT == 1")["client"]
    assert mine["classes"]["timewait"] == 1


def test_until_by_itself_as_a_shell_would_use_it(run: Run) -> None:
    assert run("census", "--until", "CLOSE_WAIT < 1000000").returncode == 0
    done = run("census", "--until", "LISTEN > 1000000", "--within", "30ms")
    assert done.returncode == 1
    assert "LISTEN > 1000000" in done.stderr and "30ms" in done.stderr


def test_a_process_by_its_pid(run: Run) -> None:
    before = json.loads(run("census", "--pid", os.getpid(), "--json").stdout)["hosts"][0]["states"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                # Named twice, it counts once.
                done = run("census", "--pid", os.getpid(), "--pid", os.getpid(), "--json")
    host = json.loads(done.stdout)["hosts"][0]
    assert host["descriptors"] == 2
    assert host["states"]["ESTABLISHED"] == 2
    assert host["states"]["LISTEN"] == before.get("LISTEN", 0) + 1  # one may be another test's


# Callers that may not read us, and what would let them.
REFUSED = {
    "user": ([*USER_ALONE, *contained("")], "run census as root"),
    "root of a container": ([*ROOT_ALONE, *contained("")], "give it to census (docker run --cap-add SYS_PTRACE)"),
    "root of a namespace": (ROOT_ALONE, "run census there"),
}  # fmt: skip


@pytest.mark.parametrize("words, remedy", REFUSED.values(), ids=REFUSED)
def test_root_is_not_told_to_become_root(words: list[str], remedy: str) -> None:
    census = [*words, str(program("census"))]
    pid = subprocess.run([*census, "--pid", str(os.getpid())], capture_output=True, text=True)
    assert pid.returncode == 77 and pid.stderr.endswith(f": {remedy}\n"), pid.stderr
    until = [*census, "--until", "descriptors == 0", "--within", "0s"]
    for words in (census, until):
        told = subprocess.run(words, capture_output=True, text=True)
        assert remedy in " ".join((told.stdout + told.stderr).split()), told
    assert told.returncode == 77  # what cannot be seen makes no expression true


def test_a_process_that_ends_is_no_repair(run: Run) -> None:
    """Its sockets are gone, but so is the process."""
    listens = "import socket, signal; s = socket.create_server(('127.0.0.1', 0)); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", listens]) as listener:
        words = ["--pid", str(listener.pid), "--until", "LISTEN == 1"]
        assert run("census", *words).returncode == 0
        words = [program("census"), *words, "--hold", "1min", "-v"]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as watch:
            assert watch.stderr and "LISTEN is 1" in watch.stderr.readline()
            listener.kill()
            assert watch.wait(10) == 3
            assert f"process {listener.pid} ended while census watched it" in watch.stderr.read()
    done = run("census", "--pid", listener.pid)  # as that of a pid file that nobody removed
    assert (done.returncode, done.stderr) == (3, f"census: cannot watch process {listener.pid}: No such process\n")


@pytest.mark.parametrize("name", ["census", "wire"])
def test_what_cannot_be_written_is_no_success(name: str) -> None:
    with open("/dev/full", "w") as full:
        words = [program(name), "--help"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    said = f"{name}: cannot write to stdout: No space left on device\n"
    assert (done.returncode, done.stderr) == (70, said)


WRONG = {
    "CLOSE_WAIT": ["--until", "CLOSE_WEIGHT == 1"],
    "3parsecs": ["--until", "LISTEN == 0", "--within", "3parsecs"],
    "nowhere": ["--host", "x=nowhere"],
    "--frobnicate": ["--frobnicate"],
    "walk": ["walk"],
}


@pytest.mark.parametrize("named", WRONG)
def test_wrong_usage_is_one_sentence_and_2(run: Run, named: str) -> None:
    done = run("census", *WRONG[named])
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1 and named in done.stderr
