"""linger explain against every program of a pair that leaks, every repair, and healthy servers.

    make test-explain        the whole table
    make test-explain ARGS='-k worker-blocked'

Not part of `make test`, which takes a sample: it takes minutes and needs what harness/tests/real/fetch
unpacks.
"""

from __future__ import annotations

import contextlib
import dataclasses
import resource
import socket
import struct
from pathlib import Path
from typing import Iterator

import pytest
from patients import PATIENTS, Ward, explained
from servers import SERVERS, Server, environment, prepared

from linger.lab.programs import program
from linger.run import scenarios

CONNECTIONS = [1, 3, 30, 300, 1000]
WINDOW = 1.0  # s, as by default
LISTENS = 20.0  # s


@pytest.fixture(autouse=True)
def room() -> None:
    """Descriptors for a thousand connections at either end."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))


@pytest.mark.parametrize("n", CONNECTIONS)
@pytest.mark.parametrize("variant", scenarios.PAIR)
@pytest.mark.parametrize("name", PATIENTS)
def test_a_pair(tmp_path: Path, name: str, variant: str, n: int) -> None:
    with Ward(tmp_path, n) as ward:
        found = explained(PATIENTS[name](ward, variant).pid, WINDOW)
    print(f"{name} {variant} {n}: {', '.join(found) or 'none'}")
    right = name.partition(",")[0]
    assert (right in found[:2]) if variant == "buggy" else not found, found


def moved(server: Server, port: int) -> Server:
    """A server on another port, with its helper on the next: several run at a time."""

    def move(text: str) -> str:
        return text.replace("9000", str(port)).replace("9001", str(port + 1))

    files = {name: move(text) for name, text in server.files.items()}
    return dataclasses.replace(
        server, command=move(server.command), files=files, helper=move(server.helper)
    )


@contextlib.contextmanager
def clients(port: int, request: bytes) -> Iterator[None]:
    """Twenty clients that ask and leave in each way, and twenty that stay: idle, with half a request,
    served."""
    with contextlib.ExitStack() as stay:
        for number in range(40):
            client = socket.create_connection(("127.0.0.1", port), timeout=10)
            stays = number % 2
            if stays:
                stay.enter_context(client)
            kind = number // 2 % 4
            if kind:
                client.sendall(request[: len(request) // 2] if kind == 1 else request)
            if kind == 3:
                client.recv(1)
            if not stays:
                if number % 3 == 0:  # by a RST
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
        yield


@pytest.mark.parametrize("name", SERVERS)
def test_a_healthy_server(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = 9100 + 2 * [*SERVERS].index(name)
    server, unpacked = moved(SERVERS[name], port), program("real") / "root"
    for key, value in environment(unpacked).items():
        monkeypatch.setenv(key, value)
    places = {"folder": str(tmp_path), "root": str(unpacked)}
    command = prepared(server, tmp_path, unpacked)
    monkeypatch.chdir(tmp_path)
    with Ward(tmp_path, 1) as ward:
        if server.helper:
            ward.run("sh", "-c", server.helper.format(**places))
        process = ward.run(*command)
        ward.listens(port, LISTENS)
        with clients(port, server.request or b"GET / HTTP/1.0\r\n\r\n"):
            found = explained(process.pid, WINDOW)
        assert process.running
    assert not found
