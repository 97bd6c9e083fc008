"""double-close: a server closes a descriptor twice; the second time it is another client's.

   server                 descriptor 8
   close(8)               belonged to a client that has left
   accept() = 8           now belongs to the next one, which is served
   close(8) again         its connection ends in the middle, and nothing has failed

close(2) frees the number, and the next call that opens something gets the lowest free one. When
the path that ends a session and the one that frees it both close, the second close() hits nothing
(EBADF) on a quiet day and an innocent connection on a busy one; it could just as well be a database
file. The victim's log shows a client that left; the culprit's shows nothing. The cure: one owner
for each descriptor, and -1 in its place once it is closed (libevent#189 is this bug).
"""

from linger import connections, scenario

N = connections(100)

EXPECT = {
    "buggy": ({"ESTABLISHED": 0, "descriptors": 0}, {"served": 0}),
    "fixed": ({"ESTABLISHED": N, "descriptors": N}, {"served": N}),
}


@scenario(claims=["fd-double-close"], held=N)
def test_double_close(lab, variant):
    left, served = EXPECT[variant]
    server = lab.server("double_close", variant)
    lab.peer("connect hello fin", connections=N).wait()
    lab.happened_event(server, "end", N, n=0)
    lab.happened(server, CLOSE_WAIT=0, descriptors=0)  # closed once, before the accounts
    bystanders = lab.peer("connect hello await hello stay", connections=N)
    lab.happened_event(bystanders, "done", action="connect", count=N)
    lab.happened(server, ESTABLISHED=2 * N)
    lab.happened_event(bystanders, "await")  # each took a free number and was served
    server.go()
    lab.happened_event(server, "accounts", sessions=N)  # those who have left are freed
    lab.expect(server, left)
    bystanders.go()
    bystanders.said("stay")
    count = bystanders.events("done")[-1]["count"]
    lab.expect_values(served, {"served": int(count)})
    server.go()
    lab.happened_event(server, "accounts", 2)  # the second time: nothing is left to close
