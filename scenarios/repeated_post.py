"""repeated-post: a client that repeats failed requests on a new connection orders twice.

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
WITH_RST = 9001  # the port of a server that resets where the other one closes

EXPECT = {
    "buggy": {"orders": 2 * 2 * N},
    "fixed": {"orders": 2 * N},
}


@scenario(claims=["client-repeated-post"], held=2)  # each client may keep the last one
def test_repeated_post(lab, variant):
    behaviours = ("-b", "reused-fin", "-b", "reused-rst")
    server = lab.start("server", "turncoat", *behaviours, "--body", "1000")
    server.said("ready", 2)
    for ending, port in (("fin", 9000), ("rst", WITH_RST)):
        client = lab.client("repeated_post", variant, "-p", str(port), connections=N)
        client.said("idle")
        server.hear(f"sync {port}")
        server.said("done", port=port)
        lab.happened_event(client, "answer", 2 * N, method="GET")
        struck = len(server.events("strike", n=2, what=ending))
        lab.happened_value("server", f"{ending} instead of an answer", lambda: struck, f">= {N}")
    orders = len(server.events("request", method="POST", whole=1))  # read to the end
    lab.expect_values(EXPECT[variant], {"orders": orders}, by="server")
