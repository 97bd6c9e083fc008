"""Real clients under `linger check-client`: each must get its known verdicts, three times.

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

from linger.check.client import BATTERY
from linger.check.finding import BAD, CHOICE, FAIL, LEAK, PASS, WARN
from linger.lab.environment import outside
from linger.lab.programs import ROOT, program

RUNS = int(os.environ.get("RUNS", "3"))
CHECK = os.environ.get("CHECK", "").split()  # more options of linger check-client
HERE = Path(__file__).with_name("clients")
EXAMPLES = ROOT / "harness" / "linger" / "check" / "client" / "drivers"
UNPACKED = program("real") / "root"
PYTHON = "/usr/bin/python3"  # Debian's, which its modules are for
PLACES = {"here": HERE, "examples": EXAMPLES, "root": UNPACKED, "python": PYTHON, "build": program("real")}
# What many have in common: most have no timeout by default.
WAITS = dict.fromkeys(("silent", "stalled-body", "trickle"), WARN)


@dataclass(frozen=True)
class Client:
    """How to start a real client, and its own verdicts beyond PASS, CHOICE and N/A."""

    command: str
    known: dict[str, str] = field(default_factory=dict)
    driver: bool = False


HEADER = {"truncated-header": FAIL}  # half a header counts as one: the status line has come
CUT_TLS = {"truncated-tls": WARN}  # most of them
CUT_GZIP = {"truncated-gzip": WARN}
ADDRESSES = {"black-hole": WARN}  # one address after the other, each until the kernel gives up
WRITES_FIRST = {"early-reply": WARN}
VANISHED = {"vanished-idle": WARN}
LENGTH, CHUNKED, RESET = {"truncated-length": FAIL}, {"truncated-chunked": FAIL}, {"truncated-close": FAIL}
FALSE = {"unsolicited-reply": FAIL}
POOLED = WAITS | VANISHED

CLIENTS: dict[str, Client] = {
    "curl": Client("curl -sSf {{url}} -o {{out}}", WAITS | HEADER | CUT_TLS),
    "wget": Client("wget -q {{url}} -O {{out}}", WAITS | HEADER | CHUNKED | ADDRESSES),
    "wget2": Client(
        "wget2 -q {{url}} -O {{out}}",
        WAITS | LENGTH | CHUNKED | RESET | CUT_TLS | CUT_GZIP | {"black-hole": FAIL},
    ),
    "aria2": Client("aria2c -q -d {{out}} -o file {{url}}", WAITS),  # 60 s
    "axel": Client(
        "axel -q -o {{out}} {{url}}",
        WAITS | LENGTH | CHUNKED | CUT_TLS | ADDRESSES
        # It dies of SIGSEGV if no header comes, and of SIGPIPE when it is refused.
        | dict.fromkeys(("recover-refuse", "repeated-request", "waits-without-socket"), FAIL),
    ),
    "httpie": Client(
        "http --ignore-stdin --check-status --body {{url}}",
        WAITS | LENGTH | HEADER | CUT_TLS | CUT_GZIP | ADDRESSES,
    ),
    "w3m": Client("w3m -dump_source {{url}}", WAITS | ADDRESSES),  # its exit code proves nothing
    "lwp-request": Client(
        "lwp-request -m GET {{url}}", WAITS | LENGTH | CHUNKED | HEADER | RESET | CUT_TLS | ADDRESSES
    ),
    "busybox": Client(
        "busybox wget -q {{url}} -O {{out}}", WAITS | RESET | CUT_TLS | {"black-hole": FAIL}
    ),
    "urllib": Client(
        "{python} {examples}/python_urllib.py", WAITS | HEADER | CUT_TLS | ADDRESSES | WRITES_FIRST, True
    ),
    "requests": Client(
        "{python} {examples}/python_requests.py",
        POOLED | LENGTH | HEADER | CUT_TLS | CUT_GZIP | ADDRESSES | WRITES_FIRST, True,
    ),
    "http.client": Client(
        "{python} {here}/python.py http_client",
        POOLED | HEADER | CUT_TLS | FALSE | ADDRESSES | WRITES_FIRST
        # After any failure it needs a close() before the next request.
        | dict.fromkeys(("stale-pool", "idle-reset", "recover-refuse"), FAIL), True,
    ),
    "urllib3": Client(
        "{python} {here}/python.py urllib3",
        POOLED | HEADER | CUT_TLS | CUT_GZIP | ADDRESSES | WRITES_FIRST, True,
    ),
    "httpx": Client(
        "{python} {here}/python.py httpx",
        VANISHED | CUT_TLS | CUT_GZIP | FALSE | ADDRESSES | {"trickle": WARN}, True,
    ),
    "httplib2": Client(
        "{python} {here}/python.py httplib2",
        POOLED | HEADER | CUT_TLS | FALSE | ADDRESSES | WRITES_FIRST
        | {"stale-pool": WARN, "repeated-request": FAIL}, True,
    ),
    "pycurl": Client("{python} {here}/python.py pycurl", POOLED | HEADER | FALSE, True),
    "aiohttp": Client(
        "{python} {here}/python.py aiohttp", WAITS | RESET | CUT_TLS | CUT_GZIP | FALSE | ADDRESSES, True
    ),
    "tornado": Client("{python} {here}/python.py tornado", RESET | CUT_TLS | CUT_GZIP, True),
    "libcurl": Client(
        "{build}/libcurl",
        POOLED | HEADER | CUT_TLS | CUT_GZIP | FALSE | {"repeated-request": WARN}, True,
    ),
    "LWP": Client(
        "perl {here}/perl.pl LWP",
        POOLED | LENGTH | CHUNKED | HEADER | RESET | CUT_TLS | ADDRESSES, True,
    ),
    "HTTP::Tiny": Client("perl {here}/perl.pl Tiny", WAITS | CUT_TLS | ADDRESSES | WRITES_FIRST, True),
    "net/http": Client(
        "ruby {here}/ruby.rb", POOLED | LENGTH | HEADER | FALSE | ADDRESSES | WRITES_FIRST, True
    ),
    "php streams": Client(
        "php8.2 {here}/php.php streams",
        WAITS | LENGTH | CHUNKED | HEADER | RESET | CUT_TLS | ADDRESSES | WRITES_FIRST, True,
    ),
    "php curl": Client(
        "php8.2 -d extension={root}/usr/lib/php/20220829/curl.so {here}/php.php curl",
        POOLED | HEADER | CUT_TLS | FALSE | {"repeated-request": WARN}, True,
    ),
    "node http": Client("node {examples}/node_http.js", WAITS | RESET | CUT_TLS, True),
    "node fetch": Client(
        "node {examples}/node_fetch.js", WAITS | CHUNKED | RESET | CUT_TLS | CUT_GZIP, True
    ),
    "HttpURLConnection": Client(
        "java -XX:-UsePerfData -XX:TieredStopAtLevel=1 -cp {build} Java url",
        # Nobody reads or closes the stream of a 404.
        WAITS | LENGTH | HEADER | FALSE | WRITES_FIRST
        | {"repeated-request": FAIL, "error-leak": LEAK}, True,
    ),
    "java HttpClient": Client(
        "java -XX:-UsePerfData -XX:TieredStopAtLevel=1 -cp {build} Java client", POOLED | WRITES_FIRST, True
    ),
}


PLANTED = ROOT / "harness" / "tests" / "planted" / "clients"
RIGHT = {  # they do everything right, so each check is PASS or CHOICE
    "Python": f"{PYTHON} {PLANTED}/client.py",
    "node": f"node {PLANTED}/client.js",
    "C": "{build}/client",
}
MISTAKES = {  # of planted/clients/client.py, with the verdict of each
    "takes-length": {"truncated-length": FAIL},
    "takes-chunked": {"truncated-chunked": FAIL},
    "takes-header": {"truncated-header": FAIL},
    "takes-reset": {"truncated-close": FAIL},
    "no-notify": {"truncated-tls": WARN},
    "takes-gzip": {"truncated-gzip": WARN},
    "forgets": {"waits-without-socket": FAIL},
    "patient": WAITS,
    "resends": {"repeated-request": FAIL},
    "resends-reused": {"repeated-request": WARN},
    "blind": {"stale-pool": FAIL},
    "keeps": {"idle-close": CHOICE, "idle-reset": CHOICE},
    "hoards": {"idle-close": LEAK, "idle-reset": LEAK},
    "believes blind": {"unsolicited-reply": FAIL},
    "deaf": {"early-reply": WARN},
    "leaks": {"error-leak": LEAK},
    "never-again": {"recover-refuse": FAIL},
    "one-address": {"black-hole": FAIL},
    "slow-address": {"black-hole": WARN},
    "no-keepalive": {"vanished-idle": WARN},
    "dies": {"truncated-length": FAIL},
    "dies-idle": {"stale-pool": FAIL, "idle-close": FAIL, "idle-reset": FAIL},
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


def verdicts(run: Run, tmp_path: Path, command: str, *options: object) -> dict[str, str]:
    """Check a driver; returns the verdicts by id."""
    words = ["--driver", "--json", tmp_path / "out.json", "--results", tmp_path / "results", *options]
    done = run("linger", "check-client", *words, "--", *command.split(), timeout=600)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    print(done.stdout)
    return {one["id"]: one["verdict"] for one in json.loads((tmp_path / "out.json").read_text())["results"]}


@pytest.mark.parametrize("language", RIGHT)
def test_what_does_everything_right(run: Run, tmp_path: Path, language: str) -> None:
    BATTERY.load()
    found = verdicts(run, tmp_path, RIGHT[language].format(**PLACES))
    assert {*found} == {*BATTERY.checks} and {*found.values()} <= {PASS, CHOICE}, found


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_called_what_it_is(run: Run, tmp_path: Path, mistake: str) -> None:
    wanted = MISTAKES[mistake]
    only = ("--patience", 8, "--only", ",".join(wanted))
    assert verdicts(run, tmp_path, f"{RIGHT['Python']} {mistake}", *only) == wanted
    assert {*verdicts(run, tmp_path, RIGHT["Python"], *only).values()} <= {PASS, CHOICE}
