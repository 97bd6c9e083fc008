"""closewait-leak: a server that forgets close() when recv() fails.

   client 10.0.0.1 ──veth── 10.0.0.2 server

The peer's FIN moves the server's socket to CLOSE_WAIT, and recv() returns 0. Only the program can
end that state (RFC 9293 section 3.6, case 2): nothing is in flight, so no timer runs, and no
sysctl sets one. Each connection that the error path forgets holds a socket and a descriptor until
the process ends, and one day accept() fails with EMFILE.
"""

from linger import connections, scenario

N = connections(100)

EXPECT = {
    "buggy": {"CLOSE_WAIT": N, "descriptors": N},  # kept forever
    "fixed": {"CLOSE_WAIT": 0, "descriptors": 0},
}


@scenario(
    claims=[
        "cw-no-close-after-recv",
        "cw-two-hours",
        "cw-descriptor",
        "cw-cause-missing-close",
        "cw-no-fd-limit",
    ]
)
def test_closewait_leak(lab, variant):
    server = lab.server("closewait_leak", variant)  # returns once it listens
    lab.peer("connect hello fin", connections=N).wait()
    lab.happened(server, ESTABLISHED=N)  # all of them were open
    lab.happened_event(server, "recv", N, n=0)  # and the FIN of each was seen
    lab.expect(server, EXPECT[variant])  # within 2 s, and it stays so
