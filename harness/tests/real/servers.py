"""Real servers under `linger check`: none that is healthy may ever be called leaking or broken.

    make test-real        every server, the whole battery, three times with the same verdicts
    make test-real RUNS=1 CHECK=--quick ARGS='-k nginx'

Not part of `make test`: it takes minutes and needs what harness/tests/real/fetch unpacks.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import stat
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from callers import may_become_another
from conftest import Run

from linger.check import finding
from linger.lab.environment import outside
from linger.lab.programs import program

RUNS = int(os.environ.get("RUNS", "3"))
CHECK = os.environ.get("CHECK", "").split()  # more options of linger check
PORT = 9000
LARGE = 8 << 20  # bytes
GET_LARGE = b"GET /large HTTP/1.0\r\n\r\n"
QUERY = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"\x06linger\0" + struct.pack(">HH", 1, 1)
OTHERS = may_become_another()  # as root can, if it is not the only user
# Within a command or a file: {folder} is the server's own, {root} where packages are unpacked.


@dataclass(frozen=True)
class Server:
    """How to start a real server, and what is known about it."""

    command: str  # of a shell; its first word is the program
    files: dict[str, str] = field(default_factory=dict)
    request: bytes = b""
    large: bytes = b""
    helper: str = ""
    known: dict[str, str] = field(default_factory=dict)  # verdicts that are the server's own fault


NGINX = """daemon off; pid /run/nginx.pid; error_log stderr;
events {{ worker_connections 1024; }}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{ listen {listen}; root {folder}; }} }}
"""
HTTP_USER = "User nobody\nGroup nogroup\n" if OTHERS else ""


SERVERS = {
    "nginx": Server(
        "nginx -e stderr -c {folder}/nginx.conf",
        {"nginx.conf": NGINX.replace("{listen}", "9000")},
        large=GET_LARGE,
    ),
    "redis": Server(
        "redis-server --port 9000 --protected-mode no --save '' --dir {folder}",
        large=b"EVAL \"return string.rep('x', 8000000)\" 0\r\n",
    ),
    "memcached": Server("memcached -p 9000 -U 0 -u nobody"),
    "haproxy": Server(
        "haproxy -db -f {folder}/haproxy.cfg",
        {"haproxy.cfg": """defaults
            mode http
            timeout connect 5s
            timeout client 30s
            timeout server 30s
        listen front
            bind :9000
            server back 127.0.0.1:9001
