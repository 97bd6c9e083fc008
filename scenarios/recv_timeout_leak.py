"""recv-timeout-leak: a server gives up on a slow client and does not close the connection.

   client                      server
     | -- half a line ---------> |  recv() ... -1 EAGAIN: "too slow", return
     | -- FIN, later ----------> |  CLOSE_WAIT, and nobody reads it

SO_RCVTIMEO makes recv() return -1 with EAGAIN (socket(7)). It ends the wait, not the connection.
When the client finally leaves, its FIN moves the socket to CLOSE_WAIT (RFC 9293 section 3.6) and
stays in the receive queue: `ss` shows Recv-Q 1, because this program never read the end of the
stream. In closewait-leak it did, and Recv-Q is 0. But 0 alone proves nothing: one read can take
data and the FIN behind it. A client that never leaves stays ESTABLISHED, although the server has
given up on it.
"""

from linger import connections, scenario

N = connections(20)

EXPECT = {
    "buggy": {"CLOSE_WAIT": N, "CLOSE_WAIT.unread": N, "ESTABLISHED": N, "descriptors": 2 * N},
    "fixed": {"CLOSE_WAIT": 0, "CLOSE_WAIT.unread": 0, "ESTABLISHED": 0, "descriptors": 0},
}


@scenario(claims=["cw-close-after-timeout", "cw-no-close-after-recv"])
def test_recv_timeout_leak(lab, variant):
    server = lab.server("recv_timeout_leak", variant, "-t", "0.01")
    leaving = lab.peer("connect hello fill:300 await fin", connections=N)  # a line without its end
    lab.peer("connect hello fill:300 stay", connections=N)
    # The server has given up on each, while the client lives.
    lab.happened_event(server, "recv", 2 * N, err="EAGAIN")
    leaving.go()  # and now half of them leave
    leaving.wait()
    lab.expect(server, EXPECT[variant])
