"""write-into-closewait: the first write after the peer's close succeeds, and its data is lost.

   log shipper              collector
     line 1         ───>      close() while the connection is idle
     CLOSE_WAIT     <─── FIN
     line 2: send() ok ──>    nothing is there
                    <─── RST
     line 3: send() = -1 EPIPE; reconnects, sends line 3 again

CLOSE_WAIT allows sending (RFC 9293 section 3.6, case 2), and send(2) promises that the kernel took
the bytes, not that they arrived. A program that only writes never reads the FIN, so each restart of
the collector loses one line, and no error ever mentions it (rsyslog#939).

Look for the end of the stream before each write: poll(2) for POLLIN or POLLRDHUP, or recv() with
MSG_PEEK. A FIN on its way is still missed: only an acknowledgement by the application closes that
gap.
"""

from linger import connections, scenario

N = connections(10)
LINE = len("line 1\n")

EXPECT = {
    "buggy": {"bytes": N * LINE, "EPIPE": N},  # line 3 alone
    "fixed": {"bytes": N * LINE * 2, "EPIPE": 0},  # lines 2 and 3
}


@scenario(claims=["cw-first-write-vanishes"])
def test_write_into_closewait(lab, variant):
    collector = lab.peer(f"listen accept recv:{LINE} fin accept drain", N, at="server")
    shipper = lab.client("write_into_closewait", variant, connections=N)
    lab.happened_event(shipper, "shipped", 1, lines=N)
    lab.happened(shipper, CLOSE_WAIT=N)  # the collector closed every connection
    shipper.go()
    lab.happened_event(shipper, "shipped", 2, lines=N)
    lab.happened(shipper, CLOSE_WAIT=0)  # reset by the collector's host, or closed
    shipper.go()
    # All three went out, as far as the shipper knows.
    lab.happened_event(shipper, "shipped", 3, lines=N)
    lab.happened(shipper, descriptors=N)  # it keeps none of those that it gave up
    shipper.go()
    shipper.wait()
    bytes = int(collector.wait().events("done")[-1]["bytes"])
    broken = [again for again in shipper.events("reconnect") if again["err"] == "EPIPE"]
    lab.expect_values(EXPECT[variant], {"bytes": bytes, "EPIPE": len(broken)})
