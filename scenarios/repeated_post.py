"""repeated-post: a client that asks again when a kept connection fails orders everything twice.

   client                             server
     | ------ GET /price -----------> |   connection 1
     | <----- 200 ------------------- |
     | ------ GET /left ------------> |
     | <----- FIN ------------------- |   it closes, as it may
     | ------ GET /left ------------> |   connection 2: asked again, and rightly so
     | <----- 200 ------------------- |
     | ------ POST /order ----------> |   it orders, and then closes
     | <----- FIN ------------------- |
     | ------ POST /order ----------> |   connection 3: ordered twice

A server may close a kept connection at any time, so a request on one can fail although nothing is
wrong, and clients repeat it automatically. For GET that is right. For POST it is a guess that the
server has not acted on it yet, and the client can't find out (RFC 9110 section 9.2.2, RFC 9112
section 9.3.1). libcurl 7.88 and Java's HttpURLConnection repeat it.

Report that the outcome is unknown instead. A request may be repeated if it carries a key by which
the server recognizes it.
"""

from linger import connections, scenario

N = connections(10)

EXPECT = {
    "buggy": {"orders": 2 * N},
    "fixed": {"orders": N},
}


@scenario(claims=["client-repeated-post"], held=1)  # the last one may be kept
def test_repeated_post(lab, variant):
    server = lab.start("server", "turncoat", "-b", "reused-fin", "--body", "1000")
    server.said("ready")
    client = lab.client("repeated_post", variant, connections=N)
    client.said("idle")
    server.hear("sync 9000")
    server.said("done")
    lab.happened_event(client, "answer", 2 * N, method="GET")
    struck = len(server.events("strike", n=2, what="fin"))
    lab.happened_value("server", "closed without an answer", lambda: struck, f">= {N}")
    orders = len(server.events("request", method="POST", whole=1))  # read to the end
    lab.expect_values(EXPECT[variant], {"orders": orders}, by="server")
