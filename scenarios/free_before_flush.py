"""free-before-flush: a libevent server frees its bufferevent before the reply has left.

   bufferevent_write(4,000,000 bytes)   queued in our memory, none of it sent
   bufferevent_free()                   the queue is gone, close() sends a FIN
   client: recv() = 0                   an empty reply, and no error

bufferevent_write() only queues: sending begins when the event loop runs again. Freeing in the same
callback loses everything, even a ten-byte reply (libevent#126; event2/bufferevent.h says that
pending data "probably won't be flushed"). TCP did nothing wrong, so both ends log success: without
a length in the protocol the client takes an empty answer for the whole one.
"""

from linger import connections, scenario

N = connections(10)
REPLY = 4_000_000  # bytes

EXPECT = {
    "buggy": {"bytes": 0, "unsent": N * REPLY},
    "fixed": {"bytes": (N + 1) * REPLY, "unsent": 0},
}


@scenario(claims=["libevent-free-loses-output"])
def test_free_before_flush(lab, variant):
    server = lab.server("free_before_flush", variant)
    peer = lab.peer("connect send:request drain fin", connections=N).wait()
    lab.happened_event(server, "reply", N, bytes=REPLY)  # every request was answered
    lab.happened_event(peer, "done", 1, action="drain", count=N)  # and no client saw an error
    lab.happened_event(server, "end", N)
    unsent = sum(int(end["unsent"]) for end in server.events("end"))
    last = lab.peer("connect send:request half drain").wait()  # half-closed, it wants its reply
    lab.happened_event(server, "reply", N + 1)
    bytes = sum(int(one.events("done", action="drain")[0]["bytes"]) for one in (peer, last))
    lab.expect_values(EXPECT[variant], {"bytes": bytes, "unsent": unsent})
