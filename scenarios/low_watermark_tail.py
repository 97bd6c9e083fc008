"""low-watermark-tail: a libevent server loses the bytes that are below its low watermark at EOF.

   client: 700 bytes, FIN          server: low watermark 512
                                     read callback:  one record of 512
                                     event callback: EOF; 188 bytes are left in the input buffer

bufferevent_setwatermark(EV_READ, 512, 0) asks for no read callback below a whole record. At the end
of the stream only the event callback is called, with BEV_EVENT_EOF, and bufferevent_free() there
discards the rest. TCP delivered everything, the close is graceful on both sides, and files whose
length is a multiple of 512 arrive whole.
"""

from linger import connections, scenario

N = connections(10)
FILE, RECORD = 700, 512  # bytes

EXPECT = {
    "buggy": {"stored": N * RECORD, "lost": N * (FILE - RECORD)},
    "fixed": {"stored": N * FILE, "lost": 0},
}


@scenario(claims=["libevent-watermark-tail"])
def test_low_watermark_tail(lab, variant):
    server = lab.server("low_watermark_tail", variant)
    lab.peer(f"connect fill:{FILE} fin", connections=N).wait()
    lab.happened_event(server, "end", N, eof=1)  # every stream ended without an error
    server.said("record", N, bytes=RECORD)  # after a first, whole record
    stored = sum(int(record["bytes"]) for record in server.events("record"))
    left = sum(int(end["left"]) for end in server.events("end"))
    lab.expect_values(EXPECT[variant], {"stored": stored, "lost": left}, by="server")
