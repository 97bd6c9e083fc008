"""turncoat as a relay: what a client gets of a backend's messages is what the events say."""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
import threading
import time
from pathlib import Path
from typing import Iterator, NamedTuple

import pytest
from conftest import Run
from test_turncoat import AT_ONCE, WITHIN, end_of, is_quiet, receive

from linger.lab.process import Process
from linger.lab.programs import program

MESSAGE = b"0123456789"  # of the backend: one as a greeting, and one per request


class Backend(threading.Thread):
    """A server with a greeting, until it hears "bye"."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard: list[bytes] = []  # of all connections
        self.start()

    def run(self) -> None:
        while True:
            threading.Thread(target=self._serve, args=self.listener.accept()[:1], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            client.sendall(MESSAGE)
            while (heard := client.recv(100)) not in (b"", b"bye"):
                self.heard.append(heard)
                client.sendall(MESSAGE)
            self.heard.append(heard)


class Relay:
    """turncoat in front of a backend, with one port per strike."""

    backend: Backend  # of the fixture's

    def __init__(self, log: Path, to: int, *strikes: str) -> None:
        words = [program("turncoat"), "--to", str(to), "--pause", "50ms"]
        for strike in strikes:
            words += ["--strike", strike]
        self.process = Process(words, log)
        self.process.said("ready", len(strikes), WITHIN)
        self.ports = [int(event["port"]) for event in self.process.events("ready")]

    def connect(self, number: int = 0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.ports[number]), WITHIN)

    def command(self, words: str) -> None:
        times = len(self.process.events("done")) + 1
        self.process.hear(words)
        self.process.said("done", times, WITHIN)


@pytest.fixture
def relay(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Relay]:
    backend = Backend()
    relay = Relay(tmp_path / "log", backend.port, *request.param.split())
    relay.backend = backend
    yield relay
    relay.process.hear("quit")
    relay.process.wait(WITHIN)
    assert not relay.process.events("error")


def end_at_once(relay: Relay) -> str:
    """The end of a connection that may be over before connect(2) has returned."""
    try:
        with relay.connect() as client:
            return end_of(client)
    except ConnectionResetError:
        return "rst"


def told(relay: Relay, name: str, *keys: str, **fields: object) -> list[str]:
    return [" ".join(event[key] for key in keys) for event in relay.process.events(name, **fields)]


@pytest.mark.parametrize("relay", ["pass"], indirect=True)
def test_what_passes_is_told_in_messages(relay: Relay) -> None:
    with relay.connect() as client:
        assert receive(client, 10) == MESSAGE
        client.sendall(b"one")
        assert receive(client, 10) == MESSAGE
        client.sendall(b"bye")
        assert end_of(client) == "fin"
    relay.process.said("closed", within=WITHIN)
    assert told(relay, "message", "by", "n", "bytes") == [
        "backend 1 10", "client 1 3", "backend 2 10", "client 2 3"]  # fmt: skip
    assert told(relay, "closed", "received", "sent", "withheld") == ["6 20 0"]
    assert len(relay.process.events("served")) == 1 and not relay.process.events("strike")


@pytest.mark.parametrize("relay", ["pass"], indirect=True)
def test_what_is_large_passes_whole(relay: Relay) -> None:
    """More than both sides hold at once."""
    body = bytes(8 << 20)
    with relay.connect() as client:
        sender = threading.Thread(target=lambda: client.sendall(body))
        sender.start()
        received = receive(client, 10)
        client.settimeout(WITHIN)
        while sum(map(len, relay.backend.heard)) < len(body):
            received += client.recv(1 << 16)
        sender.join()
    assert b"".join(relay.backend.heard) == body and MESSAGE in received


@pytest.mark.parametrize("relay", ["pass"], indirect=True)
def test_not_every_message_of_very_many_is_told(relay: Relay) -> None:
    with relay.connect() as client:
        receive(client, 10)
        began = time.monotonic()
        for _ in range(500):
            client.sendall(b"x")
            receive(client, 10)
        tenths = (time.monotonic() - began) * 10
        client.sendall(b"bye")
        assert end_of(client) == "fin"
    relay.process.said("closed", within=WITHIN)
    numbers = [int(n) for n in told(relay, "message", "n", by="backend")]
    assert numbers[:64] == [*range(1, 65)] and 64 <= len(numbers) <= 65 + tenths
    assert told(relay, "closed", "received", "sent") == ["503 5010"]


class Case(NamedTuple):
    """A blow that falls on a client that has said hello once."""

    strike: str
    gets: bytes  # all in all
    end: str  # "": none comes
    place: str = "2 0"  # n and after, of its event


CASES = [
    Case("fin@2", MESSAGE, "fin"),
    Case("fin@2+4", MESSAGE + b"0123", "fin", "2 4"),
    Case("fin@1", b"", "fin", "1 0"),
    Case("rst@2", MESSAGE, "rst"),
    Case("rst@2+4", MESSAGE + b"0123", "rst", "2 4"),
    Case("half@2+4", MESSAGE + b"0123", "fin", "2 4"),
    Case("stall@2+4", MESSAGE + b"0123", "", "2 4"),
    Case("gone@2+4", MESSAGE + b"0123", "", "2 4"),
    Case("fin@1+11", MESSAGE, "fin"),  # the first message is already over
    Case("fin", b"", "fin", "0 0"),
    Case("half", b"", "fin", "0 0"),
]


@pytest.mark.parametrize("relay", [" ".join(case.strike for case in CASES)], indirect=True)
def test_a_blow_falls_where_it_should(relay: Relay) -> None:
    for number, case in enumerate(CASES):
        with relay.connect(number) as client:
            got = receive(client, min(10, len(case.gets)))
            if got:
                client.sendall(b"hello")
                got += receive(client, len(case.gets) - len(got))
            assert got == case.gets, case
            event = relay.process.said("strike", number + 1, WITHIN)
            assert event["what"] == case.strike.partition("@")[0], case
            assert f"{event['n']} {event['after']}" == case.place, case
            assert end_of(client) == case.end if case.end else is_quiet(client), case


def unacknowledged(client: socket.socket) -> int:
    return struct.unpack("i", fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)))[0]


@pytest.mark.parametrize("relay", ["stall@1 gone@1 half@1"], indirect=True)
def test_who_still_hears_the_client(relay: Relay) -> None:
    """What the client says reaches the backend, unless every packet of it is dropped."""
    for number, word in enumerate((b"stall", b"gone", b"half")):
        with relay.connect(number) as client:
            relay.process.said("strike", number + 1, WITHIN)
            client.sendall(word)
            deadline = time.monotonic() + (0.5 if word == b"gone" else WITHIN)
            while unacknowledged(client) and time.monotonic() < deadline:
                time.sleep(0.01)  # the next look
            assert unacknowledged(client) == (4 if word == b"gone" else 0)
            assert word == b"gone" or _heard(relay, word)
    assert b"gone" not in relay.backend.heard


def _heard(relay: Relay, word: bytes) -> bool:
    deadline = time.monotonic() + WITHIN
    while word not in relay.backend.heard and time.monotonic() < deadline:
        time.sleep(0.01)  # the next look
    return word in relay.backend.heard


@pytest.mark.parametrize("relay", ["trickle@1+8"], indirect=True)
def test_a_trickle_comes_whole_in_the_end(relay: Relay) -> None:
    with relay.connect() as client:
        assert receive(client, 8) == b"01234567"
        began = time.monotonic()
        assert receive(client, 2) == b"89" and time.monotonic() - began > 0.3
        client.sendall(b"bye")
        assert end_of(client) == "fin"


@pytest.mark.parametrize("relay", ["pass"], indirect=True)
def test_phases(relay: Relay) -> None:
    """A strike without a place ends open and new connections; then all is good again."""
    port = relay.ports[0]
    with relay.connect() as old, relay.connect() as other:
        assert receive(old, 10) == receive(other, 10) == MESSAGE
        relay.command(f"become {port} rst")
        assert end_of(old) == end_of(other) == "rst"
        assert end_at_once(relay) == "rst"
        relay.command(f"become {port} fin@2.1")
        with relay.connect() as first, relay.connect() as second:
            assert receive(first, 10) == MESSAGE and end_of(second) == "fin"
        relay.command(f"refuse {port}")
        with pytest.raises(ConnectionRefusedError):
            relay.connect()
        relay.command(f"listen {port}")
        relay.command(f"become {port} pass")
        with relay.connect() as new:
            assert receive(new, 10) == MESSAGE


@pytest.mark.parametrize("relay", ["pass"], indirect=True)
def test_a_place_counts_on_later_connections(relay: Relay) -> None:
    with relay.connect() as old:
        assert receive(old, 10) == MESSAGE
        relay.command(f"become {relay.ports[0]} fin@2")
        old.sendall(b"hello")
        assert receive(old, 10) == MESSAGE and is_quiet(old)
    with relay.connect() as new:
        assert receive(new, 10) == MESSAGE
        new.sendall(b"hello")
        assert end_of(new) == "fin"


@pytest.mark.parametrize("relay", ["stall@1"], indirect=True)
def test_a_silent_relay_hides_that_the_backend_has_ended(relay: Relay) -> None:
    with relay.connect() as client:
        client.sendall(b"bye")
        assert _heard(relay, b"bye")
        relay.command(f"sync {relay.ports[0]}")
        assert is_quiet(client)


def test_what_was_not_read_makes_no_rst_of_a_fin(tmp_path: Path) -> None:
    """With a backend that reads nothing, the client's bytes pile up in the relay and in front of it."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        relay = Relay(tmp_path / "log", deaf.getsockname()[1], "pass")
        with relay.connect() as client:
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.sendall(bytes(64 << 20))
            relay.command(f"become {relay.ports[0]} fin")
            strike = relay.process.said("strike", within=WITHIN)
            assert (strike["what"], strike["unread"]) == ("fin", "0")
        relay.process.stop()


