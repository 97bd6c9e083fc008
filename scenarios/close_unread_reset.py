"""close-unread-reset: a server closes with an upload unread, and its reset discards the answer.

   client            server
     4000 bytes ───> recv() takes 512
         lost × ──── 413, send() succeeds
            <── RST  close(): 3488 bytes are unread
     the rest   ×    nothing is there

close() with unread input sends a RST, because the peer's data was lost (RFC 9293 section 3.6.1). A
RST also discards what the server had sent and the peer had not received: after one lost packet, or
with a peer slower than the server, nothing retransmits it. Web servers meet this with every 413;
nginx calls the remedy lingering_close: FIN, read until the peer closes, close (RFC 9112, 9.6).

You see ECONNRESET instead of the answer, and TCPAbortOnClose counts up. On a fast network without
loss it seems to work: on Linux, what the peer has received survives the RST. RFC 9293 (section
3.10.7.4) has the peer discard it, and RFC 9112 (9.6) warns of that.
"""

from linger import connections, scenario
from linger.lab.faults import drop
from linger.lab.holding import listening

N = connections(10)
REPLY = len("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\n")

EXPECT = {
    "buggy": ({"bytes": 0, "resets": N}, {"TCPAbortOnClose": N + 1}),
    "fixed": ({"bytes": N * REPLY, "resets": 0}, {"TCPAbortOnClose": 0}),
}


@scenario(claims=["lz-default-graceful", "close-unread-resets"])
def test_close_unread_reset(lab, variant):
    found, left = EXPECT[variant]
    lab.server("close_unread_reset", variant, "-p", "9001", "-t", "1")
    stays = lab.peer("connect fill:4000 drain stay", port=9001)  # it never closes
    server = lab.server("close_unread_reset", variant)
    lost = drop(lab.hosts["client"], "psh")  # the first copy of each answer
    peer = lab.peer("connect fill:4000 await fill:4000 drain fin", connections=N)
    lab.happened_event(server, "reply", N, bytes=REPLY)
    lab.happened_value("server", "processes that listen", lambda: listening(server), 1)
    lab.happened_fault(lost, f">= {N}")
    peer.go()  # continue the upload
    peer.said("done", 2, action="fill")
    lost.lift()  # retransmissions arrive
    bytes = int(peer.wait().events("done", action="drain")[0]["bytes"])
    resets = [error for error in peer.events("error") if error["err"] == "ECONNRESET"]
    lab.expect_values(found, {"bytes": bytes, "resets": len(resets)})
    lab.happened_event(stays, "stay")
    lab.expect(server, left)
