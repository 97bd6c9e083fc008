"""npm packages in the release that had a leak: for strangers.py.

They are the ones of harness/tests/reported, which says where each leak was reported.
"""

from __future__ import annotations

from pathlib import Path

from stranger import FILES_ONLY, Stranger

from linger.lab.programs import ROOT

SERVERS = ROOT / "harness/tests/reported/servers.js"
PEM = ROOT / "harness/tests/planted/tls.pem"
LARGE = 8 << 20  # bytes
LEFT = ("connect", "send:GET /large HTTP/1.0\r\n\r\n", "rst")
# The name in servers.js, the function that its repair changes, the file of that, what clients do.
RELEASES = (
    ("httpolyglot", "connectionListener", "index.js", ("connect", "fin")),
    ("http-proxy", "stream", "web-incoming.js", LEFT),
    ("http-proxy-middleware-2", "stream", "web-incoming.js", LEFT),
    ("http-proxy-middleware-3", "stream", "web-incoming.js", LEFT),
    ("express-3", FILES_ONLY, "", LEFT),
    ("serve-handler", FILES_ONLY, "", LEFT),
    ("node-static", FILES_ONLY, "", LEFT),
)


def ready(modules: Path, folder: Path, port: int, behind: int) -> list[Stranger]:
    """All of them, from packages that harness/tests/reported/fetch has unpacked.

    behind: a port of ours, where a proxy finds its backend.
    """
    www = folder / "www"
    www.mkdir(exist_ok=True)
    (www / "large").write_bytes(bytes(LARGE))
    env = {"NODE_PATH": str(modules), "WWW": str(www), "PEM": str(PEM)}
    return [
        Stranger(name, function, file, ["node", str(SERVERS), name, str(port), str(behind)], folder,
                 fault, ["node", str(SERVERS), "backend", str(behind)], env)
        for name, function, file, fault in RELEASES
    ]  # fmt: skip
