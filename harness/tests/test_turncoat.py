"""turncoat against plain sockets: what a client gets is what the events say, for each behaviour."""

from __future__ import annotations

import contextlib
import hashlib
import re
import select
import socket
import ssl
import struct
import zlib
from pathlib import Path
from typing import Iterator, NamedTuple

import pytest
from conftest import Run

from linger.lab.events import Event
from linger.lab.process import Process
from linger.lab.programs import ROOT, program

KEYS = ROOT / "harness/linger/check/client/keys"
SIZE = 1000  # of the good body
GOOD = "".join(f"{at:015}\n" for at in range(0, SIZE, 16)).encode()[:SIZE]
OTHER = b"Nobody asked for this.\n"
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
UPLOAD = 150_000
POST = b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % UPLOAD + bytes(UPLOAD)
EXPECTING = POST.replace(b"Host: a", b"Expect: 100-continue")
WITHIN = 20.0  # s
CLOSED = 7  # tcpi_state
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: a RST


class Case(NamedTuple):
    """What a client sends to a behaviour, and what happens."""

    strikes: str = ""  # the connection's events, in order
    end: str = "fin"  # how turncoat ends it; "": it does not
    replies: str = "200"  # their status
    body: bytes = GOOD  # of the last one
    sends: tuple[bytes, ...] = (GET,)  # each when the previous one is answered


HALF = GOOD[: SIZE // 2]
CASES = {
    "good": Case("", "", "200 200", sends=(GET, POST)),
    "half-header-fin": Case("fin", body=b""),
    "half-header-rst": Case("rst", "rst", body=b""),
    **{
        # In gzip, a stored block of 1000 bytes: 15 bytes before it, 8 after.
        f"short-{framing}-{end}-{after}": Case(end, end, body=HALF[:496] if framing == "gzip" else HALF)
        for framing in ("length", "chunked", "eof", "gzip")
        for end in ("fin", "rst")
        for after in ("keep", "close")
    },
    "no-close-notify": Case("cut", "cut", body=HALF),
    "idle-close": Case("fin"),
    "idle-reset": Case("rst", "rst"),
    "idle-408": Case("408 fin", "fin", "200 408", b""),
    "unsolicited-now": Case("unsolicited", "", "200 200", OTHER),
    "unsolicited-later": Case("unsolicited", "", "200 200", OTHER),
    "early-413-drained": Case("413", "", "413 200", sends=(POST, GET)),
    "early-413-reset": Case("413 rst", "rst", "413", b"", (POST,)),
    "early-413-deaf": Case("413", "", "413", b"", (POST,)),
    "not-found": Case("404 404", "", "404 404", sends=(GET, POST)),
    "silence": Case("silence", "", "", b""),
    "stalled-body": Case("stall", "", body=HALF),
    "no-continue": Case("no-continue", "", sends=(EXPECTING,)),
    "unanswered-fin": Case("fin", "fin", "", b""),
    "unanswered-rst": Case("rst", "rst", "", b""),
    "reused-fin": Case("fin", sends=(GET, POST)),
    "reused-rst": Case("rst", "rst", sends=(GET, POST)),
    "accept-fin": Case("fin", "fin", "", b"", ()),
}  # fmt: skip
NEED_TLS = {"no-close-notify"}
TIMED = ("idle-close", "idle-reset", "idle-408", "unsolicited-later")
ELSEWHERE = {"accept-rst", "trickle", "refuse"}  # have their own test


class Turncoat:
    """One that plays all behaviours, each on its own port."""

    def __init__(self, log: Path, tls: bool) -> None:
        times = dict.fromkeys(TIMED, "=30ms")
        names = [*CASES, "accept-rst", "refuse", "trickle=1ms"]
        words = [program("turncoat"), "--body", str(SIZE)]
        for name in names:
            if tls or name not in NEED_TLS:
                words += ["-b", name + times.get(name, "")]
        if tls:
            words += ["--tls", "--cert", KEYS / "server.pem", "--key", KEYS / "server.key"]
        self.context = None
        if tls:
            self.context = ssl.create_default_context(cafile=KEYS / "authority.pem")
            self.context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        self.process = Process(words, log)
        self.process.said("ready", behaviour="trickle")
        self.ports = {e["behaviour"]: int(e["port"]) for e in self.process.events("ready")}

    @contextlib.contextmanager
    def connection(self, behaviour: str, first: bytes = b"") -> Iterator[tuple[socket.socket, str]]:
        """A connection, and its number in the events; with TLS, if the behaviour allows it.

        first: what the client sends before turncoat, which is frozen until then, can find it idle.
        """
        times = len(self.process.events("accept")) + 1
        there = ("127.0.0.1", self.ports[behaviour])
        with self._frozen() as frozen, socket.create_connection(there, WITHIN) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UPLOAD)  # all of it at once
            if self.context and not behaviour.startswith("accept"):
                client = self.context.wrap_socket(
                    client, server_hostname="server.test", suppress_ragged_eofs=False,
                    do_handshake_on_connect=False,
                )  # fmt: skip
                self._shake_hands(client)
            with client:
                client.sendall(first)
                frozen.close()
                yield client, self.process.said("accept", times, WITHIN)["conn"]

    @contextlib.contextmanager
    def _frozen(self) -> Iterator[contextlib.ExitStack]:
        """Turncoat is frozen until the result is closed, or the block ends."""
        with contextlib.ExitStack() as frozen:
            frozen.callback(self.process.thaw)
            self.process.freeze()
            yield frozen

    def _shake_hands(self, client: ssl.SSLSocket) -> None:
        """Turncoat goes on only while it must answer, and is frozen again at the end."""
        client.settimeout(0)
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
                break
            self.process.thaw()
            select.select([client], [], [], WITHIN)
            self.process.freeze()
        client.settimeout(WITHIN)

    def told(self, name: str, number: str, key: str) -> str:
        """What all events of a connection say, in a line."""
        return " ".join(event[key] for event in self.process.events(name, conn=number))


