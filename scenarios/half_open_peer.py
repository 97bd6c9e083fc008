"""half-open-peer: the clients vanish without a FIN, and the server keeps their connections.

   client 10.0.0.1 ──X── 10.0.0.2 server       no packet arrives any more
      N idle                 ESTABLISHED: nothing to send, so nothing to notice
      N with an answer       ESTABLISHED: resent for 924 s or more (tcp_retries2, ip-sysctl.rst)
        in flight

Power, cable, NAT: any of them can take a peer away, and nothing is sent (a half-open connection,
RFC 9293 section 3.5.1). Two limits are needed. SO_KEEPALIVE probes an idle connection, after
tcp_keepalive_time (1 s here; 2 hours by default, so set TCP_KEEPIDLE too). It sends no probe while
data is in flight; there TCP_USER_TIMEOUT is the limit. Both end in ETIMEDOUT (or in the error that
the network has reported, such as EHOSTUNREACH: recv-endings), and the ordinary error path closes.
TCP_USER_TIMEOUT also decides when keepalive gives up, whatever the number of probes (tcp(7)).
"""

from linger import connections, scenario
from linger.lab import faults

N = connections(50)

EXPECT = {
    "buggy": ({"ESTABLISHED": 2 * N, "descriptors": 2 * N}, {"ETIMEDOUT": 0}),
    "fixed": ({"ESTABLISHED": 0, "descriptors": 0}, {"ETIMEDOUT": 2 * N}),
}


@scenario(
    claims=[
        "ka-removes-idle",
        "ka-needs-so-keepalive",
        "ka-finds-the-dead",
        "user-timeout-in-flight",
    ]
)
def test_half_open_peer(lab, variant):
    left, told = EXPECT[variant]
    lab.hosts["server"].sysctl(tcp_keepalive_time=1, tcp_keepalive_intvl=1, tcp_keepalive_probes=1)
    server = lab.server("half_open_peer", variant)
    idle = lab.peer("connect hello stay", connections=N)
    busy = lab.peer("connect hello await send:more stay", connections=N)
    lab.happened_event(idle, "stay")
    lab.happened_event(busy, "await")
    lost = faults.partition(lab.hosts["client"])
    busy.go()
    lab.happened_event(server, "answer", 3 * N)  # the last N of them are lost on their way
    silence = faults.partition(lab.hosts["server"])
    lab.happened_fault(lost, f">= {N}")
    lab.happened(busy, ESTABLISHED=2 * N, TCPTimeouts=f">= {3 * N}", within=4)  # 1.4 s of silence
    lab.happened_fault(silence, f">= {N}")
    lab.expect(server, left, within=4, hold=1)
    timeouts = [end for end in server.events("end") if end["err"] == "ETIMEDOUT"]
    lab.expect_values(told, {"ETIMEDOUT": len(timeouts)}, by="server")
