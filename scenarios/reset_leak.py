"""reset-leak: descriptors leak without a single CLOSE_WAIT, because the clients reset.

   client                  server
     | -- RST ---------------> |  recv() -1 ECONNRESET: "error", return

The server closes at the end of a stream and forgets to on an error. A RST moves its socket from
ESTABLISHED straight to CLOSED (RFC 9293 section 3.10.7.4), and the kernel takes it out of the
tables that `ss` and /proc/net/tcp read. The descriptor stays: a ghost, of which `lsof` says
"protocol: TCP" without an address. It counts against RLIMIT_NOFILE like any other.
"""

from linger import connections, scenario

N = connections(100)

EXPECT = {
    "buggy": {"ghosts": N, "descriptors": N},
    "fixed": {"ghosts": 0, "descriptors": 0},
}


@scenario(claims=["cw-error-path-must-release", "cw-no-close-after-recv"])
def test_reset_leak(lab, variant):
    server = lab.server("reset_leak", variant)
    lab.peer("connect hello rst", connections=N).wait()
    lab.happened(server, ESTABLISHED=N)
    lab.happened_event(server, "recv", N, err="ECONNRESET")
    lab.happened(server, CLOSE_WAIT=0, owned=1)  # the listener is all that ss would show
    lab.expect(server, EXPECT[variant])
