"""Programs that nobody here wrote, with one close() taken out: does blame name the right function?

    make blame-strangers

The sources are Debian's. Each program is built with -g, and with one line replaced that the run is
not told of; clients then leave in the way that the line was for, and the report is compared with it.
Nothing is installed; all is in build/strangers.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path, PurePath

from linger.blame import document, reasons, tracing, wording
from lessons import places

PORT, CLIENTS = 9000, 10
CONFIGURE = "CFLAGS='-g -O2' ./configure -q"

BOOTSTRAP = f"{{ [ -e configure ] || autoreconf -fi; }} && {CONFIGURE}"


@dataclass(frozen=True)
class Stranger:
    """A program and what is done to it."""

    package: str
    file: str
    before: str  # the one place that is replaced,
    after: str  # by this
    function: str  # in which that is
    build: str
    run: str
    fault: str = "connect fin"  # of the clients
    needs: str = ""  # a header; without it the program is not built


STRANGERS = (
    Stranger("microsocks", "sockssrv.c", "\tclose(t->client.fd);\n\tt->done", "\tt->done",
             "clientthread", "make -s CFLAGS='-g -O2'", "./microsocks -p {port}"),
    Stranger("tinyproxy", "src/conns.c", "if (close (connptr->client_fd) < 0)", "if (0)",
             "conn_destroy_contents", f"{CONFIGURE} --disable-manpage_support && make -s -C src",
             "src/tinyproxy -d -c {folder}/tinyproxy.conf"),
    Stranger("memcached", "memcached.c", "    close(c->sfd);\n    c->close_reason = 0;",
             "    c->close_reason = 0;", "conn_close", f"{CONFIGURE} --disable-docs && make -s memcached",
             "./memcached -u root -p {port}", needs="event.h"),
    Stranger("mini-httpd", "mini_httpd.c", "\t(void) close( conn_fd );\n\t}\n    }", "\t}\n    }", "main",
             "make -s CFLAGS='-g -O2' mini_httpd", "./mini_httpd -D -u root -p {port} -d {folder}"),
    Stranger("rinetd", "src/rinetd.c", "\t\tclosesocket(socket->fd);\n\t} else /* if (socket->protocol == IPPROTO_UDP) */ {\n\t\t/* Nothing",
             "\t} else /* if (socket->protocol == IPPROTO_UDP) */ {\n\t\t/* Nothing",
             "handleClose", f"{BOOTSTRAP} && make -s", "./rinetd -f -c {folder}/rinetd.conf"),
    Stranger("lighttpd", "src/connections.c", "if (0 == close(con->fd))", "if (1)", "connection_close",
             f"{CONFIGURE} --without-pcre2 --without-pcre --without-zlib --without-bzip2 && make -s -C src",
             "src/lighttpd -D -m src/.libs -f {folder}/lighttpd.conf"),
    Stranger("dropbear", "svr-main.c", "\t\t\tm_close(childsock);\n\t\t\tif (remote_host)",
             "\t\t\tif (remote_host)", "main_noinetd",
             f"{CONFIGURE} --disable-zlib --enable-bundled-libtom && make -s PROGRAMS='dropbear dropbearkey' && "
             "./dropbearkey -t ecdsa -f key >/dev/null 2>&1",
             "./dropbear -F -E -r key -p 127.0.0.1:{port}"),
    Stranger("redis", "src/connection.c", "        close(conn->fd);\n        conn->fd = -1;",
             "        conn->fd = -1;", "connSocketClose",
             "make -s -C src MALLOC=libc OPTIMIZATION=-O1 USE_SYSTEMD=no redis-server",
             "src/redis-server --port {port} --save '' --protected-mode no"),
    Stranger("mosquitto", "lib/net_mosq.c", "\t\t\trc = COMPAT_CLOSE(mosq->sock);", "\t\t\trc = 0;",
             "net__socket_close", "make -s -C src CFLAGS='-g -O2 -Wall -ggdb' WITH_TLS=no WITH_CJSON=no "
             "WITH_SYSTEMD=no WITH_DOCS=no WITH_SRV=no WITH_WEBSOCKETS=no mosquitto",
             "src/mosquitto -p {port}"),
    Stranger("6tunnel", "6tunnel.c", "\t\tclose(client_fd);\n\t\tfree(client_addr);\n\n\t\tif (single",
             "\t\tfree(client_addr);\n\n\t\tif (single", "main", f"{BOOTSTRAP}; make -s",
             "./6tunnel -d -4 {port} 127.0.0.1 1"),
)  # fmt: skip
FILES = {
    "tinyproxy.conf": "Port {port}\nTimeout 600\nMaxClients 100\nLogLevel Critical\nUser root\nGroup root\n",
    "rinetd.conf": "127.0.0.1 {port} 127.0.0.1 9001\n",
    "lighttpd.conf": 'server.document-root = "{folder}"\nserver.port = {port}\n'
    'server.modules = ()\nserver.errorlog = "/dev/null"\n',
}


def source_of(stranger: Stranger, folder: Path, apt: list[str]) -> Path | None:
    """Fetch and unpack it, and take the line out; None when there is no such source."""
    place = folder / stranger.package
    found = next(place.glob("*/" + stranger.file), None) if place.exists() else None
    if not found:
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run([*apt, "-qq", "source", stranger.package], cwd=place, check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        found = next(place.glob("*/" + stranger.file), None)
    if not found:
        return None
    text = found.read_text(errors="surrogateescape")
    if stranger.before in text:
        found.write_text(text.replace(stranger.before, stranger.after, 1), errors="surrogateescape")
    elif stranger.after not in text:
        return None
    return place / found.relative_to(place).parts[0]


def await_rest(report: Path) -> None:
    """Wait until nothing changes any more: several reports in a row that say the same."""
    before, same = None, 0
    for _ in range(40):
        tracing.ask(report)
        now = tracing.read(report)["groups"]
        same = same + 1 if now == before else 0
        if same == 3:
            return
        before = now
        time.sleep(1)  # the next look


def judge(stranger: Stranger, source: Path, folder: Path, build: Path) -> str:
    """Build it, have its clients leave, and say what the report names."""
    with (folder / f"{stranger.package}.log").open("w") as log:
        built = subprocess.run(stranger.build, shell=True, cwd=source, stdout=log, stderr=log, check=False)
    if built.returncode:
        return "not built, see its log"
    values = {"port": PORT, "folder": folder}
    for name, text in FILES.items():
        (folder / name).write_text(text.format(**values))
    report = folder / f"{stranger.package}.traced.json"
    report.unlink(missing_ok=True)
    words = [*tracing.words(report, deep=True), "sh", "-c", "exec " + stranger.run.format(**values)]
    relay = subprocess.Popen([build / "servers/echo", "-p", "9001"], stdout=subprocess.DEVNULL)
    server = subprocess.Popen(words, cwd=source, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        subprocess.run([build / "census", "--until", "LISTEN >= 1", "--within", "30s", "--port", str(PORT)],
                       stdout=subprocess.DEVNULL, check=False)  # fmt: skip
        subprocess.run([build / "clients/peer", "-p", str(PORT), "-n", str(CLIENTS), *stranger.fault.split()],
                       stdout=subprocess.DEVNULL, check=False, timeout=60)  # fmt: skip
        await_rest(report)
        made = document.make(tracing.read(report))
    finally:
        for one in (server, relay):
            one.kill()
            one.wait()
    (folder / f"{stranger.package}.txt").write_text("\n".join(wording.lines(made)) + "\n")
    worst = [group for group in made["groups"] if group["rule"] not in reasons.IDLE]
    if not worst:
        return "nothing was held that should not"
    named = {place["function"] for group in worst for place in places(group)}
    around = {frame["function"] for group in worst for touch in group["touches"] for frame in touch["frames"]}
    files = {PurePath(place["file"]).name for group in worst for place in places(group)}
    if stranger.function in named:
        return "right function"
    if stranger.function in around:
        return "right function, further out in the stack"
    same = ", the right file" if PurePath(stranger.file).name in files else ""
    return f"not named{same}; it says {worst[0]['sentence']}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Programs that nobody here wrote.")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--apt", default="apt-get", help="apt-get with options that find sources")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    os.environ["LINGER_BUILD"] = str(options.build)
    folder = options.build / "strangers"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    right = tried = 0
    for stranger in STRANGERS:
        if options.names and stranger.package not in options.names:
            continue
        source = source_of(stranger, folder, options.apt.split())
        said = judge(stranger, source, folder, options.build) if source else "no source to be had"
        tried += bool(source)
        right += said.startswith("right function")
        print(f"{stranger.package:12} {stranger.function:22} {said}", flush=True)
    print(f"{right} of {tried}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
