"""timewait-owner: the side that closes first keeps the TIME_WAIT; it need not be the server.

   client                       server
     hello      ───────>          answers
                <───────  FIN   close(): it is first, and waits 60 s in TIME_WAIT
     close()    ───────>

The end that sends the first FIN cannot know that its last ACK arrived, so it stays in TIME_WAIT
for twice the maximum segment lifetime (RFC 9293 section 3.6.1), on Linux 60 seconds. A busy
server that closes after each answer collects the TIME_WAITs of all its clients: a hundred a
second are six thousand. If the server leaves the close to the client, each client keeps its own.

A server needs a time limit for clients that never close; that is another lesson
(idle-connection).
"""

from linger import connections, scenario

N = connections(100)

EXPECT = {
    "buggy": {"server": {"TIME_WAIT": N}, "client": {"TIME_WAIT": 0}},
    "fixed": {"server": {"TIME_WAIT": 0}, "client": {"TIME_WAIT": N}},
}


@scenario(claims=["tw-active-side"])
def test_timewait_owner(lab, variant):
    server = lab.server("timewait_owner", variant)
    crowd = lab.peer("connect hello await fin stay", connections=N)
    # By now the server has closed, if it ever closes first.
    lab.happened_event(server, "answered", N)
    crowd.go()
    lab.happened_event(crowd, "stay")  # and the clients have closed, too
    lab.happened(server, ESTABLISHED=N)
    lab.expect(server, EXPECT[variant]["server"])
    lab.expect(crowd, EXPECT[variant]["client"])
