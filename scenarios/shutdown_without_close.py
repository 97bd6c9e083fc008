"""shutdown-without-close: a server ends its connections with shutdown() and keeps the descriptors.

   server                                        client
   answer, shutdown(SHUT_RDWR)  ──── FIN ────>   reads the answer and the end
   FIN_WAIT2                    <─── FIN ────    closes: TIME_WAIT, and our descriptor stays
   FIN_WAIT2, forever                           or stays: no timer runs while we hold it

shutdown(2) is about the stream, close(2) is about the descriptor. On the wire all is well, so no
client complains. The server collects ghosts: descriptors whose connection is gone, which neither ss
nor /proc/net/tcp shows; lsof says "protocol: TCP", older versions "can't identify protocol". Where
the client does not close, FIN_WAIT2 outlives tcp_fin_timeout, which applies only to sockets that no
program holds.
"""

from linger import connections, scenario

N = connections(100)

EXPECT = {
    "buggy": {"ghosts": N, "FIN_WAIT2": N, "descriptors": 2 * N},
    "fixed": {"ghosts": 0, "FIN_WAIT2": 0, "descriptors": 0},
}


@scenario(claims=["fd-shutdown-is-not-close", "fw2-held-has-no-timer"])
def test_shutdown_without_close(lab, variant):
    lab.hosts["server"].sysctl(tcp_fin_timeout=1)
    server = lab.server("shutdown_without_close", variant)
    lab.peer("connect hello drain fin", connections=N).wait()
    staying = lab.peer("connect hello drain stay", connections=N)
    lab.happened_event(server, "shutdown", 2 * N, err="-")
    lab.happened_event(staying, "stay")  # each has read its answer and the end, and does not close
    lab.happened(server, ESTABLISHED=2 * N)
    lab.expect(server, EXPECT[variant], within=6, hold=1.3)  # longer than tcp_fin_timeout
