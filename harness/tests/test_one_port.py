"""Five requests from one source port, captured on the device any: five connections, nothing lost.

    client ──veth── middle ──veth── server       middle is a bridge, or translates addresses (NAT)

libpcap's device any at the client, in the middle and at the server: what `tcpdump -i any` captures. In the
middle each packet is seen several times, after a translation with other addresses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest
from conftest import Run

from linger.lab.programs import program

HOSTS = ("client", "middle", "server")
REQUESTS = 5
SERVER = """
import socket
listener = socket.create_server(("", 9000))
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    connection.sendall(connection.recv(100) * 10)
    while connection.recv(100):
        pass
    connection.close()
"""
CLIENT = """
import socket, sys
for request in range(int(sys.argv[2])):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", 40000))
    s.connect((sys.argv[1], 9000))
    s.sendall(b"request %d" % request)
    left = 90
    while left:
        left -= len(s.recv(left))
    s.shutdown(socket.SHUT_WR)
    assert not s.recv(1)
    s.close()
"""
ADDRESSES = {
    "bridge": ("10.0.0.1/24", None, None, "10.0.0.2/24", "10.0.0.2"),
    "dnat": ("10.1.0.1/24", "10.1.0.254/24", "10.2.0.254/24", "10.2.0.2/24", "10.1.0.254"),
    "snat": ("10.1.0.1/24", "10.1.0.254/24", "10.2.0.254/24", "10.2.0.2/24", "10.2.0.2"),
}
RULES = {
    "dnat": "chain a { type nat hook prerouting priority -100; tcp dport 9000 dnat to 10.2.0.2\n}",
    "snat": "chain a { type nat hook postrouting priority 100; oifname to-server masquerade\n}",
}


def netns(host: str) -> str:
    """The namespace of a host; other workers have their own."""
    return f"{host}-{os.getpid()}"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def at(host: str, *words: str) -> None:
    """Configure a host with ip(8)."""
    ip("-n", netns(host), *words)


def inside(host: str, *words: str, text: str | None = None) -> None:
    words = ("ip", "netns", "exec", netns(host), *words)
    subprocess.run(words, check=True, input=text, text=True)


@pytest.fixture(params=ADDRESSES)
def topology(request: pytest.FixtureRequest) -> Iterator[str]:
    """Joined namespaces; the name of the kind."""
    kind = request.param
    client, left, right, server, _ = ADDRESSES[kind]
    try:
        for host in HOSTS:
            ip("netns", "add", netns(host))
            at(host, "link", "set", "lo", "up")
        for host, address, side in (("client", client, left), ("server", server, right)):
            ends = ["peer", "name", f"to-{host}", "netns", netns("middle")]
            at(host, "link", "add", "name", "eth0", "type", "veth", *ends)
            at(host, "addr", "add", address, "dev", "eth0")
            at(host, "link", "set", "eth0", "up")
            at("middle", "link", "set", f"to-{host}", "up")
            if side:
                at("middle", "addr", "add", side, "dev", f"to-{host}")
                at(host, "route", "add", "default", "via", side.partition("/")[0])
        if kind == "bridge":
            at("middle", "link", "add", "br0", "type", "bridge")
            for host in ("client", "server"):
                at("middle", "link", "set", f"to-{host}", "master", "br0")
            at("middle", "link", "set", "br0", "up")
        else:
            inside("middle", "sysctl", "-qw", "net.ipv4.ip_forward=1")
            inside("middle", "nft", "-f", "-", text=f"table ip nat {{\n{RULES[kind]}\n}}\n")
        yield kind
    finally:
        for host in HOSTS:
            subprocess.run(["ip", "netns", "del", netns(host)])


def test_five_requests_from_one_port(run: Run, tmp_path: Path, topology: str) -> None:
    words = [str(program("wire")), "record"]
    for host in HOSTS:
        words += ["--host", f"{host}={netns(host)}:{tmp_path / host}.pcap"]
    serve = ["ip", "netns", "exec", netns("server"), sys.executable, "-c", SERVER]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as recorder:
        assert recorder.stdout and recorder.stdout.readline().startswith("ev=ready")
        with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout and server.stdout.readline() == "ready\n"
            target = ADDRESSES[topology][-1]
            inside("client", sys.executable, "-c", CLIENT, target, str(REQUESTS))
            server.kill()
        recorder.terminate()
        recorder.stdout.read()
    for host in HOSTS:
        document = json.loads(run("wire", "ladder", "--json", tmp_path / f"{host}.pcap").stdout)
        assert document["connections"] == REQUESTS, host
        segments = [s for g in document["groups"] for s in g["ladder"]["segments"]]
        assert not [s for s in segments if {"lost", "retransmission"} & {*s["marks"]}], host
        lines = run("wire", "list", "--json", tmp_path / f"{host}.pcap").stdout.splitlines()
        for line in map(json.loads, lines):
            assert (line["how"], line["first_closer"]) == ("orderly", "client"), (host, line)
            assert (line["client_bytes"], line["server_bytes"]) == (9, 90), (host, line)
            assert line["server_state"] == "CLOSED" and line["conn_state"] == "SF", (host, line)
        copies = document["capture"]["copies"]
        assert (copies >= document["capture"]["packets"] / 2) == (host == "middle"), (host, copies)