@pytest.fixture(scope="module", params=["plain", "tls"])
def turncoat(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Turncoat]:
    turncoat = Turncoat(tmp_path_factory.mktemp("turncoat") / "log", request.param == "tls")
    yield turncoat
    turncoat.process.hear("quit")
    turncoat.process.wait(WITHIN)  # with 0, which LeakSanitizer would change


def receive(client: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        part = client.recv(count - len(got))
        assert part, got
        got += part
    return got


def end_of(client: socket.socket) -> str:
    """How a connection has ended for a client that has read everything; "": it has not."""
    select.select([client], [], [], WITHIN)
    state = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]  # ssl does not tell
    try:
        return "more" if client.recv(1) else "fin"
    except (ssl.SSLError, ConnectionResetError):
        return "rst" if state == CLOSED else "cut"


def is_quiet(client: socket.socket) -> bool:
    """Whether a connection is open and has nothing to read."""
    client.setblocking(False)
    with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
        client.recv(1)
        return False
    return True


def body_of(reply: bytes) -> bytes:
    """What a client reads of the body of a reply that may be cut."""
    header, _, body = reply.partition(b"\r\n\r\n")
    if b"\r\nContent-Encoding: gzip" in header:
        return zlib.decompressobj(31).decompress(body)
    if b"\r\nTransfer-Encoding: chunked" not in header:
        return body
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        whole += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return whole


def test_every_behaviour_is_tried(run: Run) -> None:
    listed = [line.split()[0] for line in run("turncoat", "--list").stdout.splitlines()]
    assert {*listed} == {*CASES} | ELSEWHERE and len(listed) == len(CASES) + len(ELSEWHERE)


PLAYED = [(how, name) for how in ("plain", "tls") for name in CASES if how == "tls" or name not in NEED_TLS]