@pytest.mark.parametrize("relay", ["pass stall@1"], indirect=True)
def test_a_client_that_leaves_is_let_go(relay: Relay) -> None:
    with relay.connect() as client:
        receive(client, 10)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    relay.process.said("closed", 1, WITHIN)
    with relay.connect(1):
        relay.process.said("strike", 1, WITHIN)
    relay.process.said("closed", 2, WITHIN)
    assert told(relay, "peer", "what") == ["rst", "fin"]


def test_an_end_waits_until_the_backend_is_reached(tmp_path: Path) -> None:
    """shutdown(2) would abort the connection attempt, and the next read would fail with ENOTCONN."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as busy:
        first = socket.create_connection(busy.getsockname(), WITHIN)  # fills the accept queue
        relay = Relay(tmp_path / "log", busy.getsockname()[1], "pass")
        with first, relay.connect() as client:
            client.shutdown(socket.SHUT_WR)
            relay.process.said("peer", within=WITHIN, what="fin")
            busy.accept()[0].close()
            busy.settimeout(WITHIN)
            backend, _ = busy.accept()  # when its SYN is sent again, after a second
            with backend:
                backend.sendall(MESSAGE)
                assert backend.recv(1) == b"" and receive(client, 10) == MESSAGE
        relay.process.stop()
        assert not relay.process.events("error")


def test_a_backend_that_is_not_there(tmp_path: Path) -> None:
    relay = Relay(tmp_path / "log", 1, "pass")
    assert end_at_once(relay) == "rst"
    assert relay.process.said("error", within=WITHIN)["err"] == "ECONNREFUSED"
    relay.process.stop()


@pytest.mark.parametrize(
    "words, why",
    [
        ("--to 1", "nothing to do"),
        ("--to 1 -b good", "--to and --strike belong together"),
        ("-s fin", "--to and --strike belong together"),
        ("--to 1 --all", "--to needs --strike"),
        ("--to 1 -s finn", "a strike is pass, fin, rst,"),
        ("--to 1 -s fin@x", "a strike is HOW@[CONNECTION.]MESSAGE[+BYTES]"),
        ("--to 0 -s fin", "--to takes a whole number from 1"),
    ],
)
def test_what_makes_no_sense_is_refused(run: Run, words: str, why: str) -> None:
    done = run("turncoat", *words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"turncoat: {why}") and done.stderr.count("\n") == 1
