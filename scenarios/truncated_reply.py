"""truncated-reply: a client takes a truncated reply for a complete one.

   client                             server
     | ------ GET /file ------------> |
     | <----- Content-Length: 1000 -- |
     | <----- 500 bytes, FIN -------- |   it was killed, say
     | ------ DELETE /file ---------> |   and now the file is lost

A FIN ends the bytes, not the message: a server that crashes, is redeployed or runs out of time
sends the same FIN as a server that has finished, and recv() returns 0 for both (recv(2)). Only the
message shows whether it is whole: by its Content-Length, or by its last chunk (RFC 9112 section
8). About a third of 31 HTTP clients reported a truncated reply as a success.

Count the bytes, and compare. A body with neither a length nor chunks ends with the connection, and
then nobody can tell.
"""

from linger import connections, scenario

N = connections(10)
SIZE = 1000  # bytes of the file
WHOLE = 9001  # the port of a server that finishes

EXPECT = {
    "buggy": ({"deleted": N}, {"saved": N}),  # files of which only half has arrived
    "fixed": ({"deleted": 0}, {"saved": 0}),
}


@scenario(claims=["client-truncated-reply"])
def test_truncated_reply(lab, variant):
    behaviours = ("-b", "short-length-fin-close", "-b", "good", "--body", str(SIZE))
    server = lab.start("server", "turncoat", *behaviours)
    server.said("ready", 2)
    lab.client("truncated_reply", variant, "-p", str(WHOLE), connections=N).said("idle")
    lab.happened_event(server, "request", N, method="DELETE", whole=1)  # of whole files
    client = lab.client("truncated_reply", variant, connections=N)
    client.said("idle")
    server.hear("sync 9000")
    server.said("done")
    cut = len(server.events("sent", body=SIZE // 2, whole=0))
    lab.happened_value("server", "replies cut off", lambda: cut, f">= {N}")
    deleted, saved = EXPECT[variant]
    found = len(server.events("request", method="DELETE", whole=1)) - N
    lab.expect_values(saved, {"saved": len(client.events("saved"))})
    lab.expect_values(deleted, {"deleted": found}, by="server")