""", "nginx.conf": NGINX.replace("{listen}", "127.0.0.1:9001")},
        large=GET_LARGE,
        # A relay inherits how its backend closes, so this backend closes in two steps.
        helper="exec nginx -e stderr -c {folder}/nginx.conf",
    ),
    "lighttpd": Server(
        "lighttpd -D -f {folder}/lighttpd.conf -m {root}/usr/lib/lighttpd",
        {"lighttpd.conf": 'server.document-root = "{folder}"\nserver.port = 9000\n'
                          'index-file.names = ( "index.html" )\n'
                          'mimetype.assign = ( ".html" => "text/html" )\n'},
        large=GET_LARGE,
    ),
    "apache2": Server(
        "apache2 -DFOREGROUND -f {folder}/apache2.conf",
        {"apache2.conf": "\n".join(
            [f"LoadModule {name}_module {{root}}/usr/lib/apache2/modules/mod_{name}.so"
             for name in ("mpm_event", "authz_core", "dir")]
            + ["ServerName server", "Listen 9000", "PidFile /run/apache2.pid", "ErrorLog /dev/stderr",
               "DocumentRoot {folder}", "DefaultRuntimeDir {folder}", HTTP_USER])},
        large=GET_LARGE,
    ),
    "sshd": Server(
        ("setpriv --reuid=65534 --regid=65534 --clear-groups " if OTHERS else "")
        + "$(command -v sshd) -D -e -f {folder}/sshd_config",
        {"sshd_config": "Port 9000\nHostKey {folder}/key\nUsePAM no\nPidFile none\n"},
    ),
    "http.server": Server(
        f"{sys.executable} -m http.server --directory {{folder}} 9000",
        large=GET_LARGE,
        # socketserver calls accept() again at once when it fails with EMFILE (Python 3.11).
        known={"descriptor-limit": "FAIL"},
    ),
    "node": Server(
        "node -e \"require('http').createServer((q, r) => r.end(q.url == '/large' ?"
        " Buffer.alloc(8 << 20) : 'well\\n')).listen(9000, '0.0.0.0')\"",
        large=GET_LARGE,
    ),
    "dnsmasq": Server(
        "dnsmasq --keep-in-foreground --log-facility=- --user=root --group= --pid-file --conf-file=/dev/null --port=9000 --no-resolv --no-hosts "
        "--address=/linger/10.1.2.3",
        request=struct.pack(">H", len(QUERY)) + QUERY,
    ),
    "beanstalkd": Server(
        "beanstalkd -p 9000",
        # It also calls accept() again at once, and logs each time (beanstalkd 1.12).
        known={"descriptor-limit": "FAIL"},
    ),
    "socat": Server(
        "socat TCP-LISTEN:9000,fork,reuseaddr EXEC:cat", request=b"hello\n"
    ),
}  # fmt: skip
def prepared(server: Server, folder: Path, root: Path) -> list[str]:
    """Write the files that a server needs; returns its command."""
    places = {"folder": str(folder), "root": str(root)}
    for name, text in server.files.items():
        (folder / name).write_text(text.format(**places))
    (folder / "index.html").write_text("<p>well</p>\n")
    (folder / "large").write_bytes(bytes(LARGE))
    if "sshd_config" in server.files:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"])
    for path in (folder, *folder.iterdir()):  # some serve as nobody
        if OTHERS:
            shutil.chown(path, 65534)
        path.chmod(0o755 if path.is_dir() else 0o600 if path.name == "key" else 0o644)
    for parent in folder.parents:
        if OTHERS and not parent.stat().st_mode & stat.S_IXOTH:
            parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    return ["sh", "-c", "exec " + server.command.format(**places)]


def environment(root: Path) -> dict[str, str]:
    """Programs on the PATH first, then those unpacked."""
    library = f"{root}/usr/lib/{platform.machine()}-linux-gnu"
    path = f"{os.environ['PATH']}:/usr/sbin:{root}/usr/bin:{root}/usr/sbin"
    return outside(PATH=path, LD_LIBRARY_PATH=library)


@pytest.mark.parametrize("name", SERVERS)
def test_a_healthy_server(run: Run, tmp_path: Path, name: str) -> None:
    server, unpacked = SERVERS[name], program("real") / "root"
    places = {"folder": str(tmp_path), "root": str(unpacked)}
    command = prepared(server, tmp_path, unpacked)
    options: list[object] = ["--port", PORT, "--json", tmp_path / "out.json", *CHECK]
    for option, content in (("request", server.request), ("large-request", server.large)):
        if content:
            (tmp_path / option).write_bytes(content)
            options += [f"--{option}", tmp_path / option]
    if server.helper:
        options += ["--with", server.helper.format(**places)]
    runs = []
    for number in range(RUNS):
        results = Path(os.environ["LINGER_RUN"]) / "real" / name / str(number + 1)
        done = run("linger", "check", *options, "--results", results, "--", *command,
                   env=environment(unpacked), timeout=600)  # fmt: skip
        assert done.returncode in (0, 1), done.stdout + done.stderr
        print(done.stdout)
        found = json.loads((tmp_path / "out.json").read_text())["results"]
        runs.append({one["id"]: (one["verdict"], one["measured"]) for one in found})
    for one in runs:
        wrong = {id: said for id, said in one.items() if said[0] in (finding.FAIL, finding.LEAK)}
        known = {id: word for id, word in server.known.items() if id in one}
        assert {id: said[0] for id, said in wrong.items()} == known, wrong
        assert {id: said[0] for id, said in one.items()} == {
            id: said[0] for id, said in runs[0].items()
        }, runs
