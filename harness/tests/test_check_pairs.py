"""Every check has a server that must get its verdict, and a similar one that must not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Run

from linger.check.server import BATTERY
from linger.lab.programs import program

BATTERY.load()
PORT = "9000"
PLANTED = Path(__file__).with_name("planted") / "server.py"


def built(name: str) -> list[str]:
    return [str(program(f"servers/{name}")), "-l", "0.0.0.0", "-p", PORT]


def planted(mode: str, *address: str) -> list[str]:
    return [sys.executable, "-S", str(PLANTED), mode, PORT, *address]  # it needs no packages


def inside(mode: str, version: str = "TLSv1_3") -> list[str]:
    return [sys.executable, "-S", str(PLANTED.with_name("tls.py")), mode, PORT, version]


LEFT, GHOSTS = ("PASS", "all released"), ("LEAK", "descriptors of connections that are gone")
# Of each server: its command, and of some checks the verdict that it must get, with a part of what
# that says.
SERVERS: dict[str, tuple[list[str], dict[str, tuple[str, str]]]] = {
    "one-by-one": (planted("serial"), {
        "idle": ("STARVE", "others get"), "stalled-reader": ("STARVE", "others get"),
    }),
    "vanish": (built("half_open_peer_buggy"), {"vanished-idle": ("WARN", "no keepalive")}),
    "vanish-right": (built("half_open_peer_fixed"), {"vanished-idle": LEFT}),
    "vanish-hoard": (planted("hoard"), {"vanished-sending": ("LEAK", "descriptors of connections that are gone")}),
    "vanish-threads": (planted("threads"), {"vanished-sending": LEFT}),
    "used-up": (built("descriptor_exhaustion_buggy"), {
        "descriptor-limit": ("FAIL", "no recovery"),
    }),
    "closewait-leak": (built("closewait_leak_buggy"), {
        "abandon": ("LEAK", "held, and every thread waits without a timeout (epoll_wait), no timer is armed: 20 sockets"),
        "half-request-fin": ("LEAK", "held, and every"),  # some as ghosts, where the echo met a RST
        "half-request-rst": ("LEAK", "held, and every"),
        "half-close": ("LEAK", "not closed"),
    }),
    "closewait-right": (built("closewait_leak_fixed"), {
        "abandon": LEFT, "half-request-fin": LEFT, "half-close": ("PASS", "then a FIN"),
    }),
    "reset-leak": (built("reset_leak_buggy"), {"rst-at-once": GHOSTS}),
    "reset-right": (built("reset_leak_fixed"), {"half-request-rst": LEFT, "rst-at-once": LEFT}),
    "sigpipe": (built("sigpipe_exit_buggy"), {"ignore-reply": ("FAIL", "ended by SIGPIPE")}),
    "sigpipe-right": (built("sigpipe_exit_fixed"), {"ignore-reply": LEFT}),
    "reply-dropped": (built("half_close_dropped_buggy"), {"half-close": ("FAIL", "replies lost")}),
    "impatient": (planted("impatient"), {"half-close": ("FAIL", "20 of 20 replies lost")}),
    "reply-right": (built("half_close_dropped_fixed"), {"half-close": ("PASS", "20 of 20")}),
    "threads": (planted("threads"), {
        "ignore-reply": LEFT,
        "idle": ("CHOICE", "still kept after 4 s"),
        "stalled-reader": ("CHOICE", "still kept after 4 s"),
        "graceful-stop": ("CHOICE", "5 x FIN"),
        "timewait-holder": ("CHOICE", "the client closes first"),
    }),
    "idle-limit": (built("idle_connection_fixed") + ["-t", "1"], {
        "idle": ("CHOICE", "closed after 1 s"),
    }),
    "hoard": (planted("hoard"), {"ignore-reply": ("LEAK", "10 descriptors of connections that are gone")}),  # where no FIN came first
    "zombies": (planted("zombies"), {"abandon": ("LEAK", "20 processes")}),
    "deferred": (planted("deferred"), {
        "idle": ("CHOICE", "withholds (TCP_DEFER_ACCEPT) until"), "abandon": LEFT,
        "half-request-rst": LEFT, "rst-at-once": LEFT, "half-close": ("PASS", "20 of 20"),
        "restart-term": ("PASS", "starts again over"),
    }),
    "forks": (planted("forks"), {"abandon": LEFT}),
    "mortal": (planted("mortal"), {"half-request-rst": ("FAIL", "ended by SIGSEGV")}),
    "crashes": (planted("crashes"), {"half-request-rst": ("FAIL", "was ended by SIGSEGV and was replaced")}),
    "forgets-file": (planted("forgets-file"), {"ask-and-leave": ("LEAK", "× " + str(PLANTED))}),
    "pools-file": (planted("pools-file"), {"ask-and-leave": ("PASS", "reuse what stays: ")}),
    "never-ends": (planted("never-ends"), {"abandon": ("WARN", "threads more, which stay")}),
    "fixed-pool": (planted("fixed-pool"), {
        "abandon": LEFT, "half-request-rst": ("WARN", "20 and 20 threads fewer"),
    }),
    "deaf-child": (planted("deaf-child"), {"restart-term": ("WARN", "still listens")}),
    "grows-pool": (planted("grows-pool"), {"half-close": ("PASS", "20 of 20"), "abandon": ("PASS", "reuse what stays")}),
    "ticker": (planted("ticker"), {
        "half-close": ("N/A", "no end"), "timewait-holder": ("N/A", "no end"), "ask-and-leave": LEFT,
    }),
    "picky": (planted("picky"), {"descriptor-limit": ("PASS", "silent clients: 6")}),
    "http-impatient": (planted("http-impatient"), {"half-close": ("WARN", "0 of 40")}),
    "tls-right": (inside("right"), {
        "close-notify": ("PASS", "20 × close_notify, then FIN"), "tls-cut": LEFT,
        "half-close": ("PASS", "20 of 20"), "descriptor-limit": ("PASS", "silent clients: 6"),
    }),
    "tls-serial": (inside("serial"), {"close-notify": ("PASS", "20 ×"), "half-close": ("PASS", "20 of 20")}),
    "tls-rude": (inside("rude"), {
        "close-notify": ("WARN", "20 × no close_notify, then FIN"), "tls-cut": GHOSTS, "abandon": LEFT,
    }),
    "tls-older": (inside("impatient", "TLSv1_2"), {"half-close": ("CHOICE", "RFC 5246, section 7.2.1")}),
    # Its next clients, in the second wave, are refused: "could not be tested" is no excuse.
    "mortal-narrow": (planted("mortal-narrow"), {
        "half-request-rst": ("FAIL", "ended by SIGSEGV"),
    }),
    "spin": (built("emfile_spin_buggy"), {"descriptor-limit": ("FAIL", "too busy")}),
    "spin-right": (built("emfile_spin_fixed"), {"descriptor-limit": ("PASS", "serves again")}),
    "restart": (built("restart_eaddrinuse_buggy"), {
        "restart-term": ("FAIL", "does not start again over"),
        "restart-kill": ("FAIL", "does not start again over"),
    }),
    "restart-right": (built("restart_eaddrinuse_fixed"), {
        "restart-term": ("PASS", "starts again over"),
        "restart-kill": ("PASS", "starts again over"),
    }),
    "abrupt": (planted("abrupt"), {"graceful-stop": ("CHOICE", "5 x ECONNRESET")}),
    **{f"refuse-{how}": (planted(f"refuse-{how}"), {"early-reply": ("CHOICE", "10 of 10 replies whole")})
       for how in ("close", "read-some", "read-all", "fin")},
    **{f"refuse-{how}": (planted(f"refuse-{how}"), {"early-reply": ("FAIL", "replies whole")})
       for how in ("reset", "long-close")},
    **{f"refuse-{how}": (planted(f"refuse-{how}"), {"early-reply": ("PASS", "none reset")})
       for how in ("drain", "long-drain", "keep")},
    "mute": (planted("mute"), {"early-reply": ("N/A", "without a reply")}),
    "narrow": (planted("narrow"), {"restart-kill": ("PASS", "starts again over")}),
    "closes-first": (planted("closes-first"), {
        "timewait-holder": ("CHOICE", "the server closes first"),
    }),
}  # fmt: skip
VANISHED = 20  # s: longer than the keepalive probes and the retransmissions take
TAKES = {"one-by-one": 40, "used-up": 25, "tls-serial": 25, "closewait-leak": 20, "picky": 20}


def timed(name: str) -> Any:
    """The parameter of a test, with the seconds that it takes."""
    seconds = TAKES.get(name, VANISHED if name.startswith("vanish") else 9)
    return pytest.param(name, marks=pytest.mark.takes(seconds))


@pytest.mark.parametrize("name", map(timed, SERVERS))
def test_a_server_gets_the_verdicts_that_it_must(run: Run, tmp_path: Path, name: str) -> None:
    command, wanted = SERVERS[name]
    file, large = tmp_path / "check.json", tmp_path / "large"
    large.write_bytes(b"large\n")
    options: list[object] = ["--patience", VANISHED if name.startswith("vanish") else 4]
    if name == "deferred":
        options += ["-n", 10]  # its queue holds 128; idle opens ten times as many
    if name.startswith("tls"):
        options.append("--tls")
    if PLANTED in map(Path, command):
        options += ["--large-request", large]
    if {verdict for verdict, _ in wanted.values()} & {"FAIL", "STARVE"}:
        options += ["--jobs", 1]  # alone at once, or it would be tried again alone
    done = run(
        "linger", "check", "--port", PORT, "--only", ",".join(wanted), "--json", file,
        "--results", tmp_path / "results", *options, "--", *command, timeout=120,
    )  # fmt: skip
    assert done.returncode in (0, 1, 77), done.stdout + done.stderr
    summary = json.loads(file.read_text())
    assert summary["exit"] == done.returncode
    found = {one["id"]: (one["verdict"], one["measured"]) for one in summary["results"]}
    for id, (verdict, says) in wanted.items():
        assert (found[id][0], says in found[id][1]) == (verdict, True), found


def test_every_check_tells_two_servers_apart() -> None:
    for id in BATTERY.checks:
        assert len({wanted[id] for _, wanted in SERVERS.values() if id in wanted}) >= 2, id
