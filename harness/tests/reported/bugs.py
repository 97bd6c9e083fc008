"""Publicly reported closing bugs: `linger check` must find them by default, and accuse no repair.

    make test-reported
    make test-reported ARGS='-k http-proxy'

Whether a release misbehaves is decided without linger: first plain clients leave the server in a few ways,
and its descriptors are counted in /proc, or its end is seen. Not part of `make test`: it takes minutes and
needs what harness/tests/reported/fetch unpacks.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Run

from linger.check import finding
from linger.lab.environment import outside
from linger.lab.programs import program

HERE = Path(__file__).parent
PEM = HERE.parent / "planted" / "tls.pem"
LARGE = 8 << 20  # bytes
CLIENTS = 20
LEAKED = 10  # descriptors: caches and pools grow by fewer
SETTLED, LONGEST = 7.0, 40.0  # s without a change: node keeps idle connections 5 s; and at most
LINGER_0 = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Release:
    """A release, how to start it, and what is known about it. In a command {port}, {backend}, {modules}."""

    command: str
    report: str  # where; "" for a repair, or without a known public report
    found_by: tuple[str, ...] = ()  # checks; none: it does not misbehave
    proxies: bool = False


def of(name: str, report: str = "", *found_by: str, proxies: bool = False) -> Release:
    backend = " {backend}" if proxies else ""
    return Release(f"node {HERE}/servers.js {name} {{port}}{backend}", report, found_by, proxies)


GITHUB = "https://github.com/"
LEFT = "ask-and-leave"
CHP = "node {modules}/%s/bin/configurable-http-proxy --ip 0.0.0.0 --port {port} --api-port 0 --default-target http://127.0.0.1:{backend} --log-level error"
STATSD = "node {modules}/%s/stats.js {config}"
RELEASES = {
    # Files that stay open when the client leaves.
    "express 3.1.0": of("express-3", GITHUB + "expressjs/express/issues/1554", LEFT),
    "restify-plugins 1.0.2": of("restify-plugins", GITHUB + "restify/plugins/issues/42", LEFT),
    "ecstatic 4.1.4": of("ecstatic", GITHUB + "jfhbrook/node-ecstatic/pull/246", "ignore-reply"),
    "http-server 0.11.1": Release("node {modules}/http-server-0/bin/http-server {www} -p {port} -c-1",
                                  GITHUB + "http-party/http-server/issues/512", (LEFT,)),
    "http-server 14.1.1": Release("node {modules}/http-server/bin/http-server {www} -p {port} -c-1",
                                  GITHUB + "http-party/http-server/issues/512", (LEFT,)),
    "sirv 3.0.2": Release("node {modules}/sirv-cli/bin.js {www} --port {port} --host 0.0.0.0 --dev",
                          GITHUB + "sveltejs/kit/issues/11617", (LEFT,)),
    # Connections to a backend that stay open.
    "http-proxy 1.18.1": of("http-proxy", GITHUB + "http-party/node-http-proxy/issues/1586", LEFT, proxies=True),
    "http-proxy-middleware 2.0.12": of("http-proxy-middleware-2", GITHUB + "chimurai/http-proxy-middleware/issues/782", LEFT, proxies=True),
    "http-proxy-middleware 3.0.11": of("http-proxy-middleware-3", GITHUB + "chimurai/http-proxy-middleware/issues/782", LEFT, proxies=True),
    "configurable-http-proxy 4.6.1": Release(CHP % "configurable-http-proxy", GITHUB + "jupyterhub/configurable-http-proxy/issues/434", (LEFT,), True),
    "express-http-proxy 0.9.1": of("express-http-proxy-0", GITHUB + "villadora/express-http-proxy/pull/107", LEFT, proxies=True),
    "httpxy 0.1.7": of("httpxy-0", GITHUB + "unjs/httpxy/issues/85", LEFT, proxies=True),
    # A reset that ends the server.
    "jsmodbus 5.0.0": of("jsmodbus", GITHUB + "Cloud-Automation/node-modbus/issues/246", "rst-at-once"),
    "simple-hl7 2.2.0": of("simple-hl7-2", GITHUB + "hitgeek/simple-hl7/issues/36", "rst-at-once"),
    # 3.19.17 repairs that. It keeps the connections of clients that say two lines and leave, if the first is
    # not a header: what follows it is never read. linger asks with one line, and does not find that.
    "smtp-server 3.18.5": of("smtp-server-18", GITHUB + "nodemailer/smtp-server/issues/257", "rst-at-once"),
    "statsd 0.8.6": Release(STATSD % "statsd", GITHUB + "statsd/statsd/pull/591", ("rst-at-once",)),
    "statsd 0.9.0": Release(STATSD % "statsd-9", GITHUB + "statsd/statsd/pull/591", ("rst-at-once",)),
    # They misbehave, but we know of no public report: not counted.
    "httpolyglot 0.1.2": of("httpolyglot", "", "abandon"),
    "node-static 0.7.11": of("node-static", "", LEFT),
    "serve-handler 6.1.8": of("serve-handler", "", LEFT),
    # Repairs, and a release that was reported and does not misbehave with this version of node.
    "express 4.22.3": of("express"),
    "express-http-proxy 2.1.2": of("express-http-proxy", proxies=True),
    "httpxy 0.5.6": of("httpxy", proxies=True),
    "simple-hl7 3.3.0": of("simple-hl7"),
    "http-proxy-node16 1.0.6": of("http-proxy-node16", proxies=True),
    "configurable-http-proxy 4.6.2": Release(CHP % "configurable-http-proxy-fixed", "", (), True),
    "httpolyglot 3.1.0": of("httpolyglot-fixed"),
    "send 0.8.1": of("send"),
}  # fmt: skip


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def start(words: str, port: int, env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("w") as out:
        server = subprocess.Popen(words.split(), env=env, stdout=out, stderr=out)
    deadline = time.monotonic() + 60
    while not listens(port):
        assert server.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return server


def descriptors(server: subprocess.Popen[bytes]) -> int:
    return len(os.listdir(f"/proc/{server.pid}/fd")) if server.poll() is None else 0


def settled(server: subprocess.Popen[bytes]) -> int:
    """Its descriptors, when they change no more."""
    count, since = descriptors(server), time.monotonic()
    deadline = since + LONGEST
    while time.monotonic() < min(deadline, since + SETTLED) and server.poll() is None:
        time.sleep(0.2)
        if (now := descriptors(server)) != count:
            count, since = now, time.monotonic()
    return count


def leave(port: int, payload: bytes, reset: bool) -> None:
    """One client: it connects, asks, and leaves a moment later."""
    with socket.socket() as client:
        if client.connect_ex(("127.0.0.1", port)) == 0:
            client.sendall(payload)
            time.sleep(0.001)  # the request has arrived, the reply has hardly begun
            if reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)


def misbehaviour(words: str, port: int, env: dict[str, str], log: Path) -> str:
    """What leaving clients do to a server: "" if nothing stays and it goes on."""
    server = start(words, port, env, log)
    try:
        before = settled(server)
        for payload in (b"", b"GET / HTTP/1.0\r\n\r\n", b"GET /large HTTP/1.0\r\n\r\n"):
            for number in range(2 * CLIENTS):
                leave(port, payload, reset=number % 2 == 1)
        more = settled(server) - before
        if server.poll() is not None:
            return f"it ended with status {server.returncode}"
        return f"{more} descriptors more" if more >= LEAKED else ""
    finally:
        server.kill()
        server.wait()


def test_there_are_twelve_bugs_that_were_reported() -> None:
    assert len({one.report for one in RELEASES.values()} - {""}) >= 12


@pytest.mark.parametrize("name", RELEASES)
def test_a_release(run: Run, tmp_path: Path, name: str) -> None:
    release, modules = RELEASES[name], program("reported") / "node_modules"
    www = tmp_path / "www"
    www.mkdir()
    (www / "large").write_bytes(bytes(LARGE))
    (www / "index.html").write_text('<p>well, and <a href="/large">more</a></p>\n')
    port, backend = free_port(), free_port()
    config = tmp_path / "statsd.js"
    config.write_text(f'{{servers: [{{server: "./servers/tcp", address: "0.0.0.0", port: {port}}}], mgmt_port: {backend}, backends: []}}')  # fmt: skip
    env = outside(NODE_PATH=str(modules), WWW=str(www), PEM=str(PEM))
    places = {"port": port, "backend": backend, "modules": modules, "www": www, "config": config}
    words = release.command.format(**places)
    behind = f"node {HERE}/servers.js backend {backend}"
    helper = start(behind, backend, env, tmp_path / "backend.log") if release.proxies else None
    try:
        seen = misbehaviour(words, port, env, tmp_path / "server.log")
    finally:
        if helper:
            helper.kill()
            helper.wait()
    options = ["--port", port, "--quick", "--json", tmp_path / "out.json"]
    options += ["--with", f"exec {behind}"] if release.proxies else []
    done = run("linger", "check", *options, "--results", tmp_path / "results", "--", *words.split(),
               env=env, timeout=400)  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = json.loads((tmp_path / "out.json").read_text())["results"]
    bad = {one["id"]: one["measured"] for one in found if one["verdict"] in finding.BAD}
    print(f"{name}\t{seen or 'nothing'}\t{bad}\t{release.report}")
    assert bool(seen) == bool(release.found_by), f"counted: {seen}"
    assert {*release.found_by} <= {*bad} and bool(bad) == bool(release.found_by), bad
