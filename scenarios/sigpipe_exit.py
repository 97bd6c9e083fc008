"""sigpipe-exit: one impatient client ends a server that writes without MSG_NOSIGNAL.

   client                            server (busy)
     request, close()  ───> FIN        CLOSE_WAIT, waiting to be accepted
                       <─── download   send() ok: the kernel cannot know yet
     RST               ───>            send() = -1 EPIPE ... and SIGPIPE

With EPIPE comes SIGPIPE (send(2)), which by default ends the process (signal(7)): no core, no line
in its log, and every other client is cut off because one pressed Stop. Pass MSG_NOSIGNAL to every
send(). write(), writev() and sendfile() have no such flag; for them a program ignores SIGPIPE once,
at its start; a library cannot rely on that.
"""

from linger import connections, scenario

N = connections(10)
DOWNLOAD = 8_000_000  # bytes

EXPECT = {
    "buggy": {"server": "was ended by SIGPIPE", "EPIPE": 0, "bytes": 0},
    "fixed": {"server": "still runs", "EPIPE": N, "bytes": DOWNLOAD},
}


@scenario(claims=["sigpipe-ends-server"])
def test_sigpipe_exit(lab, variant):
    server = lab.server("sigpipe_exit", variant)
    server.freeze()  # too busy to accept
    lab.peer("connect send:request fin", connections=N).wait()
    lab.happened(server, CLOSE_WAIT=N)  # they asked, and left
    server.thaw()
    later = lab.peer("connect send:request drain")  # somebody else
    lab.happened(later, ActiveOpens=N + 1)
    bytes = int(later.said("done", 3)["bytes"])
    ending = server.ending(within=0.2)
    gone = [served for served in server.events("served") if served["err"] == "EPIPE"]
    lab.expect_values(EXPECT[variant], {"server": ending, "EPIPE": len(gone), "bytes": bytes})
