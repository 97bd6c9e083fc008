"""Real clients under `linger check-client`: what is known of each must come out, three times.

    make test-clients         every client, all checks, three times with the same verdicts
    make test-clients RUNS=1 CHECK=--quick ARGS='-k curl'

Not part of `make test`: it takes minutes and needs what harness/tests/real/fetch unpacks.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import Run

from linger.check.finding import BAD, WARN
from linger.lab.environment import outside
from linger.lab.programs import ROOT, program

RUNS = int(os.environ.get("RUNS", "3"))
CHECK = os.environ.get("CHECK", "").split()  # more options of linger check-client
HERE = Path(__file__).with_name("clients")
EXAMPLES = ROOT / "harness" / "linger" / "check" / "client" / "drivers"
UNPACKED = program("real") / "root"
PYTHON = "/usr/bin/python3"  # Debian's, for which its modules are
PLACES = {"here": HERE, "examples": EXAMPLES, "root": UNPACKED, "python": PYTHON, "build": program("real")}
# Of most clients: none of them has a time-out of its own (the facts of 31 libraries: "most others never").
WAITS = dict.fromkeys(("silent", "stalled-body", "trickle"), WARN)


@dataclass(frozen=True)
class Client:
    """How to start a real client, and the verdicts beyond PASS, CHOICE and N/A that are its own."""

    command: str
    known: dict[str, str] = field(default_factory=dict)
    driver: bool = False


CLIENTS: dict[str, Client] = {
    "curl": Client("curl -sSf {{url}} -o {{out}}"),
    "wget": Client("wget -q {{url}} -O {{out}}"),
    "wget2": Client("wget2 -q {{url}} -O {{out}}"),
    "aria2": Client("aria2c -q -d {{out}} -o file {{url}}"),
    "axel": Client("axel -q -o {{out}} {{url}}"),
    "httpie": Client("http --ignore-stdin --check-status --body {{url}}"),
    "lynx": Client("lynx -cfg={root}/etc/lynx/lynx.cfg -source {{url}}"),
    "w3m": Client("w3m -dump_source {{url}}"),
    "lwp-request": Client("lwp-request -m GET {{url}}"),
    "busybox": Client("busybox wget -q {{url}} -O {{out}}"),
    "urllib": Client("{python} {examples}/python_urllib.py", driver=True),
    "requests": Client("{python} {examples}/python_requests.py", driver=True),
    "http.client": Client("{python} {here}/python.py http_client", driver=True),
    "urllib3": Client("{python} {here}/python.py urllib3", driver=True),
    "httpx": Client("{python} {here}/python.py httpx", driver=True),
    "httplib2": Client("{python} {here}/python.py httplib2", driver=True),
    "pycurl": Client("{python} {here}/python.py pycurl", driver=True),
    "aiohttp": Client("{python} {here}/python.py aiohttp", driver=True),
    "tornado": Client("{python} {here}/python.py tornado", driver=True),
    "libcurl": Client("{build}/libcurl", driver=True),
    "LWP": Client("perl {here}/perl.pl LWP", driver=True),
    "HTTP::Tiny": Client("perl {here}/perl.pl Tiny", driver=True),
    "net/http": Client("ruby {here}/ruby.rb", driver=True),
    "php streams": Client("php8.2 {here}/php.php streams", driver=True),
    "php curl": Client("php8.2 -d extension={root}/usr/lib/php/20220829/curl.so {here}/php.php curl", driver=True),
    "node http": Client("node {examples}/node_http.js", driver=True),
    "node fetch": Client("node {examples}/node_fetch.js", driver=True),
    "HttpURLConnection": Client("java -Xshare:auto -XX:TieredStopAtLevel=1 -cp {build} Java url", driver=True),
    "java HttpClient": Client("java -Xshare:auto -XX:TieredStopAtLevel=1 -cp {build} Java client", driver=True),
}


def environment() -> dict[str, str]:
    """Programs and modules on the system's paths first, then those unpacked."""
    library = f"{UNPACKED}/usr/lib/{platform.machine()}-linux-gnu"
    ruby = [f"{UNPACKED}/usr/lib/ruby/3.1.0", f"{library}/ruby/3.1.0", f"{UNPACKED}/usr/lib/ruby/vendor_ruby"]
    return outside(
        PATH=f"{os.environ['PATH']}:{UNPACKED}/usr/bin:{UNPACKED}/bin",
        LD_LIBRARY_PATH=f"{library}:{UNPACKED}/usr/lib",
        PYTHONPATH=f"{UNPACKED}/usr/lib/python3/dist-packages",
        PERL5LIB=f"{UNPACKED}/usr/share/perl5",
        RUBYLIB=":".join(ruby),
        COLUMNS="200",
    )


@pytest.mark.parametrize("name", CLIENTS)
def test_a_real_client(run: Run, tmp_path: Path, name: str) -> None:
    client = CLIENTS[name]
    options = ["--json", tmp_path / "out.json", *CHECK, *(["--driver"] if client.driver else [])]
    command = client.command.format(**PLACES).split()
    runs = []
    for number in range(RUNS):
        results = Path(os.environ["LINGER_RUN"]) / "real" / name.replace("/", "-") / str(number + 1)
        done = run("linger", "check-client", *options, "--results", results, "--", *command,
                   env=environment(), timeout=600)  # fmt: skip
        assert done.returncode in (0, 1), done.stdout + done.stderr
        print(done.stdout)
        found = json.loads((tmp_path / "out.json").read_text())["results"]
        runs.append({one["id"]: one["verdict"] for one in found})
    known = {id: verdict for id, verdict in client.known.items() if id in runs[0]}
    for one in runs:
        assert {id: verdict for id, verdict in one.items() if verdict in (*BAD, WARN)} == known
        assert one == runs[0]
