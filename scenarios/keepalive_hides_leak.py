"""keepalive-hides-leak: SO_KEEPALIVE takes the CLOSE_WAIT out of sight and leaves the descriptor.

   client                         server: recv() = 0, no close()
     close() ───────> FIN           CLOSE_WAIT
     FIN_WAIT2, gone in the end
          <───────── probe          after tcp_keepalive_time (1 s here)
     RST  ────────>                 CLOSED: no row in ss, the descriptor is still held

condition: the server set SO_KEEPALIVE. control: it did not. The sysctls are the same in both.

A probe to a peer that has forgotten the connection draws a RST (RFC 9293 section 3.8.4, tcp(7)).
So "lower tcp_keepalive_time" seems to cure CLOSE_WAIT: the count falls, and the process runs out
of descriptors anyway, now with nothing to see (census calls these ghosts). Without
SO_KEEPALIVE the sysctls do nothing: the state has no timer. Nor do they affect connections that
were accepted before: a running timer keeps the time it was set to. Only close() helps.
"""

from linger import connections, scenario
from linger.lab.faults import watch

N = connections(100)

EXPECT = {
    "condition": {"CLOSE_WAIT": 0, "ghosts": N},
    "control": {"CLOSE_WAIT": N, "ghosts": 0},
}
RESETS = {"condition": N, "control": 0}
OPTION = {"condition": "keepalive", "control": ""}


@scenario(
    claims=["cw-keepalive-hides", "cw-sysctl-needs-keepalive"], variants=("condition", "control"),
    held=N,
)
def test_keepalive_hides_leak(lab, variant):
    host = lab.hosts["server"]
    host.sysctl(tcp_keepalive_time=1, tcp_keepalive_intvl=1, tcp_keepalive_probes=2)
    resets = watch(host, "tcp flags & rst == rst")
    lab.hosts["client"].sysctl(tcp_max_tw_buckets=0)  # forget at once, not after tcp_fin_timeout
    actions = f"listen accept {OPTION[variant]} recv:6 send:hello drain stay"
    server = lab.peer(actions, connections=N, at="server")
    client = lab.peer("connect send:hello recv:6 fin", connections=N).wait()
    lab.happened_event(server, "stay")  # every end of stream was read, and no descriptor was closed
    lab.happened(server, CLOSE_WAIT=N, descriptors=N)
    lab.happened(client, TCPTimeWaitOverflow=N)  # its FIN_WAIT2s
    lab.happened(client, FIN_WAIT2=0, hold=1.5)  # for longer than it takes to send a probe
    lab.happened_fault(resets, RESETS[variant])  # the answer to each probe, and to nothing else
    lab.expect(server, EXPECT[variant])
    lab.happened(server, descriptors=N)  # either way
