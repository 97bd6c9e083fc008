"""poisoned-pool: one reply too many, and every request gets the answer to another one.

   client                        server
     | ---- GET /1 ------------> |
     | <--- 200, 1000 bytes ---- |
     | <--- 200, 23 bytes ------ |   nobody asked for this one
     | ---- GET /2 ------------> |
       answer to 2: 23 bytes     |
     | <--- 200, 1000 bytes ---- |   the answer to 2, taken for the answer to 3

In HTTP/1.1 a reply does not name its request: only the order counts (RFC 9112 section 9.2). So a
connection that has received anything unsolicited cannot be used again: a 408 that crossed the
request, the rest of a reply whose reader gave up, a bug in the server. Close it. A pool that checks
only whether a connection has ended hands it to the next user, with another user's data.

Before a connection is used again, it must have nothing to read: neither in the kernel, nor among
the bytes that the program has already read.
"""

from linger import connections, scenario

N = connections(10) + 1  # requests; the first one gets its own answer in any case
SIZE = 1000  # bytes of the right answer
GOOD = 9001  # the port of a server that sends nothing unsolicited
SILENT = {9002: "-", 9003: "ECONNRESET"}  # ports of servers that close instead of answering

# One connection to the good port, two to each silent one; then one for all requests, or one each.
EXPECT = {
    "buggy": ({"PassiveOpens": 1 + 4 + 1}, {"wrong answers": N // 2}),
    "fixed": ({"PassiveOpens": 1 + 4 + N}, {"wrong answers": 0}),
}


@scenario(claims=["client-poisoned-pool"], held=2)  # each answered client keeps one
def test_poisoned_pool(lab, variant):
    behaviours = "-b unsolicited-now -b good -b unanswered-fin -b unanswered-rst".split()
    server = lab.start("server", "turncoat", *behaviours, "--body", str(SIZE))
    server.said("ready", 4)
    served = lab.client("poisoned_pool", variant, "-p", str(GOOD), connections=N)
    served.said("idle")
    lab.happened_event(served, "answer", N, bytes=SIZE)
    lab.happened_value("server", "accepts", lambda: len(server.events("accept")), 1)  # it is kept
    for port, error in SILENT.items():
        unserved = lab.client("poisoned_pool", variant, "-p", str(port), connections=2)
        lab.happened_event(unserved, "failed", 2, err=error)
        lab.happened_event(unserved, "idle")
    client = lab.client("poisoned_pool", variant, connections=N)
    lab.happened_event(client, "answer", N)
    server.hear("sync 9000")
    server.said("done")
    struck = len(server.events("strike", what="unsolicited"))
    lab.happened_value("server", "replies too many", lambda: struck, ">= 1")
    opened, answers = EXPECT[variant]
    wrong = [answer for answer in client.events("answer") if answer["bytes"] != str(SIZE)]
    lab.expect_values(answers, {"wrong answers": len(wrong)})
    lab.expect(server, opened)