@pytest.mark.parametrize("turncoat, behaviour", PLAYED, indirect=["turncoat"])
def test_what_it_does_is_what_it_tells(turncoat: Turncoat, behaviour: str) -> None:
    case, process = CASES[behaviour], turncoat.process
    first = case.sends[:1] if behaviour in TIMED else ()
    with turncoat.connection(behaviour, *first) as (client, number):
        for n, text in enumerate(case.sends[len(first) :], 1):
            with contextlib.suppress(OSError):  # it may be gone before all is sent
                client.sendall(text)
            if n < len(case.sends):
                process.said("sent", conn=number, n=n, within=WITHIN)
        if case.end:
            process.said("closed", conn=number, within=WITHIN)
        elif case.strikes:
            process.said("strike", times=len(case.strikes.split()), conn=number, within=WITHIN)
        if case.replies and not case.end:
            process.said("sent", times=len(case.replies.split()), conn=number, within=WITHIN)
        sent = process.events("sent", conn=number)
        got = receive(client, sum(int(event["bytes"]) for event in sent))
        if case.end:
            assert end_of(client) == case.end
        else:
            assert is_quiet(client)
        assert turncoat.told("strike", number, "what") == case.strikes
        assert re.findall(rb"HTTP/1.1 (\d+)", got) == case.replies.encode().split()
        assert turncoat.told("sent", number, "status") == case.replies
        last = got[len(got) - int(sent[-1]["bytes"]) :] if sent else b""
        assert body_of(last) == case.body
        assert_counts(sent, last)
        how = "rst" if behaviour == "early-413-deaf" else "fin"
        if how == "rst":  # unread data hides the FIN
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    closed = process.said("closed", conn=number, within=WITHIN)
    assert turncoat.told("peer", number, "what") == ("" if case.end else how)
    assert (int(closed["requests"]), int(closed["sent"])) == (len(case.sends), len(got))
    requests = process.events("request", conn=number)
    assert [int(event["n"]) for event in requests] == [*range(1, len(case.sends) + 1)]
    unread = behaviour in ("early-413-reset", "early-413-deaf")
    assert [event["whole"] for event in requests] == ["0" if unread else "1"] * len(requests)


def assert_counts(sent: list[Event], last: bytes) -> None:
    """The last reply's event is right about it."""
    if sent and (body := int(sent[-1]["body"])):
        raw = last.partition(b"\r\n\r\n")[2]
        assert body == (len(body_of(last)) if b"chunked" in last else len(raw))


CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
# What a client sends, the statuses and the body bytes that it gets, and the end.
MANNERS = {
    "close": (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "200", SIZE, "fin"),
    "old": (b"GET / HTTP/1.0\r\n\r\n", "200", SIZE, "fin"),
    "old-kept": (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200", SIZE, ""),
    "head": (b"HEAD / HTTP/1.1\r\n\r\n", "200", 0, ""),
    "expect": (EXPECTING, "100 200", SIZE, ""),
    "chunks": (b"POST / HTTP/1.1\r\n" + CHUNKS, "200", SIZE, ""),
    "pipeline": (GET * 100, " ".join(["200"] * 100), 100 * SIZE, ""),
    "no-http": (b"EHLO client\r\n", "400", 0, "fin"),
}


@pytest.mark.parametrize("manner", MANNERS)
def test_good_is_good(turncoat: Turncoat, manner: str) -> None:
    text, statuses, bodies, end = MANNERS[manner]
    with turncoat.connection("good") as (client, number):
        client.sendall(text)
        turncoat.process.said("sent", len(statuses.split()), WITHIN, conn=number)
        sent = turncoat.process.events("sent", conn=number)
        got = receive(client, sum(int(event["bytes"]) for event in sent))
        assert re.findall(rb"HTTP/1.1 (\d+)", got) == statuses.encode().split()
        assert got.count(GOOD) * SIZE == bodies == sum(int(event["body"]) for event in sent)
        assert end_of(client) == end if end else is_quiet(client)
        assert (b"\r\nConnection: keep-alive\r\n" in got) == (manner == "old-kept")


def test_bodies_are_told(turncoat: Turncoat) -> None:
    told = {event["what"]: event["sha256"] for event in turncoat.process.events("body")}
    bodies = {"good": GOOD, "unsolicited": OTHER}
    assert told == {what: hashlib.sha256(body).hexdigest() for what, body in bodies.items()}


def test_accept_rst(turncoat: Turncoat) -> None:
    """It may come before connect(2) returns."""
    times = len(turncoat.process.events("strike", what="rst", n=0)) + 1
    with pytest.raises(ConnectionResetError):
        with turncoat.connection("accept-rst") as (client, _):
            client.recv(1)
    turncoat.process.said("strike", times, WITHIN, what="rst", n=0)


def test_trickle(turncoat: Turncoat) -> None:
    with turncoat.connection("trickle") as (client, number):
        client.sendall(GET)
        got = b""
        while not body_of(got).startswith(GOOD[:20]):
            got += (part := client.recv(1 << 16))
            assert len(part) < 10 or b"\r\n\r\n" in part, "a busy reader finds several at once"
        assert turncoat.told("strike", number, "what") == "trickle"
    sent = turncoat.process.said("sent", conn=number, within=WITHIN)
    assert sent["whole"] == "0" and 20 <= int(sent["body"]) < SIZE
    assert turncoat.told("peer", number, "what") == "fin"


def test_refuse_and_the_commands(turncoat: Turncoat) -> None:
    """A port refuses, comes back, gets another behaviour on an open connection, and goes away."""
    port, process = turncoat.ports["refuse"], turncoat.process

    def command(words: str, answer: str = "done") -> Event:
        times = len(process.events(answer)) + 1
        process.hear(words)
        return process.said(answer, times, WITHIN)

    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            turncoat.connection("refuse").__enter__()
        command(f"listen {port}")
        with turncoat.connection("refuse") as (client, number):
            client.sendall(GET)
            process.said("sent", conn=number, whole=1, within=WITHIN)
            command(f"become {port} unanswered-rst")
            client.sendall(GET)
            process.said("strike", conn=number, what="rst", n=2, within=WITHIN)
        with turncoat.connection("refuse") as (client, number):
            command(f"become {port} good")
            command(f"refuse {port}")
            receive(client, 0)
            assert end_of(client) == "fin"
            assert turncoat.told("strike", number, "what") == "fin"
    for wrong in ("refuse 1", "become {port} nothing", "become {port}", "turn {port}", ""):
        assert command(wrong.format(port=port), "wrong")["why"]


@pytest.mark.parametrize(
    "words, why",
    [
        ("", "nothing to do"),
        ("--all extra", "unexpected argument 'extra'"),
        ("-b nothing", "no behaviour nothing"),
        ("-b good=1s", "good takes no =TIME"),
        ("-b no-close-notify", "no-close-notify needs --tls"),
        ("-b good --tls", "--tls, --cert and --key belong together"),
        ("-b good --cert x --key y", "--tls, --cert and --key belong together"),
        ("-b good --tls --cert /dev/null --key /dev/null", "/dev/null is not a certificate"),
        ("--all -p 65530", "there are not 39 ports from 65530 on"),
        ("-b good -l nowhere", "-l takes a numeric IPv4 or IPv6 address, not 'nowhere'"),
        ("-b good --body 15", "--body takes a whole number from 16"),
    ],
)
def test_what_makes_no_sense_is_refused(run: Run, words: str, why: str) -> None:
    done = run("turncoat", *words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"turncoat: {why}") and done.stderr.count("\n") == 1


def test_a_port_that_is_taken(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("turncoat", "-b", "good", "-p", taken.getsockname()[1])
    assert done.returncode == 77 and done.stderr.endswith(": Address already in use\n")


def test_quit(run: Run) -> None:
    assert run("turncoat", "-b", "good", "-l", "::1", input="quit\n").returncode == 0
