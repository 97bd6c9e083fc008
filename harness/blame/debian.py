"""C servers of Debian, each with one close() removed: for strangers.py."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from stranger import Stranger

CONFIGURE = "CFLAGS='-g -O2' ./configure -q"
BOOTSTRAP = f"{{ [ -e configure ] || autoreconf -fi; }} && {CONFIGURE}"


@dataclass(frozen=True)
class Source:
    """A program and how it is changed."""

    package: str
    file: str
    before: str  # the one text that is replaced,
    after: str  # by this
    function: str  # that contains it
    build: str
    run: str
    fault: tuple[str, ...] = ("connect", "fin")  # of the clients (clients/peer)


SOURCES = (
    Source("microsocks", "sockssrv.c", "\tclose(t->client.fd);\n\tt->done", "\tt->done",
             "clientthread", "make -s CFLAGS='-g -O2'", "./microsocks -p {port}"),
    Source("tinyproxy", "src/conns.c", "if (close (connptr->client_fd) < 0)", "if (0)",
             "conn_destroy_contents", f"{CONFIGURE} --disable-manpage_support && make -s -C src",
             "src/tinyproxy -d -c {folder}/tinyproxy.conf"),
    Source("memcached", "memcached.c", "    close(c->sfd);\n    c->close_reason = 0;",
             "    c->close_reason = 0;", "conn_close", f"{CONFIGURE} --disable-docs && make -s memcached",
             "./memcached -u root -p {port}"),
    Source("mini-httpd", "mini_httpd.c", "\t(void) close( conn_fd );\n\t}\n    }", "\t}\n    }", "main",
             "make -s CFLAGS='-g -O2' mini_httpd", "./mini_httpd -D -u root -p {port} -d {folder}"),
    Source("rinetd", "src/rinetd.c", "\t\tclosesocket(socket->fd);\n\t} else /* if (socket->protocol == IPPROTO_UDP) */ {\n\t\t/* Nothing",
             "\t} else /* if (socket->protocol == IPPROTO_UDP) */ {\n\t\t/* Nothing",
             "handleClose", f"{BOOTSTRAP} && make -s", "./rinetd -f -c {folder}/rinetd.conf"),
    Source("lighttpd", "src/connections.c", "if (0 == close(con->fd))", "if (1)", "connection_close",
             f"{CONFIGURE} --without-pcre2 --without-pcre --without-zlib --without-bzip2 && make -s -C src",
             "src/lighttpd -D -m src/.libs -f {folder}/lighttpd.conf",
             ("connect", "send:GET / HTTP/1.0\r\n\r\n", "fin")),  # TCP_DEFER_ACCEPT
    Source("dropbear", "svr-main.c", "\t\t\tm_close(childsock);\n\t\t\tif (remote_host)",
             "\t\t\tif (remote_host)", "main_noinetd",
             f"{CONFIGURE} --disable-zlib --enable-bundled-libtom && make -s PROGRAMS='dropbear dropbearkey' && "
             "./dropbearkey -t ecdsa -f key >/dev/null 2>&1",
             "./dropbear -F -E -r key -p 127.0.0.1:{port}"),
    Source("redis", "src/connection.c", "        close(conn->fd);\n        conn->fd = -1;",
             "        conn->fd = -1;", "connSocketClose",
             "make -s -C src MALLOC=libc OPTIMIZATION=-O1 USE_SYSTEMD=no redis-server",
             "src/redis-server --port {port} --save '' --protected-mode no"),
    Source("mosquitto", "lib/net_mosq.c", "\t\t\trc = COMPAT_CLOSE(mosq->sock);", "\t\t\trc = 0;",
             "net__socket_close", "make -s -C src CFLAGS='-g -O2 -Wall -ggdb' WITH_TLS=no WITH_CJSON=no "
             "WITH_SYSTEMD=no WITH_DOCS=no WITH_SRV=no WITH_WEBSOCKETS=no mosquitto",
             "src/mosquitto -p {port}"),
    Source("6tunnel", "6tunnel.c", "\t\tclose(client_fd);\n\t\tfree(client_addr);\n\n\t\tif (single",
             "\t\tfree(client_addr);\n\n\t\tif (single", "main", f"{BOOTSTRAP}; make -s",
             "./6tunnel -d -4 {port} 127.0.0.1 1"),
)  # fmt: skip
FILES = {
    "tinyproxy.conf": "Port {port}\nTimeout 600\nMaxClients 100\nLogLevel Critical\nUser root\nGroup root\n",
    "rinetd.conf": "127.0.0.1 {port} 127.0.0.1 {behind}\n",
    "lighttpd.conf": 'server.document-root = "{folder}"\nserver.port = {port}\n'
    'server.modules = ()\nserver.errorlog = "/dev/null"\n',
}


def _unpacked(stranger: Source, folder: Path, apt: list[str]) -> Path | None:
    """Fetch and unpack it, and remove the line; None when there is no such source."""
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


def ready(source: Source, folder: Path, apt: list[str], port: int, behind: int) -> Stranger | str:
    """Build it; or returns why it could not be built. behind: as in npm.py."""
    place = _unpacked(source, folder, apt)
    if not place:
        return "not tried: source not available"
    with (folder / f"{source.package}.log").open("w") as log:
        built = subprocess.run(source.build, shell=True, cwd=place, stdout=log, stderr=log, check=False)
    if built.returncode:
        return "not tried: not built, see its log"
    values = {"port": port, "behind": behind, "folder": folder}
    for name, text in FILES.items():
        (folder / name).write_text(text.format(**values))
    words = ["sh", "-c", "exec " + source.run.format(**values)]
    return Stranger(source.package, source.function, source.file, words, place, source.fault)
