"""timewait-reuse-wait: how long tcp_tw_reuse leaves a port in TIME_WAIT alone.

   client, one port                      server
     connect(), close()  ── FIN ──>        the port is in TIME_WAIT
     connect() again, in the next second   EADDRNOTAVAIL, or a connection?

condition: tcp_tw_reuse is 1. control: it is 0, and the port is taken for a minute.

connect() may take the port when timestamps distinguish old segments from new ones, and for that
their clock must have advanced (RFC 7323 section 5.4 allows one tick a second). Since Linux 6.14
tcp_tw_reuse_delay sets the wait, 1000 ms by default (ip-sysctl.rst). Older kernels compare whole
seconds of the clock since boot, so "one second" can be anything from a moment to a second. Here a
connection closes in the second half of a second, and the next second begins less than half a second
later.
"""

import time

from linger import scenario
from linger.lab.errors import Broken
from linger.lab.sockets import NO_PORT, connect, use_up
from linger.lab.verdict import absent, table

N = 5  # connections that wait for 1.5 s
FULL = "EADDRNOTAVAIL"
EXPECT = {"condition": {"after 1.5 s": "ok"}, "control": {"after 1.5 s": FULL}}
PHASE = 0.6  # of a second of the clock since boot, in which a connection closes
LATEST = 0.9  # of it: the next second is then more than the shorter delay away
PATIENCE = 50  # s, of the 60 that the waiting connections are in TIME_WAIT
SETTINGS = {
    "tcp_tw_reuse=0": {"tcp_tw_reuse": 0},
    "tcp_tw_reuse=1": {"tcp_tw_reuse": 1},
    "tcp_tw_reuse_delay=100": {"tcp_tw_reuse": 1, "tcp_tw_reuse_delay": 100},
    "tcp_tw_reuse_delay=60000": {"tcp_tw_reuse": 1, "tcp_tw_reuse_delay": 60000},
}
WHEN = ["in the next second", "after 1.5 s"]
REUSED = dict(zip(SETTINGS, ([FULL, FULL], [FULL, "ok"], ["ok", "ok"], [FULL, FULL])))
BEFORE = {**REUSED, "tcp_tw_reuse=1": ["ok", "ok"]}  # without tcp_tw_reuse_delay
UNKNOWN = 2 * [absent("tcp_tw_reuse_delay came with Linux 6.14")]


@scenario(
    claims=["tw-reuse-full-second", "tw-reuse-wait-fixed"], variants=("condition", "control")
)
def test_timewait_reuse_wait(lab, variant):
    client, to = lab.hosts["client"], (lab.hosts["server"].address, 9000)
    lab.server("echo")
    witness = lab.peer("stay")
    client.sysctl(ip_local_port_range="40000 40000")
    client.run("ip", "route", "add", "local", "10.0.0.128/25", "dev", "lo")
    sources = [(f"10.0.0.{last}", 0) for last in range(128, 253)]  # each has the port
    waiting = [sources.pop() for _ in range(N)]
    known = client.knows("tcp_tw_reuse_delay")

    def reuse(source, settings):
        client.sysctl(**{**({"tcp_tw_reuse_delay": 1000} if known else {}), **settings})
        return connect(client, to, source, NO_PORT)

    def in_the_next_second(settings):
        while time.monotonic() - waited_from < PATIENCE:
            time.sleep((PHASE - time.monotonic()) % 1)
            source, began = sources.pop(), time.monotonic()
            use_up(client, to, source, NO_PORT, most=1)
            closed = time.monotonic()
            time.sleep(-closed % 1 + 0.02)  # only the clock says when
            outcome = reuse(source, settings)
            in_time = int(began) == int(closed) and closed % 1 < LATEST
            if in_time and time.monotonic() - began < 0.9:  # else too slow
                return outcome
        raise Broken("this machine is too slow: no connect() came within a second after a close")

    waited_from = time.monotonic()
    for source in waiting:
        use_up(client, to, source, NO_PORT, most=1)
    lab.happened(witness, TIME_WAIT=N, hold=1.5)
    met = {}
    for name, settings in SETTINGS.items():
        if known or len(settings) == 1:
            met[name] = [in_the_next_second(settings), reuse(waiting.pop(), settings)]
        else:
            met[name] = UNKNOWN
    again = reuse(waiting.pop(), {"tcp_tw_reuse": int(variant == "condition")})
    lab.expect_values(EXPECT[variant], {"after 1.5 s": again}, by="client")
    expected = REUSED if known else BEFORE
    lab.expect_table("one more connection", table(WHEN, expected), table(WHEN, met))
