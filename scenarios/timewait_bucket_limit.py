"""timewait-bucket-limit: above tcp_max_tw_buckets TIME_WAITs are not created; none is cleared.

                          limit 50 comes first      limit 50 comes last
   200 connections close    50 TIME_WAIT              200 TIME_WAIT
   10 more close            50, none is added         200, none is added, none is cleared

The limit is a number of records in one network namespace (ip-sysctl.rst: "if this number is
exceeded time-wait socket is immediately destroyed and warning is printed", which is often read as:
all are cleared). The kernel checks it when it would make a TIME_WAIT, and then does not make that
one; TCPTimeWaitOverflow counts it exactly. Older kernels also log a warning ("time wait bucket table
overflow"); Linux 6.18 only counts. Existing TIME_WAITs stay for their 60 seconds, even if the limit
drops below their number. An orphaned FIN_WAIT2 is also a record, and counts against the limit.

A low limit does "cure" port exhaustion, at a price: a connection that ends without TIME_WAIT
cannot answer a retransmitted FIN, so its peer may end with ECONNRESET (see last-ack-lost).
"""

from linger import connections, scenario

N = connections(200)
LIMIT = N // 4

EXPECT = {
    "condition": (
        {"TIME_WAIT": LIMIT, "TCPTimeWaitOverflow": N - LIMIT},
        {"TIME_WAIT": LIMIT, "TCPTimeWaitOverflow": N - LIMIT + 10},
    ),
    "control": (
        {"TIME_WAIT": N, "TCPTimeWaitOverflow": 0},
        {"TIME_WAIT": N, "TCPTimeWaitOverflow": 10},
    ),
}


@scenario(claims=["tw-buckets"], variants=("condition", "control"))
def test_timewait_bucket_limit(lab, variant):
    first, last = EXPECT[variant]
    client = lab.hosts["client"]
    server = lab.server("timewait_owner", "fixed")  # it leaves the close to the client
    if variant == "condition":
        client.sysctl(tcp_max_tw_buckets=LIMIT)
    crowd = lab.peer("connect hello fin", connections=N).wait()
    lab.happened(server, ESTABLISHED=N)
    lab.expect(crowd, first)
    client.sysctl(tcp_max_tw_buckets=LIMIT)
    more = lab.peer("connect hello fin", connections=10).wait()
    lab.happened(server, ESTABLISHED=N + 10)
    lab.expect(more, last)
