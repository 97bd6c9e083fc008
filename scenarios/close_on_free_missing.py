"""close-on-free-missing: bufferevent_free() that frees everything but the socket.

   FIN ──> libevent ──> event_cb(BEV_EVENT_EOF) ──> bufferevent_free() ──> socket still open

The callback runs, the end of the stream was read, the bufferevent is freed: valgrind finds no leak.
But bufferevent_free() closes the socket only if BEV_OPT_CLOSE_ON_FREE was given when the
bufferevent was made (event2/bufferevent.h; libevent#1764). Without it the socket belongs to the
program, which no longer knows its number: CLOSE_WAIT with Recv-Q 0 (RFC 9293 section 3.6, case 2).
"""

from linger import connections, scenario

N = connections(100)

EXPECT = {
    "buggy": {"CLOSE_WAIT": N, "descriptors": N},
    "fixed": {"CLOSE_WAIT": 0, "descriptors": 0},
}


@scenario(claims=["cw-cause-missing-close", "cw-libevent-close-on-free"])
def test_close_on_free_missing(lab, variant):
    server = lab.server("close_on_free_missing", variant)
    lab.peer("connect hello fin", connections=N).wait()
    lab.happened(server, ESTABLISHED=N)
    lab.happened_event(server, "end", N, why="eof")  # the program knows of each
    lab.expect(server, EXPECT[variant])
